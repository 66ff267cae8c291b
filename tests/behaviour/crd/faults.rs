//! What an API server can do wrong, and a CRD that is missing or old.

use std::path::PathBuf;

use iam_bridge::kubernetes::IAMIdentityMapping;
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::{Followed, mapping, object};
use crate::behaviour::following::until;
use crate::harness::object_server::{IDENTITY_MAPPINGS, Manners, ObjectServer};

/// API-2 and API-3.
#[tokio::test]
async fn half_a_list_replaces_nothing_and_a_whole_one_does() {
    let followed = Followed::start(&[mapping("a", "A", "a"), mapping("b", "B", "b"), mapping("c", "C", "c")]).await;
    followed.server.behave(Manners { list_half: true, gone: true, ..Manners::default() });
    followed.until_fault("(500)").await;
    assert!(followed.stale());
    followed.server.delete(IDENTITY_MAPPINGS, "c");
    followed.put(mapping("a", "A", "anew"));
    for role in ["A", "B", "C"] {
        assert_eq!(followed.username(role), Some(role.to_lowercase()), "the last good table stays");
    }
    followed.server.behave(Manners::default());
    followed.until_good().await;
    assert_eq!(followed.username("A").as_deref(), Some("anew"));
    assert_eq!((followed.username("B").as_deref(), followed.username("C")), (Some("b"), None));
    assert!(!followed.stale());
}

#[tokio::test]
async fn a_list_that_shows_nothing_new_makes_no_table() {
    let followed = Followed::start(&[mapping("a", "A", "a")]).await;
    let lists = |asked: &[crate::harness::object_server::Asked]| {
        asked.iter().filter(|one| one.lists(IDENTITY_MAPPINGS)).count()
    };
    let before = lists(&followed.server.requests());
    followed.server.behave(Manners { gone: true, ..Manners::default() });
    followed.server.until(|asked| lists(asked) > before).await;
    followed.server.behave(Manners::default());
    followed.put(mapping("b", "B", "b"));
    followed.until_named("B", Some("b")).await;
    assert_eq!(followed.tables(), 2, "the first, and that with the new mapping");
}

#[tokio::test]
async fn changes_that_come_twice_or_late_undo_nothing() {
    let followed = Followed::start(&[]).await;
    let old = followed.server.put(IDENTITY_MAPPINGS, mapping("a", "A", "old"));
    followed.put(mapping("a", "A", "new"));
    followed.until_named("A", Some("new")).await;
    followed.server.say(IDENTITY_MAPPINGS, "MODIFIED", old.clone());
    followed.server.say(IDENTITY_MAPPINGS, "DELETED", old.clone());
    followed.put(mapping("b", "B", "b"));
    followed.until_named("B", Some("b")).await;
    assert_eq!(followed.username("A").as_deref(), Some("new"));

    followed.server.delete(IDENTITY_MAPPINGS, "a");
    followed.until_named("A", None).await;
    followed.server.say(IDENTITY_MAPPINGS, "MODIFIED", old);
    followed.put(mapping("c", "C", "c"));
    followed.until_named("C", Some("c")).await;
    assert_eq!(followed.username("A"), None, "what was deleted stays so");
}

/// API-4.
#[tokio::test]
async fn an_object_that_is_deleted_and_made_anew_is_the_new_one() {
    let followed = Followed::start(&[mapping("a", "A", "first")]).await;
    for round in 0..5 {
        followed.server.delete(IDENTITY_MAPPINGS, "a");
        followed.put(mapping("a", "A", &format!("round-{round}")));
    }
    followed.until_named("A", Some("round-4")).await;
}

/// API-5.
#[tokio::test]
async fn a_right_that_is_taken_away_leaves_the_last_table() {
    let followed = Followed::start(&[mapping("a", "A", "a")]).await;
    followed.server.behave(Manners { refuse: Some(403), ..Manners::default() });
    let fault = followed.until_fault("(403)").await;
    assert!(fault.contains("RBAC"), "{fault}");
    assert!(followed.stale());
    assert_eq!(followed.username("A").as_deref(), Some("a"));
    followed.server.behave(Manners::default());
    followed.until_good().await;
    assert!(!followed.stale());
}

