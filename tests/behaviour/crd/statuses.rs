//! What the elected replica writes: statuses that differ, and Events.

use serde_json::{Value, json};

use super::{Followed, arn, mapping, object};
use crate::harness::object_server::{Asked, CLUSTER_EVENTS, IDENTITY_MAPPINGS, LEASES, Manners, ObjectServer};

async fn reporting(objects: &[Value]) -> Followed {
    let server = ObjectServer::start().await;
    server.open(IDENTITY_MAPPINGS);
    for object in objects {
        server.put(IDENTITY_MAPPINGS, object.clone());
    }
    Followed::follow(server, true).await
}

fn canonical(role: &str) -> String {
    arn(role).to_lowercase()
}

fn status_of<'o>(objects: &'o [Value], name: &str) -> Option<&'o str> {
    objects.iter().find(|object| object["metadata"]["name"] == name)?["status"]["canonicalARN"].as_str()
}

async fn until_status(followed: &Followed, name: &str, wanted: Option<&str>) {
    followed.server.until_objects(IDENTITY_MAPPINGS, |objects| status_of(objects, name) == wanted).await;
}

fn writes(asked: &[Asked]) -> Vec<&Asked> {
    asked.iter().filter(|one| one.writes() && one.path.starts_with(IDENTITY_MAPPINGS)).collect()
}

/// `(reason, object, type)` of each Event.
fn events(followed: &Followed) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let event = |event: &Value| (text(&event["reason"]), text(&event["regarding"]["name"]), text(&event["type"]));
    followed.server.objects(CLUSTER_EVENTS).iter().map(event).collect()
}

#[tokio::test]
async fn a_status_is_written_where_it_differs_and_nowhere_else() {
    let mut right = mapping("right", "Right", "r");
    right["status"] = json!({"canonicalARN": canonical("Right"), "userID": "kept"});
    let mut wrong = mapping("wrong", "Wrong", "w");
    wrong["status"] = json!({"canonicalARN": canonical("Thief"), "userID": "kept"});
    let mut bad = object("bad", json!({"arn": "no-arn", "username": "b"}));
    bad["status"] = json!({"canonicalARN": canonical("Before")});
    let followed = reporting(&[right, wrong, bad, mapping("new", "New", "n")]).await;
    until_status(&followed, "new", Some(&canonical("New"))).await;
    until_status(&followed, "wrong", Some(&canonical("Wrong"))).await;
    until_status(&followed, "bad", None).await;
    let asked = followed.server.requests();
    let written = writes(&asked);
    let mut paths: Vec<&str> = written.iter().filter_map(|one| one.path.strip_prefix(IDENTITY_MAPPINGS)).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/bad/status", "/new/status", "/wrong/status"]);
    for one in written {
        assert_eq!(one.content_type, "application/merge-patch+json");
        assert!(one.query.contains("fieldManager=iam-bridge"), "{one:?}");
        let members: Vec<&String> = one.body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["metadata", "status"], "never the spec");
    }
    let wrong = followed.server.objects(IDENTITY_MAPPINGS).into_iter().find(|one| one["metadata"]["name"] == "wrong");
    assert_eq!(wrong.unwrap()["status"]["userID"], "kept");
    assert_eq!(events(&followed), [], "no Event for what was there at the start");
    assert_eq!(followed.tables(), 1, "what came back of the writes made no table");
}

#[tokio::test]
async fn an_object_that_changes_later_gets_an_event_when_its_status_is_written() {
    let followed = reporting(&[mapping("there", "There", "t")]).await;
    until_status(&followed, "there", Some(&canonical("There"))).await;
    followed.put(mapping("new", "New", "n"));
    followed.server.until_objects(CLUSTER_EVENTS, |events| !events.is_empty()).await;
    until_status(&followed, "new", Some(&canonical("New"))).await;
    assert_eq!(events(&followed), [("Synced".to_owned(), "new".to_owned(), "Normal".to_owned())]);
    let event = &followed.server.objects(CLUSTER_EVENTS)[0];
    assert_eq!(event["note"], "Identity synced successfully");
    assert_eq!(event["regarding"]["kind"], "IAMIdentityMapping");

    followed.put(object("broken", json!({"arn": "no-arn", "username": "b"})));
    followed.server.until_objects(CLUSTER_EVENTS, |events| events.len() > 1).await;
    let events = followed.server.objects(CLUSTER_EVENTS);
    let broken = events.iter().find(|event| event["reason"] == "NotSynced").unwrap();
    assert_eq!((&broken["type"], &broken["regarding"]["name"]), (&json!("Warning"), &json!("broken")));
    assert!(broken["note"].as_str().unwrap().contains("no-arn"), "{broken}");
}

