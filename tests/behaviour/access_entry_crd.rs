//! AccessEntry objects while they change, at an API server that holds objects.
//!
//! What all kinds of objects have in common is tested with IAMIdentityMappings. Nothing here sleeps to synchronise: a
//! test awaits the next published value, or what the server was asked.

mod conditions;

use std::path::PathBuf;

use iam_bridge::kubernetes::{AccessEntryManifest, ClusterAccess};
use iam_bridge::live::Live;
use iam_bridge::mapping::{PolicyReadiness, SourceKind};
use iam_bridge::sources::SourceSettings;
use kube::CustomResourceExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::following::{Following, until};
use super::mapping::ask;
use crate::harness::object_server::{ACCESS_ENTRIES, Asked, ObjectServer};

/// A source that follows the objects of a server.
struct Followed {
    server: ObjectServer,
    following: Following,
    _folder: TempDir,
}

impl std::ops::Deref for Followed {
    type Target = Following;

    fn deref(&self) -> &Following {
        &self.following
    }
}

impl Followed {
    /// With these objects there at the start, and nothing written.
    async fn start(objects: &[Value]) -> Self {
        let followed = Self::follow(serving(objects).await, None).await;
        followed.until_state("the first table", |state| state.published).await;
        followed
    }

    /// Whatever the server has; with a readiness of policies statuses are written.
    async fn follow(server: ObjectServer, readiness: Option<Live<PolicyReadiness>>) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = settings(server.kubeconfig(folder.path()), readiness);
        let following = Following::start(&settings).await;
        Self { server, following, _folder: folder }
    }

    fn put(&self, object: Value) {
        self.server.put(ACCESS_ENTRIES, object);
    }
}

async fn serving(objects: &[Value]) -> ObjectServer {
    let server = ObjectServer::start().await;
    server.open(ACCESS_ENTRIES);
    for object in objects {
        server.put(ACCESS_ENTRIES, object.clone());
    }
    server
}

fn settings(kubeconfig: PathBuf, readiness: Option<Live<PolicyReadiness>>) -> SourceSettings {
    SourceSettings {
        backend_modes: vec![SourceKind::AccessEntry],
        config_file: None,
        cluster: ClusterAccess { kubeconfig: Some(kubeconfig), ..ClusterAccess::default() },
        reports: readiness.is_some(),
        policy_readiness: readiness.unwrap_or_else(|| Live::fixed(PolicyReadiness::default())),
        ..SourceSettings::mounted_file(PathBuf::new())
    }
}

fn arn(role: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{role}")
}

/// An object that gives a role a name.
fn entry(name: &str, role: &str, username: &str) -> Value {
    object(name, json!({"principalArn": arn(role), "username": username, "kubernetesGroups": ["g"]}))
}

fn object(name: &str, spec: impl Into<Value>) -> Value {
    let spec: Value = spec.into();
    json!({
        "apiVersion": "iam-bridge.dev/v1alpha1", "kind": "AccessEntry",
        "metadata": {"name": name, "generation": 1}, "spec": spec,
    })
}

