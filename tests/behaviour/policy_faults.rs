//! What access policies do not do: delete on a guess, take what is another's, fight with a replica, stop for a fault.

use iam_bridge::live::live;
use iam_bridge::mapping::{Chain, PolicyState, SourceKind};
use iam_bridge::policy::PolicySettings;
use serde_json::{Value, json};

use super::policy_stage::{Stage, bound, subjects, table, unread, viewer};
use crate::harness::object_server::{
    Asked, CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, LEASES, Manners, NAMESPACES, ROLE_BINDINGS,
};

const DEV_A: &str = "dev-a/AmazonEKSViewPolicy";

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number:02}")).collect()
}

#[tokio::test]
async fn an_object_of_our_name_without_our_labels_is_left_alone_and_told() {
    let stage = Stage::new(&["dev-a", "dev-b"]).await;
    let foreign = stage.foreign("dev-a");
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    keeping.until_state("taken", |state| *state == PolicyState::NameTaken(vec!["dev-a".to_owned()])).await;
    stage.until_bound(&[DEV_A, "dev-b/AmazonEKSViewPolicy"]).await;
    assert_eq!(stage.binding("dev-a"), foreign);
    assert_eq!(keeping.metric("names_taken"), 1);
    assert_eq!(keeping.metric("ready{policy=\"AmazonEKSViewPolicy\"}"), 0);
    stage.publish(Vec::new());
    stage.until_bound(&[DEV_A]).await;
    assert_eq!(stage.binding("dev-a"), foreign, "it is not deleted either");

    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    keeping.until_state("taken again", |state| matches!(state, PolicyState::NameTaken(_))).await;
    stage.server.delete(ROLE_BINDINGS, &format!("dev-a/{}", super::policy_stage::VIEW));
    stage.hand.advance(30);
    keeping.until_ready().await;
    assert_eq!(subjects(&stage.binding("dev-a")), ["iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*"]);
}

#[tokio::test]
async fn a_binding_whose_labels_somebody_took_off_is_no_longer_ours() {
    let stage = Stage::new(&["dev-a"]).await;
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    stage.until_bound(&[DEV_A]).await;
    let mut bare = stage.binding("dev-a");
    bare["metadata"]["labels"] = json!({});
    let bare = stage.server.put(ROLE_BINDINGS, bare);
    keeping.until_state("taken", |state| matches!(state, PolicyState::NameTaken(_))).await;
    assert_eq!(stage.binding("dev-a"), bare);
}

#[tokio::test]
async fn nothing_is_deleted_before_every_source_of_entries_has_read_its_input() {
    let stage = Stage::new(&["dev-a", "old"]).await;
    stage.left_over("old");
    stage.left_over("dev-a");
    let before = stage.chain.subscribe().now();
    let (mirror, mirrored) = live(unread(SourceKind::EksAccessEntries));
    let both = vec![before.tables[0].clone(), mirrored];
    stage.chain.publish(Chain { tables: both, ..Chain::clone(&before) });
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    // What is asked for is written all the same, and what was left there is corrected.
    let corrected = |objects: &[Value]| subjects(&objects[0])[0].ends_with("dev-*");
    stage.server.until_objects(ROLE_BINDINGS, corrected).await;
    keeping.until_ready().await;
    assert_eq!(bound(&stage.server.objects(ROLE_BINDINGS)), [DEV_A, "old/AmazonEKSViewPolicy"]);
    assert_eq!(stage.calls("DELETE"), 0);
    mirror.publish(table(SourceKind::EksAccessEntries, Vec::new()));
    stage.until_bound(&[DEV_A]).await;
}

#[tokio::test]
async fn half_a_list_of_namespaces_is_no_reason_to_delete() {
    let stage = Stage::new(&["dev-a", "dev-b", "dev-c", "dev-d"]).await;
    for namespace in ["dev-a", "dev-b", "dev-c", "dev-d"] {
        stage.left_over(namespace);
    }
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    stage.server.behave(Manners { list_half: true, ..Manners::default() });
    let keeping = stage.keep();
    keeping.until_pending("does not list `").await;
    let listed = |asked: &[Asked]| asked.iter().filter(|asked| asked.lists(NAMESPACES)).count() > 2;
    stage.server.until(listed).await;
    assert_eq!(stage.calls("DELETE") + stage.calls("PATCH"), 0);
    stage.server.behave(Manners::default());
    keeping.until_ready().await;
    assert_eq!((stage.calls("DELETE"), stage.calls("PATCH")), (0, 4));
}

#[tokio::test]
async fn a_pass_that_would_delete_most_of_what_there_is_waits_for_a_later_one_to_agree() {
    let old = names("old", 12);
    let mut all: Vec<&str> = old.iter().map(String::as_str).collect();
    all.extend(["dev-a", "dev-b"]);
    let stage = Stage::new(&all).await;
    old.iter().for_each(|namespace| stage.left_over(namespace));
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-a"])]);
    let has =
        |name: &'static str| move |objects: &[Value]| bound(objects).contains(&format!("{name}/AmazonEKSViewPolicy"));
    stage.server.until_objects(ROLE_BINDINGS, has("dev-a")).await;
    // Another pass, and still nothing is deleted.
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    stage.server.until_objects(ROLE_BINDINGS, has("dev-b")).await;
    keeping.until_ready().await;
    assert_eq!(stage.calls("DELETE"), 0);
    assert_eq!((keeping.metric("held_deletions"), keeping.metric("brakes_total")), (12, 1));
    stage.hand.advance(60);
    stage.until_bound(&[DEV_A, "dev-b/AmazonEKSViewPolicy"]).await;
    assert_eq!(stage.calls("DELETE"), 12);
}

