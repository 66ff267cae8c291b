//! `aws-auth` while it changes, at an API server that holds objects.
//!
//! Nothing here sleeps to synchronise: a test awaits the next published value, or what the server was asked.

mod faults;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use iam_bridge::clock::Clock;
use iam_bridge::kubernetes::ClusterAccess;
use iam_bridge::mapping::SourceKind;
use iam_bridge::sources::{SourceSettings, SourceState};
use iam_bridge::telemetry::log::{Format, Lines};
use serde_json::{Value, json};
use tempfile::TempDir;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;

use super::following::Following;
use super::mapping::ask;
use crate::harness::object_server::{AWS_AUTH, EVENTS, ObjectServer};

/// A source that follows the aws-auth of a server.
struct Followed {
    server: ObjectServer,
    following: Following,
    log: Log,
    folder: TempDir,
}

impl Deref for Followed {
    type Target = Following;

    fn deref(&self) -> &Following {
        &self.following
    }
}

/// What is logged on this thread.
struct Log {
    bytes: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl Log {
    fn keep() -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&bytes);
        let keep = move |line: &[u8]| kept.lock().unwrap().extend_from_slice(line);
        let lines = Lines::new(Format::Text, LevelFilter::INFO, Clock::system(), keep);
        Self { bytes, _guard: tracing::subscriber::set_default(lines) }
    }

    fn lines_with(&self, words: &str) -> Vec<String> {
        let text = String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }
}

impl Followed {
    /// With this data there at the start, and its first table read.
    async fn start(data: Value) -> Self {
        let server = ObjectServer::start().await;
        server.put(AWS_AUTH, aws_auth(data));
        let followed = Self::follow(server).await;
        followed.until_state("the first table", |state| state.published).await;
        followed
    }

    /// Whatever the server has.
    async fn follow(server: ObjectServer) -> Self {
        let folder = TempDir::new().unwrap();
        let kubeconfig = server.kubeconfig(folder.path());
        Self::follow_by(server, folder, kubeconfig).await
    }

    async fn follow_by(server: ObjectServer, folder: TempDir, kubeconfig: PathBuf) -> Self {
        let log = Log::keep();
        let following = Following::start(&settings(&kubeconfig)).await;
        Self { server, following, log, folder }
    }

    fn put(&self, data: Value) {
        self.server.put(AWS_AUTH, aws_auth(data));
    }

    /// Waits until there are so many Events; yields type, reason and note of each, in order.
    async fn events(&self, count: usize) -> Vec<(String, String, String)> {
        self.server.until_objects(EVENTS, |events| events.len() >= count).await;
        let text = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        let events = self.server.objects(EVENTS);
        events.iter().map(|event| (text(event, "type"), text(event, "reason"), text(event, "note"))).collect()
    }
}

fn settings(kubeconfig: &Path) -> SourceSettings {
    SourceSettings {
        backend_modes: vec![SourceKind::EksConfigMap],
        config_file: None,
        cluster: ClusterAccess { kubeconfig: Some(kubeconfig.to_owned()), ..ClusterAccess::default() },
        ..SourceSettings::mounted_file(PathBuf::new())
    }
}

fn aws_auth(data: Value) -> Value {
    let metadata = json!({"name": "aws-auth", "namespace": "kube-system"});
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    object["data"] = data;
    object
}

/// A `mapRoles` of these roles and names.
fn roles(mapped: &[(&str, &str)]) -> String {
    let entry = |(role, name): &(&str, &str)| {
        format!("- rolearn: arn:aws:iam::111122223333:role/{role}\n  username: {name}\n  groups: [people]\n")
    };
    mapped.iter().map(entry).collect()
}

#[tokio::test]
async fn what_is_added_changed_and_deleted_in_aws_auth_is_served() {
    let followed = Followed::start(json!({"mapRoles": roles(&[("Dev", "one")])})).await;
    assert_eq!(followed.username("Dev").as_deref(), Some("one"));
    followed.put(json!({"mapRoles": roles(&[("Dev", "two"), ("Ops", "ops")]), "mapAccounts": "['444455556666']"}));
    followed.until_named("Dev", Some("two")).await;
    followed.until_named("Ops", Some("ops")).await;
    assert_eq!(followed.metric("source_entries{source=\"EKSConfigMap\"}"), 3);
    followed.put(json!({"mapRoles": roles(&[("Ops", "ops")])}));
    followed.until_named("Dev", None).await;
    followed.put(json!({"mapUsers": "[]"}));
    followed.until_named("Ops", None).await;
    followed.put(json!({"mapRoles": roles(&[("Dev", "three")])}));
    followed.until_named("Dev", Some("three")).await;
    followed.server.delete(AWS_AUTH, "aws-auth");
    followed.until_named("Dev", None).await;
    assert_eq!(followed.log.lines_with("there is no ConfigMap kube-system/aws-auth").len(), 1);
    followed.put(json!({"mapRoles": roles(&[("Dev", "four")])}));
    followed.until_named("Dev", Some("four")).await;
    assert!(!followed.stale());
    assert!(followed.server.objects(EVENTS).is_empty(), "no Event tells that all is well still");
}

#[tokio::test]
async fn a_cluster_without_aws_auth_maps_nobody_and_is_ready() {
    let followed = Followed::follow(ObjectServer::start().await).await;
    let state = followed.until_state("the list", SourceState::is_settled).await;
    assert_eq!((state.published, state.fault), (true, None));
    // Another ConfigMap is nobody's business.
    let other = json!({"metadata": {"name": "other"}, "data": {"mapRoles": roles(&[("Dev", "other")])}});
    followed.server.put(AWS_AUTH, other);
    followed.put(json!({"mapRoles": roles(&[("Dev", "one")])}));
    followed.until_named("Dev", Some("one")).await;
}

