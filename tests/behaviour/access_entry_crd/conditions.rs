//! What the elected replica writes on access entries: statuses that differ, and Events.

use std::time::Duration;

use iam_bridge::clock::Clock;
use iam_bridge::live::live;
use iam_bridge::mapping::{AccessPolicyMode, PolicyReadiness, PolicyState};
use iam_bridge::rbac::AccessPolicy;
use serde_json::{Value, json};

use super::{Followed, arn, entry, object, serving};
use crate::harness::object_server::{ACCESS_ENTRIES, Asked, CLUSTER_EVENTS, LEASES, Manners};

type Readiness = iam_bridge::live::Publisher<PolicyReadiness>;

async fn reporting(objects: &[Value]) -> (Followed, Readiness) {
    let (publisher, readiness) = live(PolicyReadiness::default());
    (Followed::follow(serving(objects).await, Some(readiness)).await, publisher)
}

fn status_of(objects: &[Value], name: &str) -> Value {
    objects.iter().find(|object| object["metadata"]["name"] == name).map_or(Value::Null, |one| one["status"].clone())
}

/// `STATUS REASON` of a condition; empty where there is none.
fn condition(status: &Value, of: &str) -> String {
    let found = status["conditions"].as_array().into_iter().flatten().find(|one| one["type"] == of);
    found.map_or_else(String::new, |one| {
        format!("{} {}", one["status"].as_str().unwrap(), one["reason"].as_str().unwrap())
    })
}

fn message(status: &Value, of: &str) -> String {
    let found = status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == of).unwrap();
    found["message"].as_str().unwrap().to_owned()
}

async fn until_condition(followed: &Followed, name: &str, of: &str, wanted: &str) -> Value {
    followed.server.until_objects(ACCESS_ENTRIES, |objects| condition(&status_of(objects, name), of) == wanted).await;
    status_of(&followed.server.objects(ACCESS_ENTRIES), name)
}

fn writes(asked: &[Asked]) -> Vec<&Asked> {
    asked.iter().filter(|one| one.writes() && one.path.starts_with(ACCESS_ENTRIES)).collect()
}

fn viewer(name: &str, role: &str, namespaces: &[&str]) -> Value {
    let scope = match namespaces {
        [] => json!({"type": "cluster"}),
        some => json!({"type": "namespace", "namespaces": some}),
    };
    let associations = json!([{"policy": "AmazonEKSViewPolicy", "accessScope": scope}]);
    object(name, json!({"principalArn": arn(role), "policyAssociations": associations}))
}

#[tokio::test]
async fn each_entry_is_told_what_became_of_it_and_nothing_is_written_twice() {
    let (followed, _readiness) = reporting(&[
        entry("good", "Good", "g"),
        object("bad", json!({"principalArn": arn("Bad"), "username": "system:boss", "notBefore": "soon"})),
        object("past", json!({"principalArn": arn("Past"), "expiresAt": "2001-01-01T00:00:00Z"})),
        object("to-come", json!({"principalArn": arn("ToCome"), "notBefore": "2999-01-01T00:00:00Z"})),
        entry("good-again", "path/GOOD", "again"),
    ])
    .await;
    let good = until_condition(&followed, "good", "Accepted", "True Valid").await;
    assert_eq!(condition(&good, "PoliciesReady"), "", "no associations");
    assert_eq!((&good["observedGeneration"], good.get("groups")), (&json!(1), None));
    let bad = until_condition(&followed, "bad", "Accepted", "False Invalid").await;
    let told = message(&bad, "Accepted");
    assert!(told.contains("spec.username") && told.contains("spec.notBefore"), "every fault: {told}");
    let past = until_condition(&followed, "past", "Accepted", "False Expired").await;
    assert!(message(&past, "Accepted").contains("2001-01-01T00:00:00Z"), "{past}");
    let to_come = until_condition(&followed, "to-come", "Accepted", "True Valid").await;
    assert!(message(&to_come, "Accepted").contains("from 2999-01-01T00:00:00Z"), "{to_come}");
    let again = until_condition(&followed, "good-again", "Accepted", "False Duplicate").await;
    assert!(message(&again, "Accepted").contains("`good`"), "{again}");

    // Whatever changes now, what stands is not written again.
    followed.put(entry("new", "New", "n"));
    until_condition(&followed, "new", "Accepted", "True Valid").await;
    let asked = followed.server.requests();
    let written = writes(&asked);
    let mut paths: Vec<&str> = written.iter().filter_map(|one| one.path.strip_prefix(ACCESS_ENTRIES)).collect();
    paths.sort_unstable();
    let once = ["/bad/status", "/good-again/status", "/good/status", "/new/status", "/past/status", "/to-come/status"];
    assert_eq!(paths, once);
    for one in written {
        assert_eq!(one.content_type, "application/merge-patch+json");
        let members: Vec<&String> = one.body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["metadata", "status"], "never the spec");
        for condition in one.body["status"]["conditions"].as_array().unwrap() {
            assert!(condition["lastTransitionTime"].as_str().unwrap().ends_with('Z'), "{condition}");
        }
    }
    assert_eq!(followed.tables(), 2, "what came back of the writes made no table");

    // The older one goes: the duplicate is in force.
    followed.server.delete(ACCESS_ENTRIES, "good");
    until_condition(&followed, "good-again", "Accepted", "True Valid").await;
}