#[tokio::test]
async fn entries_that_come_back_while_a_pass_waits_keep_their_bindings() {
    let teams = names("team", 15);
    let all: Vec<&str> = teams.iter().map(String::as_str).collect();
    let stage = Stage::new(&all).await;
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["team-*"])]);
    stage.server.until_objects(ROLE_BINDINGS, |objects| objects.len() == 15).await;
    keeping.until_ready().await;
    stage.publish(Vec::new());
    // Told once the pass is over; nothing else is published by it.
    let writes = stage.calls("PATCH");
    stage.namespace("more");
    stage.publish(vec![viewer("Ops", &["more"])]);
    stage.server.until_objects(ROLE_BINDINGS, |objects| objects.len() == 16).await;
    stage.publish(vec![viewer("Dev", &["team-*"]), viewer("Ops", &["more"])]);
    stage.hand.advance(60);
    stage.publish(vec![viewer("Dev", &["team-*"])]);
    stage.server.until_objects(ROLE_BINDINGS, |objects| objects.len() == 15).await;
    assert_eq!((stage.calls("DELETE"), stage.calls("PATCH")), (1, writes + 1), "only the one that is not wanted went");
}

#[tokio::test]
async fn a_few_are_deleted_at_once() {
    let teams = names("team", 10);
    let all: Vec<&str> = teams.iter().map(String::as_str).collect();
    let stage = Stage::new(&all).await;
    teams.iter().for_each(|namespace| stage.left_over(namespace));
    let keeping = stage.keep();
    stage.until_bound(&[]).await;
    assert_eq!(keeping.metric("brakes_total"), 0);
}

#[tokio::test]
async fn writes_that_conflict_are_tried_again() {
    let stage = Stage::new(&["dev-a", "old"]).await;
    stage.left_over("old");
    stage.server.behave(Manners { refuse_path: Some(("/rolebindings/", 409)), ..Manners::default() });
    let _keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    let tries = |method: &'static str| {
        move |asked: &[Asked]| {
            asked.iter().filter(|one| one.method == method && one.path.contains("/rolebindings/")).count() > 2
        }
    };
    stage.server.until(tries("DELETE")).await;
    stage.server.until(tries("GET")).await;
    stage.server.behave(Manners::default());
    stage.until_bound(&[DEV_A]).await;
}

#[tokio::test]
async fn a_missing_right_is_named_and_tried_again_until_it_is_there() {
    let stage = Stage::new(&["dev-a"]).await;
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    for (path, word) in [("/rolebindings/", "rolebindings"), ("/clusterroles/", "clusterroles")] {
        stage.server.behave(Manners { refuse_path: Some((path, 403)), ..Manners::default() });
        let keeping = stage.keep();
        keeping.until_pending(&format!("the right to get {word} `iam-bridge.dev:")).await;
        keeping.until_pending("apply deploy/rbac-accesspolicies.yaml").await;
        assert_eq!(keeping.metric("ready{policy=\"AmazonEKSViewPolicy\"}"), 0);
        stage.server.behave(Manners::default());
        stage.hand.advance(30);
        keeping.until_ready().await;
        let mut lease = stage.server.objects(LEASES)[0].clone();
        lease["spec"]["holderIdentity"] = "".into();
        drop(keeping);
        stage.server.put(LEASES, lease);
        stage.server.delete(ROLE_BINDINGS, &format!("dev-a/{}", super::policy_stage::VIEW));
    }
    stage.server.behave(Manners { refuse_path: Some(("/api/v1/namespaces", 403)), ..Manners::default() });
    let keeping = stage.keep();
    keeping.until_pending("refuses us the right to list `namespaces` (403)").await;
    assert!(keeping.metric("faults_total{what=\"namespaces\"}") > 0);
    stage.server.behave(Manners::default());
    keeping.until_ready().await;
}

#[tokio::test]
async fn an_api_server_that_goes_away_is_told_and_what_was_missed_is_done_when_it_is_back() {
    let stage = Stage::new(&["dev-a", "dev-b"]).await;
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-a"])]);
    stage.until_bound(&[DEV_A]).await;
    keeping.until_ready().await;
    stage.server.behave(Manners { away: true, ..Manners::default() });
    keeping.until_pending("cannot be reached").await;
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    stage.server.behave(Manners::default());
    stage.until_bound(&[DEV_A, "dev-b/AmazonEKSViewPolicy"]).await;
    keeping.until_ready().await;
}