#[tokio::test]
async fn a_version_that_brings_no_other_content_makes_no_table() {
    let followed = Followed::start(json!({"mapRoles": roles(&[("Dev", "one")])})).await;
    for round in 0..5 {
        let mut same = aws_auth(json!({"mapRoles": roles(&[("Dev", "one")]), "other": round.to_string()}));
        same["metadata"]["annotations"] = json!({"round": round.to_string()});
        followed.server.put(AWS_AUTH, same);
    }
    followed.put(json!({"mapRoles": roles(&[("Dev", "two")])}));
    followed.until_named("Dev", Some("two")).await;
    assert_eq!(followed.tables(), 2);
}

#[tokio::test]
async fn a_value_that_is_broken_keeps_what_it_said_beside_the_others_until_it_is_mended() {
    let followed = Followed::start(json!({"mapRoles": roles(&[("Admin", "admin")]), "mapUsers": "[]"})).await;
    let broken = "- rolearn: arn:aws:iam::111122223333:role/Admin\n  username: [admin\n";
    let users = "- userarn: arn:aws:iam::111122223333:user/jo\n  username: jo\n";
    followed.put(json!({"mapRoles": broken, "mapUsers": users}));
    let fault = followed.until_fault("mapRoles").await;
    assert!(fault.starts_with("kube-system/aws-auth") && fault.contains("yaml-syntax"), "{fault}");
    assert_eq!(followed.username("Admin").as_deref(), Some("admin"), "who could mend it can");
    let jo = ask(&followed.chain, "arn:aws:iam::111122223333:user/jo").unwrap();
    assert_eq!(jo.username, "jo", "the other values are read as they are now");
    assert!(followed.stale());
    let [(kind, reason, note)] = &followed.events(1).await[..] else { panic!("one Event") };
    assert_eq!((kind.as_str(), reason.as_str()), ("Warning", "MappingsNotUsed"));
    assert!(note.contains("the last good mappings stay") && note.contains("mapRoles"), "{note}");

    // Broken in the same way still: nothing new to tell.
    followed.put(json!({"mapRoles": broken, "mapUsers": users, "note": "on it"}));
    followed.put(json!({"mapRoles": roles(&[("Admin", "mended")]), "mapUsers": users}));
    followed.until_named("Admin", Some("mended")).await;
    followed.until_good().await;
    assert!(!followed.stale());
    let events = followed.events(2).await;
    assert_eq!((events[1].0.as_str(), events[1].1.as_str()), ("Normal", "MappingsUsed"), "{events:?}");
    let told = followed.log.lines_with("source is not used as it is");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the last good mappings stay"), "{told:?}");
    let about = &followed.server.objects(EVENTS)[0];
    assert_eq!((&about["regarding"]["name"], &about["regarding"]["kind"]), (&json!("aws-auth"), &json!("ConfigMap")));
    assert_eq!(about["reportingController"], "iam-bridge");
}

#[tokio::test]
async fn a_bad_entry_is_dropped_alone_and_told_and_nothing_is_stale() {
    let text = roles(&[("Dev", "dev")]) + "- username: nobody\n  groups: [a]\n" + &roles(&[("Ops", "ops")]);
    let followed = Followed::start(json!({"mapRoles": text})).await;
    assert_eq!((followed.username("Dev"), followed.username("Ops")), (Some("dev".into()), Some("ops".into())));
    assert_eq!(followed.metric("source_dropped_entries{source=\"EKSConfigMap\"}"), 1);
    assert!(!followed.stale());
    let told = followed.log.lines_with("mapping is dropped");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("mapRoles[1]"), "{told:?}");
}

#[tokio::test]
async fn the_first_data_that_cannot_be_parsed_leaves_the_source_not_ready() {
    let server = ObjectServer::start().await;
    server.put(AWS_AUTH, aws_auth(json!({"mapRoles": "- [\n"})));
    let followed = Followed::follow(server).await;
    followed.until_fault("yaml-syntax").await;
    assert!(!followed.sources.state().now().ready());
    followed.put(json!({"mapRoles": roles(&[("Dev", "dev")])}));
    followed.until_named("Dev", Some("dev")).await;
    followed.until_good().await;
    assert!(followed.sources.state().now().ready());
}

#[tokio::test]
async fn data_that_is_too_large_or_a_bomb_keeps_the_last_good_mappings() {
    let followed = Followed::start(json!({"mapRoles": roles(&[("Dev", "dev")])})).await;
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let half = "# ".repeat(300 * 1024);
    let many: String = (0..20_001).map(|_| "- a\n").collect();
    for (data, words) in [
        (json!({"mapRoles": bomb}), "mapRoles"),
        (json!({"mapRoles": format!("{half}\n[]"), "mapUsers": format!("{half}\n[]")}), "too-large"),
        (json!({"mapRoles": many}), "too-many"),
        (json!({"mapRoles": "{a: b}"}), "bad-type"),
    ] {
        followed.put(data);
        followed.until_fault(words).await;
        assert_eq!(followed.username("Dev").as_deref(), Some("dev"), "{words}");
    }
    followed.put(json!({"mapRoles": roles(&[("Dev", "new")])}));
    followed.until_named("Dev", Some("new")).await;
}