#[tokio::test]
async fn a_forged_status_is_put_right_and_the_conditions_of_others_are_kept() {
    let mut dev = entry("dev", "Dev", "dev");
    let theirs = json!({
        "type": "Reviewed", "status": "True", "reason": "ByHand", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z",
    });
    let ours = json!({
        "type": "Accepted", "status": "True", "reason": "Valid", "message": "in force", "observedGeneration": 1,
        "lastTransitionTime": "2024-01-01T00:00:00Z",
    });
    dev["status"] = json!({"observedGeneration": 1, "conditions": [theirs, ours]});
    let (followed, _readiness) = reporting(&[dev.clone()]).await;
    followed.put(entry("last", "Last", "l"));
    until_condition(&followed, "last", "Accepted", "True Valid").await;
    let asked = followed.server.requests();
    assert!(!writes(&asked).iter().any(|one| one.path.contains("/dev/")), "it says already what it should");

    dev["status"]["groups"] = json!(["system:masters"]);
    dev["status"]["conditions"][1]["reason"] = json!("Expired");
    followed.put(dev);
    let put_right = until_condition(&followed, "dev", "Accepted", "True Valid").await;
    assert_eq!(put_right.get("groups"), None);
    assert_eq!(condition(&put_right, "Reviewed"), "True ByHand");
    let accepted = put_right["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Accepted").unwrap();
    assert_eq!(accepted["lastTransitionTime"], "2024-01-01T00:00:00Z", "the status itself did not change");
}

#[tokio::test]
async fn an_expiry_that_is_reached_turns_the_condition_and_takes_the_groups_along() {
    let soon = jiff::Timestamp::from_second(Clock::system().now().0 + 3).unwrap().to_string();
    let mut of_entry = viewer("entry", "Entry", &[]);
    of_entry["spec"]["expiresAt"] = json!(soon);
    let mut of_association = viewer("association", "Association", &[]);
    of_association["spec"]["policyAssociations"][0]["expiresAt"] = json!(soon);
    let (followed, _readiness) = reporting(&[of_entry, of_association]).await;
    let before = until_condition(&followed, "entry", "Accepted", "True Valid").await;
    assert_eq!(before["groups"], json!(["iam-bridge.dev:policy:AmazonEKSViewPolicy"]));
    let after = until_condition(&followed, "entry", "Accepted", "False Expired").await;
    assert_eq!((after.get("groups"), condition(&after, "PoliciesReady")), (None, String::new()));
    let lasting = until_condition(&followed, "association", "PoliciesReady", "").await;
    assert_eq!((condition(&lasting, "Accepted").as_str(), lasting.get("groups")), ("True Valid", None));
    assert_eq!(followed.tables(), 1, "no object changed");
}