#[tokio::test]
async fn an_access_entry_is_followed_and_one_at_fault_is_left_out_alone() {
    let followed = Followed::start(&[entry("there", "There", "there")]).await;
    assert_eq!(followed.username("There").as_deref(), Some("there"));
    followed.put(entry("dev", "path/to/Dev", "first"));
    followed.until_named("Dev", Some("first")).await;
    followed.put(entry("dev", "Dev", "second"));
    followed.until_named("Dev", Some("second")).await;

    for (number, bad) in [
        json!({"principalArn": "no-arn"}),
        json!({"principalArn": arn("Dev"), "username": "system:admin"}),
        json!({"principalArn": arn("Dev"), "kubernetesGroups": ["iam-bridge.dev:policy:AmazonEKSClusterAdminPolicy"]}),
        json!({"principalArn": arn("Dev"), "principalIds": "AROAAAAAAAAAAAAAAAAAA"}),
        json!({"principalArn": arn("Dev"), "expiresAt": null, "notBefore": 5}),
        json!({"principalArn": arn("Dev"), "policyAssociations": {"odd": true}}),
        json!(null),
        json!("odd"),
    ]
    .into_iter()
    .enumerate()
    {
        followed.put(object("dev", bad.clone()));
        followed.until_named("Dev", None).await;
        assert_eq!((followed.dropped(), followed.stale()), (1, false), "{bad}: what is served is what there is");
        assert_eq!(followed.username("There").as_deref(), Some("there"), "the other object is not touched");
        let mended = format!("mended-{number}");
        followed.put(entry("dev", "Dev", &mended));
        followed.until_named("Dev", Some(&mended)).await;
        assert_eq!(followed.dropped(), 0);
    }
    followed.server.delete(ACCESS_ENTRIES, "dev");
    followed.until_named("Dev", None).await;
}

#[tokio::test]
async fn associations_become_groups_of_the_answer() {
    let followed = Followed::start(&[object(
        "dev",
        json!({
            "principalArn": arn("Dev"), "username": "dev", "kubernetesGroups": ["b", "a"],
            "policyAssociations": [
                {"policy": "AmazonEKSViewPolicy", "accessScope": {"type": "namespace", "namespaces": ["prod", "dev-*"]}},
                {"policy": "AmazonEKSAdminViewPolicy", "accessScope": {"type": "cluster"}},
                {"policy": "AmazonEKSEditPolicy", "accessScope": {"type": "cluster"}, "expiresAt": "2001-01-01T00:00:00Z"},
            ],
        }),
    )])
    .await;
    let user = ask(&followed.chain, "arn:aws:sts::111122223333:assumed-role/Dev/alice").unwrap();
    let policy = |rest: &str| format!("iam-bridge.dev:policy:{rest}");
    let wanted = ["b", "a", &policy("AmazonEKSAdminViewPolicy"), &policy("AmazonEKSViewPolicy:dev-*,prod")];
    assert_eq!(user.groups, wanted);
}

#[tokio::test]
async fn of_two_entries_with_one_principal_the_older_is_in_force_and_then_the_smaller_name() {
    let aged = |name: &str, role: &str, created: &str| {
        let mut object = entry(name, role, name);
        object["metadata"]["creationTimestamp"] = Value::from(created);
        object
    };
    let followed = Followed::start(&[
        aged("a-younger", "Dev", "2024-02-01T00:00:00Z"),
        aged("c-same-age", "some/path/DEV", "2024-01-01T00:00:00Z"),
        aged("b-older", "dev", "2024-01-01T00:00:00Z"),
    ])
    .await;
    assert_eq!(followed.username("Dev").as_deref(), Some("b-older"));
    // An older one at fault is none.
    followed.put(object("b-older", json!({"principalArn": arn("Dev"), "type": "SOMETHING"})));
    followed.until_named("Dev", Some("c-same-age")).await;
    followed.server.delete(ACCESS_ENTRIES, "c-same-age");
    followed.until_named("Dev", Some("a-younger")).await;
}

#[tokio::test]
async fn a_status_decides_nothing_and_makes_no_table() {
    let followed = Followed::start(&[entry("dev", "Dev", "dev")]).await;
    let tables = followed.tables();
    for status in [
        json!({"groups": ["system:masters"], "conditions": [{"type": "Accepted", "status": "False"}]}),
        json!("odd"),
        json!(7),
        Value::Null,
    ] {
        let mut dev = entry("dev", "Dev", "dev");
        dev["status"] = status;
        followed.put(dev);
    }
    followed.put(entry("last", "Last", "last"));
    followed.until_named("Last", Some("last")).await;
    let dev = ask(&followed.chain, "arn:aws:sts::111122223333:assumed-role/Dev/alice").unwrap();
    assert_eq!((dev.username.as_str(), dev.groups), ("dev", vec!["g".to_owned()]));
    assert_eq!(followed.tables(), tables + 1, "only the new entry made a table");
}