#[tokio::test]
async fn a_crd_that_is_not_installed_is_told_and_joins_when_it_is() {
    let followed = Followed::follow(ObjectServer::start().await, false).await;
    let fault = followed.until_fault("not installed").await;
    assert!(fault.contains("deploy/iamidentitymapping.yaml"), "{fault}");
    assert!(!followed.sources.state().now().ready());
    followed.server.open(IDENTITY_MAPPINGS);
    followed.put(mapping("a", "A", "a"));
    followed.until_named("A", Some("a")).await;
    followed.until_good().await;
    assert!(followed.sources.state().now().ready());
}

#[tokio::test]
async fn a_reload_lists_anew() {
    let followed = Followed::start(&[mapping("a", "A", "a")]).await;
    let lists = followed.server.requests().iter().filter(|asked| asked.lists(IDENTITY_MAPPINGS)).count();
    followed.sources.reload();
    let again = |asked: &[crate::harness::object_server::Asked]| {
        asked.iter().filter(|asked| asked.lists(IDENTITY_MAPPINGS)).count() > lists
    };
    followed.server.until(again).await;
    assert_eq!(followed.username("A").as_deref(), Some("a"));
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_a_fault_of_the_source_alone() {
    let settings = super::settings(PathBuf::from("/nowhere/kubeconfig"), false);
    let metrics = std::sync::Arc::new(iam_bridge::telemetry::Metrics::new().unwrap());
    let started = iam_bridge::sources::start(&settings, metrics, iam_bridge::clock::Clock::system()).await;
    let (_chain, sources) = started.unwrap();
    let state = sources.state();
    let told = || state.now().sources[0].fault.as_deref().is_some_and(|fault| fault.contains("/nowhere/kubeconfig"));
    until(&mut state.clone(), told, "the file is named").await;
}

/// The reference's CRD lacks our keys, so the API server drops them from objects: a pin that is written and not kept
/// must be heard of.
#[tokio::test]
async fn a_crd_without_our_keys_is_told_by_a_gauge_until_ours_is_installed() {
    let server = ObjectServer::start().await;
    server.open(IDENTITY_MAPPINGS);
    server.describe(published(json!({"properties": {"spec": {"properties": {
        "arn": {"type": "string"}, "username": {"type": "string"}, "groups": {"type": "array"},
    }}}})));
    server.put(IDENTITY_MAPPINGS, object("a", json!({"arn": super::arn("A"), "username": "a"})));
    let followed = Followed::follow(server, false).await;
    let incomplete = || followed.metric("crd_schema_incomplete{source=\"CRD\"}");
    until_asked(&followed, || incomplete() == 1).await;
    let ours = IAMIdentityMapping::crd();
    let schema = ours.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    followed.server.describe(published(serde_json::to_value(schema).unwrap()));
    followed.sources.reload();
    until_asked(&followed, || incomplete() == 0).await;
}

fn published(schema: Value) -> Value {
    let mut schemas = json!({"aws.k8s.iamauthenticator.v1alpha1.IAMIdentityMappingList": {}});
    schemas["aws.k8s.iamauthenticator.v1alpha1.IAMIdentityMapping"] = schema;
    json!({"openapi": "3.0.0", "components": {"schemas": schemas}})
}

/// The gauge follows an answer; lists make the source ask.
async fn until_asked(followed: &Followed, wanted: impl Fn() -> bool) {
    let asked =
        |all: &[crate::harness::object_server::Asked]| all.iter().filter(|one| one.path.contains("openapi")).count();
    while !wanted() {
        let before = asked(&followed.server.requests());
        followed.sources.reload();
        followed.server.until(|all| asked(all) > before).await;
        // The answer is read after it was asked for.
        tokio::task::yield_now().await;
    }
}