#[tokio::test]
async fn the_state_of_its_policies_stands_on_each_entry() {
    let (followed, readiness) =
        reporting(&[viewer("cluster", "Cluster", &[]), viewer("dev", "Dev", &["dev-*"]), entry("none", "None", "n")])
            .await;
    until_condition(&followed, "cluster", "PoliciesReady", "False Pending").await;
    let of = |state: PolicyState| PolicyReadiness {
        states: [(AccessPolicy::View, state)].into_iter().collect(),
        ..PolicyReadiness::default()
    };
    for (state, cluster, dev) in [
        (of(PolicyState::Bound), "True Bound", "True Bound"),
        (of(PolicyState::NameTaken(vec!["dev-a".to_owned(), "prod".to_owned()])), "True Bound", "False NameTaken"),
        (of(PolicyState::NameTaken(vec!["prod".to_owned()])), "True Bound", "True Bound"),
        (of(PolicyState::NameTaken(vec![String::new()])), "False NameTaken", "False NameTaken"),
        (of(PolicyState::Pending("no ClusterRole".to_owned())), "False Pending", "False Pending"),
        (
            PolicyReadiness { elsewhere: true, ..PolicyReadiness::default() },
            "Unknown Unsupported",
            "Unknown Unsupported",
        ),
        (
            PolicyReadiness { mode: AccessPolicyMode::Off, ..PolicyReadiness::default() },
            "False Unsupported",
            "False Unsupported",
        ),
    ] {
        readiness.publish(state);
        until_condition(&followed, "cluster", "PoliciesReady", cluster).await;
        let status = until_condition(&followed, "dev", "PoliciesReady", dev).await;
        assert_eq!(status["groups"], json!(["iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*"]));
    }
    readiness.publish(of(PolicyState::NameTaken(vec!["dev-a".to_owned(), "prod".to_owned()])));
    let taken = until_condition(&followed, "dev", "PoliciesReady", "False NameTaken").await;
    let told = message(&taken, "PoliciesReady");
    assert!(told.contains("AmazonEKSViewPolicy: in dev-a") && !told.contains("prod"), "{told}");
    let none = status_of(&followed.server.objects(ACCESS_ENTRIES), "none");
    assert_eq!(condition(&none, "PoliciesReady"), "");
    assert_eq!(followed.tables(), 1, "the state of policies makes no table");
}

#[tokio::test]
async fn changes_of_entries_get_events_and_what_was_there_gets_none() {
    let (followed, _readiness) = reporting(&[entry("there", "There", "t")]).await;
    until_condition(&followed, "there", "Accepted", "True Valid").await;
    followed.put(entry("new", "New", "n"));
    followed.put(entry("new-again", "New", "again"));
    followed.put(object("broken", json!({"principalArn": "no-arn"})));
    followed.server.until_objects(CLUSTER_EVENTS, |events| events.len() == 3).await;
    let events = followed.server.objects(CLUSTER_EVENTS);
    let of = |name: &str| {
        let event = events.iter().find(|event| event["regarding"]["name"] == name).unwrap();
        assert_eq!(event["regarding"]["kind"], "AccessEntry");
        (event["reason"].as_str().unwrap().to_owned(), event["note"].as_str().unwrap().to_owned())
    };
    assert_eq!(of("new").0, "Synced");
    let (reason, note) = of("new-again");
    assert!(reason == "NotSynced" && note.contains("`new`"), "{note}");
    let (reason, note) = of("broken");
    assert!(reason == "NotSynced" && note.contains("no-arn"), "{note}");
}

#[tokio::test]
async fn writes_that_are_refused_keep_nobody_out_and_are_made_up_for() {
    for refusal in [403, 409, 422, 500] {
        let (followed, _readiness) = reporting(&[]).await;
        followed.server.until_objects(LEASES, |leases| !leases.is_empty()).await;
        let lease = followed.server.objects(LEASES)[0]["metadata"]["name"].clone();
        assert_eq!(lease, "iam-bridge-accessentry-status");
        followed.server.behave(Manners { refuse_writes: Some(refusal), ..Manners::default() });
        followed.put(entry("a", "A", "a"));
        followed.until_named("A", Some("a")).await;
        followed.server.until(|asked| !writes(asked).is_empty()).await;
        assert_eq!((followed.stale(), followed.dropped()), (false, 0), "{refusal}");
        followed.server.behave(Manners::default());
        until_condition(&followed, "a", "Accepted", "True Valid").await;
    }
}

/// At most 50 a second, measured over what the server was asked and not over how long the test took.
#[tokio::test]
async fn no_more_than_fifty_statuses_are_written_in_a_second() {
    let objects: Vec<Value> = (0..120).map(|number| entry(&format!("e{number}"), &format!("R{number}"), "u")).collect();
    let (followed, _readiness) = reporting(&objects).await;
    let began = std::time::Instant::now();
    followed.server.until(|asked| writes(asked).len() >= 120).await;
    let fewest = Duration::from_secs(2);
    assert!(began.elapsed() >= fewest, "120 writes take at least {fewest:?} at 50 a second");
}