#[tokio::test]
async fn an_arn_that_is_edited_is_written_anew_and_one_edited_by_another_is_put_right() {
    let followed = reporting(&[mapping("a", "Old", "a")]).await;
    until_status(&followed, "a", Some(&canonical("Old"))).await;
    let mut object = mapping("a", "New", "a");
    object["status"] = json!({"canonicalARN": canonical("Old")});
    followed.put(object.clone());
    until_status(&followed, "a", Some(&canonical("New"))).await;
    object["status"] = json!({"canonicalARN": canonical("Thief")});
    followed.put(object);
    until_status(&followed, "a", Some(&canonical("New"))).await;
    followed.until_named("New", Some("a")).await;
    assert_eq!((followed.username("Old"), followed.username("Thief")), (None, None));
}

/// API-7.
#[tokio::test]
async fn api_7_writes_that_are_refused_or_conflict_change_nothing_for_those_who_come() {
    for refusal in [403, 409, 422, 500] {
        let followed = reporting(&[]).await;
        // The Lease is held before writes are refused.
        followed.server.until_objects(LEASES, |leases| !leases.is_empty()).await;
        followed.server.behave(Manners { refuse_writes: Some(refusal), ..Manners::default() });
        followed.put(mapping("a", "A", "a"));
        followed.put(mapping("b", "B", "b"));
        followed.until_named("A", Some("a")).await;
        followed.until_named("B", Some("b")).await;
        followed.server.until(|asked| !writes(asked).is_empty()).await;
        assert_eq!((followed.stale(), followed.dropped()), (false, 0), "{refusal}");
        assert!(followed.sources.state().now().ready(), "{refusal}");
        followed.put(mapping("a", "A", "again"));
        followed.until_named("A", Some("again")).await;
        // As soon as they are allowed, they are made up for.
        followed.server.behave(Manners::default());
        until_status(&followed, "a", Some(&canonical("A"))).await;
        until_status(&followed, "b", Some(&canonical("B"))).await;
    }
}

#[tokio::test]
async fn of_two_replicas_one_writes() {
    let server = ObjectServer::start().await;
    server.open(IDENTITY_MAPPINGS);
    let folder = tempfile::TempDir::new().unwrap();
    let settings = super::settings(server.kubeconfig(folder.path()), true);
    let metrics = std::sync::Arc::new(iam_bridge::telemetry::Metrics::new().unwrap());
    let clock = iam_bridge::clock::Clock::system();
    let (_chain, _first) = iam_bridge::sources::start(&settings, metrics, clock).await.unwrap();
    server.until_objects(LEASES, |leases| !leases.is_empty()).await;
    let second = Followed::follow(server, true).await;
    for number in 0..10 {
        second.put(mapping(&format!("m{number}"), &format!("R{number}"), "u"));
    }
    for number in 0..10 {
        until_status(&second, &format!("m{number}"), Some(&canonical(&format!("R{number}")))).await;
    }
    second.until_named("R9", Some("u")).await;
    assert_eq!(writes(&second.server.requests()).len(), 10, "one write for each object");
}

#[tokio::test]
async fn nothing_is_written_where_reports_are_off() {
    let followed = Followed::start(&[mapping("a", "A", "a")]).await;
    followed.put(object("bad", json!({"arn": "no-arn", "username": "b"})));
    followed.put(mapping("b", "B", "b"));
    followed.until_named("B", Some("b")).await;
    assert_eq!(followed.server.requests().iter().filter(|asked| asked.writes()).count(), 0);
}
