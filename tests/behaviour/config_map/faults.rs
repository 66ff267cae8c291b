//! The API server is away, refuses, forgets or hurries: what is served meanwhile, and how often it is asked.

use std::fs;
use std::sync::Arc;

use iam_bridge::clock::Clock;
use iam_bridge::mapping::SourceKind;
use iam_bridge::sources::{self, SourceSettings};
use iam_bridge::telemetry::Metrics;
use serde_json::json;
use tempfile::TempDir;

use super::{Followed, aws_auth, roles, settings};
use crate::behaviour::following::{session_of, until};
use crate::behaviour::mapping::ask;
use crate::harness::object_server::{AWS_AUTH, Manners, ObjectServer};

const MOUNTED: &str =
    "clusterID: c\nserver:\n  mapRoles:\n  - rolearn: arn:aws:iam::111122223333:role/Dev\n    username: mounted\n";

#[tokio::test]
async fn api_1_with_the_api_server_absent_at_start_a_file_serves_at_once_and_aws_auth_joins_later() {
    let (server, folder) = (ObjectServer::start().await, TempDir::new().unwrap());
    server.put(AWS_AUTH, aws_auth(json!({"mapRoles": roles(&[("Ops", "ops")])})));
    server.behave(Manners { away: true, ..Manners::default() });
    let config = folder.path().join("config.yaml");
    fs::write(&config, MOUNTED).unwrap();
    let settings = SourceSettings {
        backend_modes: vec![SourceKind::MountedFile, SourceKind::EksConfigMap],
        config_file: Some(config),
        ..settings(&server.kubeconfig(folder.path()))
    };
    let (chain, sources) = sources::start(&settings, Arc::new(Metrics::new().unwrap()), Clock::system()).await.unwrap();
    let chain = (*chain.now()).clone();
    let named = |role: &str| ask(&chain, &session_of(role)).ok().map(|user| user.username);
    assert_eq!(named("Dev").as_deref(), Some("mounted"), "when the start returns");
    let state = sources.state();
    until(&mut state.clone(), || state.now().sources[1].fault.is_some(), "the fault").await;
    let fault = state.now().sources[1].fault.clone().unwrap();
    assert!(fault.contains("the API server cannot be reached"), "{fault}");
    assert!(!state.now().ready());
    server.behave(Manners::default());
    let mut table = chain.tables[1].clone();
    until(&mut table, || named("Ops").as_deref() == Some("ops"), "aws-auth").await;
    until(&mut state.clone(), || state.now().ready(), "readiness").await;
}

#[tokio::test]
async fn a_kubeconfig_that_is_written_later_is_found() {
    let (server, folder) = (ObjectServer::start().await, TempDir::new().unwrap());
    server.put(AWS_AUTH, aws_auth(json!({"mapRoles": roles(&[("Dev", "dev")])})));
    let path = folder.path().join("to-come");
    let followed = Followed::follow_by(server, folder, path.clone()).await;
    let fault = followed.until_fault("kubeconfig").await;
    assert!(fault.contains(&*path.to_string_lossy()), "{fault}");
    fs::rename(followed.server.kubeconfig(followed.folder.path()), path).unwrap();
    followed.until_named("Dev", Some("dev")).await;
    followed.until_good().await;
    assert!(followed.sample("aws_iam_authenticator_configmap_watch_failures_total") >= 1);
}

#[tokio::test]
async fn api_2_closed_watches_410_and_5xx_leave_no_empty_phase_and_what_changes_is_seen() {
    let followed = Followed::start(json!({"mapRoles": roles(&[("Admin", "admin"), ("Dev", "start")])})).await;
    let asked = followed.server.requests().len();
    for (name, manners) in [
        ("closed", Manners { close_watches: true, ..Manners::default() }),
        ("gone", Manners { gone: true, ..Manners::default() }),
        ("without-bookmarks", Manners { no_bookmarks: true, ..Manners::default() }),
    ] {
        followed.server.behave(manners);
        followed.put(json!({"mapRoles": roles(&[("Admin", "admin"), ("Dev", name)])}));
        let mut table = followed.chain.tables[0].clone();
        let named = || {
            assert_eq!(followed.username("Admin").as_deref(), Some("admin"), "no empty phase");
            followed.username("Dev").as_deref() == Some(name)
        };
        until(&mut table, named, name).await;
        assert!(!followed.stale(), "{name}: a watch that is taken up again is no fault");
    }
    followed.server.behave(Manners { refuse: Some(503), ..Manners::default() });
    followed.until_fault("(503)").await;
    assert!(followed.stale());
    assert_eq!(followed.username("Admin").as_deref(), Some("admin"));
    followed.put(json!({"mapRoles": roles(&[("Admin", "admin"), ("Dev", "back")])}));
    followed.server.behave(Manners::default());
    followed.until_named("Dev", Some("back")).await;
    followed.until_good().await;
    assert!(!followed.stale());
    let asked = followed.server.requests().len() - asked;
    assert!(asked < 40, "{asked} requests");
    assert_eq!(followed.log.lines_with("source is not used as it is").len(), 1);
    assert_eq!(followed.log.lines_with("the source is good again").len(), 1);
}