#[tokio::test]
async fn a_role_that_is_missing_or_another_than_shipped_is_told_and_never_written() {
    let stage = Stage::bare(&["dev-a"]).await;
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    keeping.until_pending("the ClusterRole `iam-bridge.dev:AmazonEKSViewPolicy` is missing").await;
    assert_eq!(keeping.metric("missing{policy=\"AmazonEKSViewPolicy\"}"), 1);
    stage.until_bound(&[DEV_A]).await;

    let shipped = Stage::new(&[]).await;
    let objects = |collection| shipped.server.objects(collection);
    let put = |collection, mut object: Value| {
        object["metadata"] = json!({"name": object["metadata"]["name"]});
        stage.server.put(collection, object);
    };
    for mut role in objects(CLUSTER_ROLES) {
        if role["metadata"]["name"] == super::policy_stage::VIEW {
            role["rules"]
                .as_array_mut()
                .unwrap()
                .push(json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}));
        } else {
            role["rules"].as_array_mut().unwrap().reverse();
        }
        put(CLUSTER_ROLES, role);
    }
    for binding in objects(CLUSTER_ROLE_BINDINGS) {
        put(CLUSTER_ROLE_BINDINGS, binding);
    }
    stage.hand.advance(30);
    keeping.until_pending("is not what is shipped: its rules are others").await;
    assert_eq!(keeping.metric("drift{policy=\"AmazonEKSViewPolicy\"}"), 1);
    assert_eq!(keeping.metric("drift{policy=\"AmazonEKSEditPolicy\"}"), 0, "an order is no difference");
    for role in objects(CLUSTER_ROLES) {
        put(CLUSTER_ROLES, role);
    }
    stage.hand.advance(30);
    keeping.until_ready().await;
    // Later on everything is looked at again now and then.
    let mut binding = objects(CLUSTER_ROLE_BINDINGS)
        .into_iter()
        .find(|one| one["metadata"]["name"] == super::policy_stage::VIEW)
        .unwrap();
    binding["subjects"][0]["name"] = "system:authenticated".into();
    put(CLUSTER_ROLE_BINDINGS, binding);
    stage.hand.advance(600);
    keeping.until_pending("its subjects are others").await;
    let is_write = |asked: &&Asked| asked.writes() && asked.path.contains("clusterrole");
    assert_eq!(stage.server.requests().iter().filter(is_write).count(), 0);
}

#[tokio::test]
async fn of_two_keepers_one_writes_and_when_its_lease_is_another_s_that_one_does() {
    let stage = Stage::new(&["dev-a", "dev-b", "dev-c"]).await;
    stage.publish(vec![viewer("Dev", &["dev-a"])]);
    let first = stage.keep();
    first.until_ready().await;
    let before = stage.chain.subscribe().now();
    let (_file, read) = live(table(SourceKind::AccessEntryFile, vec![viewer("Dev", &["dev-b"])]));
    let (_chain, chains) = live(Chain { tables: vec![read], ..Chain::clone(&before) });
    // It reads another file than the first, which has none: that is told, and nothing is fought over.
    let second = stage.keep_with(PolicySettings::default(), chains);
    second.until_pending("1 of 1 RoleBindings are not written yet").await;
    stage.publish(vec![viewer("Dev", &["dev-a", "dev-c"])]);
    stage.until_bound(&[DEV_A, "dev-c/AmazonEKSViewPolicy"]).await;
    assert_eq!((first.metric("leads"), second.metric("leads")), (1, 0));
    assert_eq!(second.metric("writes_total{operation=\"apply\",result=\"ok\"}"), 0);

    // As if the first had ended long ago.
    let mut lease = stage.server.objects(LEASES)[0].clone();
    drop(first);
    lease["spec"]["holderIdentity"] = "".into();
    stage.server.put(LEASES, lease);
    stage.until_bound(&["dev-b/AmazonEKSViewPolicy"]).await;
    second.until_ready().await;
    assert_eq!(second.metric("leads"), 1);
}

#[tokio::test]
async fn two_keepers_that_both_write_do_no_harm() {
    let teams = names("team", 20);
    let mut all: Vec<&str> = teams.iter().map(String::as_str).collect();
    all.push("dev-a");
    let stage = Stage::new(&all).await;
    stage.publish(vec![viewer("Dev", &["dev-a"])]);
    let (first, second) = (stage.keep(), stage.keep());
    let lead = async |count: u64| {
        while first.metric("leads") + second.metric("leads") < count {
            stage.server.until_requests(stage.server.requests().len() + 1).await;
        }
    };
    lead(1).await;
    // The other takes the Lease; the one that held it learns of that two seconds later.
    let mut lease = stage.server.objects(LEASES)[0].clone();
    lease["spec"]["holderIdentity"] = "".into();
    stage.server.put(LEASES, lease);
    stage.publish(vec![viewer("Dev", &["dev-a"]), viewer("Team", &["team-*"])]);
    stage.server.until_objects(ROLE_BINDINGS, |objects| objects.len() == 21).await;
    first.until_ready().await;
    second.until_ready().await;
    assert_eq!(stage.calls("DELETE"), 0);
    for object in stage.server.objects(ROLE_BINDINGS) {
        assert_eq!(subjects(&object).len(), 1, "{object}");
    }
}
