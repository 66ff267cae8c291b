//! IAMIdentityMappings while they change, at an API server that holds objects.
//!
//! Nothing here sleeps to synchronise: a test awaits the next published value, or what the server was asked.

mod faults;
mod statuses;

use std::ops::Deref;
use std::path::PathBuf;

use iam_bridge::kubernetes::ClusterAccess;
use iam_bridge::mapping::SourceKind;
use iam_bridge::sources::SourceSettings;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::following::{Following, session_of};
use super::mapping::ask;
use crate::harness::object_server::{IDENTITY_MAPPINGS, ObjectServer};

/// A source that follows the objects of a server.
struct Followed {
    server: ObjectServer,
    following: Following,
    _folder: TempDir,
}

impl Deref for Followed {
    type Target = Following;

    fn deref(&self) -> &Following {
        &self.following
    }
}

impl Followed {
    /// With these objects there at the start.
    async fn start(objects: &[Value]) -> Self {
        let server = ObjectServer::start().await;
        server.open(IDENTITY_MAPPINGS);
        for object in objects {
            server.put(IDENTITY_MAPPINGS, object.clone());
        }
        let followed = Self::follow(server, false).await;
        followed.until_state("the first table", |state| state.published).await;
        followed
    }

    /// Whatever the server has; `reports` lets the source write.
    async fn follow(server: ObjectServer, reports: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let kubeconfig = server.kubeconfig(folder.path());
        let following = Following::start(&settings(kubeconfig, reports)).await;
        Self { server, following, _folder: folder }
    }

    fn put(&self, object: Value) {
        self.server.put(IDENTITY_MAPPINGS, object);
    }
}

fn settings(kubeconfig: PathBuf, reports: bool) -> SourceSettings {
    SourceSettings {
        backend_modes: vec![SourceKind::Crd],
        config_file: None,
        cluster: ClusterAccess { kubeconfig: Some(kubeconfig), ..ClusterAccess::default() },
        reports,
        ..SourceSettings::mounted_file(PathBuf::new())
    }
}

fn arn(role: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{role}")
}

/// An object that maps a role.
fn mapping(name: &str, role: &str, username: &str) -> Value {
    object(name, json!({"arn": arn(role), "username": username, "groups": ["g"]}))
}

fn object(name: &str, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "iamauthenticator.k8s.aws/v1alpha1",
        "kind": "IAMIdentityMapping",
        "metadata": {"name": name},
    });
    object["spec"] = spec;
    object
}

#[tokio::test]
async fn an_object_that_is_made_changed_broken_mended_and_deleted_is_followed() {
    let followed = Followed::start(&[mapping("there", "There", "there")]).await;
    assert_eq!(followed.username("There").as_deref(), Some("there"));
    assert_eq!(followed.username("Dev"), None);

    followed.put(mapping("dev", "Dev", "first"));
    followed.until_named("Dev", Some("first")).await;
    followed.put(mapping("dev", "Dev", "second"));
    followed.until_named("Dev", Some("second")).await;

    followed.put(object("dev", json!({"arn": "no-arn", "username": "third"})));
    followed.until_named("Dev", None).await;
    assert_eq!(followed.dropped(), 1);
    assert!(!followed.stale(), "what is served is what there is");
    assert_eq!(followed.username("There").as_deref(), Some("there"), "the other object is not touched");

    followed.put(mapping("dev", "Dev", "mended"));
    followed.until_named("Dev", Some("mended")).await;
    assert_eq!(followed.dropped(), 0);

    followed.server.delete(IDENTITY_MAPPINGS, "dev");
    followed.until_named("Dev", None).await;
    assert_eq!(followed.username("There").as_deref(), Some("there"));
}

#[tokio::test]
async fn the_arn_is_read_without_case_and_a_session_stands_for_its_role() {
    let followed = Followed::start(&[
        object("loud", json!({"arn": "ARN:AWS:IAM::111122223333:ROLE/LOUD", "username": "loud"})),
        object("session", json!({"arn": session_of("Night"), "username": "night"})),
        object("user", json!({"arn": "arn:aws:iam::111122223333:user/Bob", "username": "bob"})),
    ])
    .await;
    assert_eq!(followed.username("Loud").as_deref(), Some("loud"));
    assert_eq!(followed.username("Night").as_deref(), Some("night"));
    let bob = ask(&followed.chain, "arn:aws:iam::111122223333:user/Bob").unwrap();
    assert_eq!(bob.username, "bob");
}

/// In the reference the old ARN lives on, with the new username, until a worker has rewritten the status.
#[tokio::test]
async fn an_edited_arn_moves_the_mapping_at_once_and_the_old_one_is_out() {
    let mut dev = mapping("dev", "Old", "admin");
    dev["status"] = json!({"canonicalARN": arn("old").to_lowercase()});
    let followed = Followed::start(&[dev.clone()]).await;
    assert_eq!(followed.username("Old").as_deref(), Some("admin"));

    dev["spec"]["arn"] = Value::from(arn("New"));
    followed.put(dev.clone());
    followed.until_named("New", Some("admin")).await;
    assert_eq!(followed.username("Old"), None);

    dev["spec"]["arn"] = Value::from("no-arn");
    followed.put(dev);
    followed.until_named("New", None).await;
    assert_eq!(followed.username("Old"), None, "the status still names it, and counts for nothing");
}