#[tokio::test]
async fn api_4_of_a_quick_deletion_and_creation_the_last_state_wins_and_what_comes_late_is_no_news() {
    let followed = Followed::start(json!({"mapRoles": roles(&[("Dev", "start")])})).await;
    let mut late = followed.server.objects(AWS_AUTH)[0].clone();
    for round in 0..20 {
        followed.server.delete(AWS_AUTH, "aws-auth");
        followed.put(json!({"mapRoles": roles(&[("Dev", &format!("n{round}"))])}));
    }
    followed.until_named("Dev", Some("n19")).await;
    // The object of the beginning once more, and its deletion, both out of order.
    late["data"]["mapRoles"] = roles(&[("Dev", "late")]).into();
    followed.server.say(AWS_AUTH, "MODIFIED", late.clone());
    followed.server.say(AWS_AUTH, "DELETED", late);
    let tables = followed.tables();
    followed.put(json!({"mapRoles": roles(&[("Dev", "n19"), ("Ops", "ops")])}));
    followed.until_named("Ops", Some("ops")).await;
    assert_eq!((followed.username("Dev").as_deref(), followed.tables()), (Some("n19"), tables + 1));
    followed.server.delete(AWS_AUTH, "aws-auth");
    followed.until_named("Dev", None).await;
}

#[tokio::test]
async fn api_5_a_right_that_is_revoked_in_flight_keeps_the_last_table_stale_and_told_once() {
    let followed = Followed::start(json!({"mapRoles": roles(&[("Dev", "start")])})).await;
    followed.put(json!({"mapRoles": roles(&[("Dev", "before")])}));
    followed.until_named("Dev", Some("before")).await;
    let before = followed.server.requests().len();
    followed.server.behave(Manners { refuse: Some(403), ..Manners::default() });
    let fault = followed.until_fault("(403)").await;
    assert!(fault.contains("`configmaps` in `kube-system`") && fault.contains("grant get, list and watch"), "{fault}");
    // A few tries later it is still said once, and the tries are few.
    followed.server.until_requests(before + 4).await;
    assert_eq!(followed.username("Dev").as_deref(), Some("before"));
    assert!(followed.stale());
    assert!(followed.metric("watch_faults_total{source=\"EKSConfigMap\"}") >= 2);
    assert!(followed.sample("aws_iam_authenticator_configmap_watch_failures_total") >= 2);
    followed.server.behave(Manners::default());
    followed.put(json!({"mapRoles": roles(&[("Dev", "after")])}));
    followed.until_named("Dev", Some("after")).await;
    followed.until_good().await;
    assert!(!followed.stale());
    let told = followed.log.lines_with("refuses us the right to list");
    assert!(told.len() <= 1, "{told:#?}");
    assert_eq!(followed.log.lines_with("the source is good again").len(), 1);
}

#[tokio::test]
async fn a_reload_asks_the_api_server_at_once_with_a_client_made_anew() {
    let followed = Followed::start(json!({"mapRoles": roles(&[("Dev", "start")])})).await;
    let lists = |asked: &[crate::harness::object_server::Asked]| asked.iter().filter(|one| one.lists(AWS_AUTH)).count();
    followed.sources.reload();
    followed.server.until(|asked| lists(asked) == 2).await;
    followed.put(json!({"mapRoles": roles(&[("Dev", "after")])}));
    followed.until_named("Dev", Some("after")).await;
    assert_eq!(followed.tables(), 2);
}