#[tokio::test]
async fn nothing_is_written_where_reports_are_off_for_access_entries() {
    let followed = Followed::start(&[entry("a", "A", "a"), object("bad", json!({"principalArn": "no-arn"}))]).await;
    followed.put(entry("b", "B", "b"));
    followed.until_named("B", Some("b")).await;
    assert_eq!(followed.server.requests().iter().filter(|asked| asked.writes()).count(), 0);
}

#[tokio::test]
async fn the_kind_of_access_entries_may_come_later_and_an_older_crd_is_told() {
    let followed = Followed::follow(ObjectServer::start().await, None).await;
    let fault = followed.until_fault("not installed").await;
    assert!(fault.contains("deploy/accessentry.yaml"), "{fault}");
    let state = followed.sources.state();
    assert!(state.now().sources[0].kind_missing && !state.now().ready());
    followed.server.open(ACCESS_ENTRIES);
    followed.server.describe(published(json!({"properties": {"spec": {"properties": {
        "principalArn": {"type": "string"}, "username": {"type": "string"}, "policyAssociations": {"type": "array"},
    }}}})));
    followed.put(entry("a", "A", "a"));
    followed.until_named("A", Some("a")).await;
    followed.until_good().await;
    let incomplete = || followed.metric("crd_schema_incomplete{source=\"AccessEntry\"}");
    until_asked(&followed, || incomplete() == 1).await;

    let ours = AccessEntryManifest::crd();
    let mut schema = serde_json::to_value(&ours.spec.versions[0].schema).unwrap()["openAPIV3Schema"].take();
    followed.server.describe(published(schema.clone()));
    until_asked(&followed, || incomplete() == 0).await;
    // The end of one association is as much a limit as that of the entry.
    let association = "/properties/spec/properties/policyAssociations/items/properties";
    schema.pointer_mut(association).unwrap().as_object_mut().unwrap().remove("expiresAt").unwrap();
    followed.server.describe(published(schema));
    until_asked(&followed, || incomplete() == 1).await;
}

fn published(schema: Value) -> Value {
    let mut schemas = json!({"dev.iam-bridge.v1alpha1.AccessEntryList": {}});
    schemas["dev.iam-bridge.v1alpha1.AccessEntry"] = schema;
    json!({"openapi": "3.0.0", "components": {"schemas": schemas}})
}

/// The gauge follows an answer; lists make the source ask.
async fn until_asked(followed: &Followed, wanted: impl Fn() -> bool) {
    let asked = |all: &[Asked]| all.iter().filter(|one| one.path.contains("openapi")).count();
    while !wanted() {
        let before = asked(&followed.server.requests());
        followed.sources.reload();
        followed.server.until(|all| asked(all) > before).await;
        // The answer is read after it was asked for.
        tokio::task::yield_now().await;
    }
}

/// One key fits all: a table of 10 000 entries is one list, and a bad one among them costs nobody anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_access_entries_and_a_bad_one_are_one_table() {
    let server = serving(&[]).await;
    for number in 0..10_000 {
        let mut object = entry(&format!("e{number}"), &format!("R{number}"), &format!("u{number}"));
        if number == 777 {
            object["spec"] = json!({"principalArn": {"not": "a text"}, "username": ["neither"]});
        }
        server.put(ACCESS_ENTRIES, object);
    }
    let followed = Followed::follow(server, None).await;
    let mut table = followed.chain.tables[0].clone();
    until(&mut table, || followed.username("R9999").is_some(), "the table").await;
    assert_eq!((followed.tables(), followed.dropped()), (1, 1));
    assert_eq!(followed.metric("source_entries{source=\"AccessEntry\"}"), 9_999);
    assert_eq!((followed.username("R777"), followed.username("R0").as_deref()), (None, Some("u0")));
}