#[tokio::test]
async fn whoever_edits_a_status_changes_nothing() {
    let followed = Followed::start(&[mapping("dev", "Dev", "dev")]).await;
    let tables = followed.tables();
    for status in [json!({"canonicalARN": arn("thief")}), json!({"canonicalARN": 5}), json!("odd"), Value::Null] {
        let mut dev = mapping("dev", "Dev", "dev");
        dev["status"] = status;
        followed.put(dev);
    }
    // What comes after them is seen, so they were seen too.
    followed.put(mapping("last", "Last", "last"));
    followed.until_named("Last", Some("last")).await;
    assert_eq!((followed.username("Thief"), followed.username("Dev").as_deref()), (None, Some("dev")));
    assert_eq!(followed.tables(), tables + 1, "only the new mapping made a table");
}

#[tokio::test]
async fn of_two_objects_with_one_arn_the_older_is_in_force() {
    let aged = |name: &str, role: &str, created: &str| {
        let mut object = mapping(name, role, name);
        object["metadata"]["creationTimestamp"] = Value::from(created);
        object
    };
    let followed = Followed::start(&[
        aged("a-younger", "Dev", "2024-02-01T00:00:00Z"),
        aged("b-older", "DEV", "2024-01-01T00:00:00Z"),
        aged("c-same-age", "dev", "2024-01-01T00:00:00Z"),
    ])
    .await;
    assert_eq!(followed.username("Dev").as_deref(), Some("b-older"));
    followed.server.delete(IDENTITY_MAPPINGS, "b-older");
    followed.until_named("Dev", Some("c-same-age")).await;
    followed.server.delete(IDENTITY_MAPPINGS, "c-same-age");
    followed.until_named("Dev", Some("a-younger")).await;
}

#[tokio::test]
async fn our_keys_narrow_a_mapping() {
    let followed = Followed::start(&[
        object("pinned", json!({"arn": arn("Pinned"), "username": "p", "userid": "AROAOTHER"})),
        object("early", json!({"arn": arn("Early"), "username": "e", "notAfter": "2001-01-01T00:00:00Z"})),
        object("late", json!({"arn": arn("Late"), "username": "l", "notBefore": "2999-01-01T00:00:00Z"})),
        object("open", json!({"arn": arn("Open"), "username": "o", "userid": null})),
        object(
            "fine",
            json!({"arn": arn("Fine"), "username": "f", "reason": "why not", "notAfter": "2999-01-01T00:00:00Z"}),
        ),
    ])
    .await;
    for role in ["Pinned", "Early", "Late", "Open"] {
        assert_eq!(followed.username(role), None, "{role}");
    }
    assert_eq!(followed.username("Fine").as_deref(), Some("f"));
    assert_eq!(followed.dropped(), 1, "an empty pin would leave the mapping open to everybody");
}

/// API-6, with 20 000 objects: none of them costs another anything, and a change costs one table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_6_twenty_thousand_objects_and_a_bad_one_are_one_table() {
    let server = ObjectServer::start().await;
    server.open(IDENTITY_MAPPINGS);
    for number in 0..20_000 {
        let mut object = mapping(&format!("m{number}"), &format!("R{number}"), &format!("u{number}"));
        if number == 777 {
            object["spec"] = json!({"arn": {"not": "a text"}, "username": ["neither"]});
        }
        if number == 778 {
            object["metadata"]["annotations"] = json!({"long": "x".repeat(1 << 20)});
        }
        server.put(IDENTITY_MAPPINGS, object);
    }
    let followed = Followed::follow(server, false).await;
    followed.until_state("the first table", |state| state.published).await;
    assert_eq!(followed.tables(), 1, "a list is one table");
    assert_eq!(followed.metric("source_entries{source=\"CRD\"}"), 19_999);
    assert_eq!((followed.dropped(), followed.stale()), (1, false));
    for (role, name) in [("R0", Some("u0")), ("R777", None), ("R778", Some("u778")), ("R19999", Some("u19999"))] {
        assert_eq!(followed.username(role).as_deref(), name, "{role}");
    }
    // Looking up stays one question of an index: the table yields the same hit whatever stands beside it.
    for number in 0..500 {
        followed.put(mapping(&format!("m{number}"), &format!("R{number}"), &format!("new{number}")));
    }
    followed.until_named("R499", Some("new499")).await;
    assert_eq!(followed.username("R0").as_deref(), Some("new0"));
    assert!(followed.tables() < 250, "changes that come together share tables: {}", followed.tables());
}
