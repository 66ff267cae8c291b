//! RoleBindings of access policies follow entries, namespaces and time, and are kept as they should be.

use iam_bridge::live::live;
use iam_bridge::mapping::{AccessPolicyMode, AuthenticationMode, Chain, SourceKind};
use iam_bridge::policy::PolicySettings;
use serde_json::{Value, json};

use super::policy_stage::{NOW, Stage, VIEW, subjects, table, viewer, viewer_until};
use crate::harness::object_server::{LEASES, NAMESPACES, ROLE_BINDINGS};

const DEV_A: &str = "dev-a/AmazonEKSViewPolicy";
const DEV_B: &str = "dev-b/AmazonEKSViewPolicy";

#[tokio::test]
async fn a_grant_is_bound_in_namespaces_that_match_in_new_ones_too_and_ends_with_its_entry() {
    let stage = Stage::new(&["dev-a", "prod"]).await;
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    stage.until_bound(&[DEV_A]).await;
    keeping.until_ready().await;
    let made = stage.binding("dev-a");
    assert_eq!(subjects(&made), ["iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*"]);
    assert_eq!(made["metadata"]["annotations"], json!({"iam-bridge.dev/scopes": "dev-*"}));
    assert_eq!(made["metadata"]["managedFields"], json!([{"manager": "iam-bridge", "operation": "Apply"}]));

    stage.namespace("dev-b");
    stage.until_bound(&[DEV_A, DEV_B]).await;
    keeping.until_ready().await;
    stage.publish(vec![viewer("Dev", &["dev-*"]), viewer("Ops", &["dev-b"])]);
    let both = ["iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*", "iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-b"];
    let is = |objects: &[Value]| objects.len() == 2 && subjects(&objects[1]) == both;
    stage.server.until_objects(ROLE_BINDINGS, is).await;
    stage.publish(vec![viewer("Ops", &["dev-b"])]);
    stage.until_bound(&[DEV_B]).await;
    stage.publish(Vec::new());
    stage.until_bound(&[]).await;

    let requests = stage.server.requests();
    let of_namespaces = requests.iter().filter(|asked| asked.path == NAMESPACES);
    assert!(of_namespaces.clone().count() > 1);
    for asked in of_namespaces {
        assert!(asked.accept.contains("as=PartialObjectMetadata"), "metadata only: {asked:?}");
    }
    for asked in requests.iter().filter(|asked| asked.path == ROLE_BINDINGS) {
        assert!(asked.query.contains("labelSelector=app.kubernetes.io%2Fmanaged-by%3Diam-bridge%2C"), "{asked:?}");
    }
    for asked in requests.iter().filter(|asked| asked.method == "PATCH") {
        assert_eq!(asked.content_type, "application/apply-patch+yaml");
        assert!(asked.query.contains("fieldManager=iam-bridge"));
        let is_forced = asked.query.contains("force=true");
        assert_eq!(is_forced, asked.body["metadata"]["uid"].is_string(), "what is forced was seen: {asked:?}");
    }
    let deletions: Vec<_> = requests.iter().filter(|asked| asked.method == "DELETE").collect();
    assert_eq!(deletions.len(), 2);
    for asked in deletions {
        let conditions = &asked.body["preconditions"];
        assert!(conditions["uid"].is_string() && conditions["resourceVersion"].is_string(), "{asked:?}");
    }
}

#[tokio::test]
async fn the_end_of_an_entry_or_of_one_policy_ends_its_bindings() {
    let stage = Stage::new(&["a", "b", "c"]).await;
    let _keeping = stage.keep();
    stage.publish(vec![
        viewer_until("One", &["a"], Some(NOW.plus(100)), None),
        viewer_until("Two", &["b"], None, Some(NOW.plus(200))),
        viewer_until("Over", &["c"], Some(NOW), None),
    ]);
    let (a, b) = ("a/AmazonEKSViewPolicy", "b/AmazonEKSViewPolicy");
    stage.until_bound(&[a, b]).await;
    stage.hand.advance(100);
    stage.until_bound(&[b]).await;
    stage.hand.advance(100);
    stage.until_bound(&[]).await;
}

#[tokio::test]
async fn what_somebody_makes_of_a_binding_of_ours_is_repaired() {
    let stage = Stage::new(&["dev-a"]).await;
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    stage.until_bound(&[DEV_A]).await;
    keeping.until_ready().await;
    let good = stage.binding("dev-a");
    let is_good = |objects: &[Value]| {
        objects.len() == 1
            && ["subjects", "roleRef"].iter().all(|key| objects[0][key] == good[key])
            && objects[0]["metadata"]["annotations"] == good["metadata"]["annotations"]
    };
    let group = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "friends"});
    for (count, change) in (1..).zip([
        json!({"subjects": [group]}),
        json!({"metadata": {"annotations": {"iam-bridge.dev/scopes": "all"}}}),
        // Made anew under our labels, for another role: what a binding refers to cannot be changed.
        json!({"roleRef": {"name": "cluster-admin"}}),
    ]) {
        let mut changed = stage.binding("dev-a");
        merge(&mut changed, &change);
        changed["metadata"]["managedFields"] = json!([{"manager": "kubectl-edit", "operation": "Update"}]);
        stage.server.put(ROLE_BINDINGS, changed);
        stage.server.until_objects(ROLE_BINDINGS, is_good).await;
        keeping.until_ready().await;
        assert_eq!(keeping.metric("repairs_total"), count);
    }
    stage.server.delete(ROLE_BINDINGS, &format!("dev-a/{VIEW}"));
    stage.server.until_objects(ROLE_BINDINGS, is_good).await;

    // What others add beside it stays.
    let mut changed = stage.binding("dev-a");
    changed["metadata"]["labels"]["team"] = "a".into();
    stage.server.put(ROLE_BINDINGS, changed);
    stage.namespace("dev-b");
    stage.until_bound(&[DEV_A, DEV_B]).await;
    assert_eq!(stage.binding("dev-a")["metadata"]["labels"]["team"], "a");
}

#[tokio::test]
async fn namespaces_that_are_being_deleted_are_left_alone() {
    let stage = Stage::new(&["dev-a"]).await;
    let end = json!({"name": "dev-z", "deletionTimestamp": "2027-01-15T08:00:00Z"});
    stage.server.put(NAMESPACES, json!({"metadata": end}));
    let end = json!({"name": "old", "deletionTimestamp": "2027-01-15T08:00:00Z"});
    stage.server.put(NAMESPACES, json!({"metadata": end}));
    stage.left_over("old");
    let keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    stage.until_bound(&[DEV_A, "old/AmazonEKSViewPolicy"]).await;
    keeping.until_ready().await;
    assert_eq!((stage.calls("DELETE"), stage.calls("PATCH")), (0, 1));
}

#[tokio::test]
async fn the_mode_that_knows_aws_auth_alone_asks_for_no_binding() {
    let stage = Stage::new(&["dev-a"]).await;
    let _keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    stage.until_bound(&[DEV_A]).await;
    stage.mode.publish(AuthenticationMode::ConfigMap);
    stage.until_bound(&[]).await;
    stage.mode.publish(AuthenticationMode::Api);
    stage.until_bound(&[DEV_A]).await;
}

#[tokio::test]
async fn sources_may_come_and_go_while_it_runs() {
    let stage = Stage::new(&["dev-a", "dev-b"]).await;
    let _keeping = stage.keep();
    stage.publish(vec![viewer("Dev", &["dev-a"])]);
    stage.until_bound(&[DEV_A]).await;
    let before = stage.chain.subscribe().now();
    let (file, read) = live(table(SourceKind::AccessEntryFile, vec![viewer("Ops", &["dev-b"])]));
    let both = vec![before.tables[0].clone(), read];
    stage.chain.publish(Chain { tables: both, ..Chain::clone(&before) });
    stage.until_bound(&[DEV_A, DEV_B]).await;
    // Its publisher ends, as that of a source that is ended; the others are followed all the same.
    drop(file);
    stage.publish(Vec::new());
    stage.until_bound(&[DEV_B]).await;
    stage.chain.publish(Chain::clone(&before));
    stage.until_bound(&[]).await;
}

#[tokio::test]
async fn nothing_is_asked_of_the_api_server_where_nothing_is_to_be_kept() {
    let stage = Stage::new(&["dev-a"]).await;
    stage.publish(vec![viewer("Dev", &["dev-*"])]);
    let off = PolicySettings { mode: AccessPolicyMode::Off, namespace_scope: true };
    let keeping = stage.keep_with(off, stage.chain.subscribe());
    keeping.until("off", |readiness| readiness.mode == AccessPolicyMode::Off).await;
    let elsewhere = PolicySettings { mode: AccessPolicyMode::Rbac, namespace_scope: false };
    let keeping = stage.keep_with(elsewhere, stage.chain.subscribe());
    keeping.until("elsewhere", |readiness| readiness.elsewhere).await;

    // No source of access entries: nothing either, until there is one.
    let (chain, chains) = live(Chain::default());
    let waiting = stage.keep_with(PolicySettings::default(), chains);
    chain.publish(Chain::default());
    tokio::task::yield_now().await;
    assert!(stage.server.requests().is_empty(), "{:?}", stage.server.requests());
    chain.publish(Chain::clone(&stage.chain.subscribe().now()));
    stage.until_bound(&[DEV_A]).await;
    waiting.until_ready().await;
}

#[tokio::test]
async fn the_lease_tells_the_digest_of_the_leaders_file() {
    let stage = Stage::new(&["dev-a"]).await;
    let keeping = stage.keep();
    let note = |objects: &[Value]| {
        let note = &objects.first()?["metadata"]["annotations"]["iam-bridge.dev/access-entry-file"];
        note.as_str().map(str::to_owned)
    };
    stage.server.until_objects(LEASES, |objects| note(objects).as_deref() == Some("none")).await;
    assert_eq!(stage.server.objects(LEASES)[0]["metadata"]["name"], "iam-bridge-access-policies");
    let before = stage.chain.subscribe().now();
    let (_file, read) = live(table(SourceKind::AccessEntryFile, vec![viewer("Ops", &["dev-b"])]));
    stage.chain.publish(Chain { tables: vec![read], ..Chain::clone(&before) });
    stage.server.until_objects(LEASES, |objects| note(objects).is_some_and(|note| note.starts_with("sha256:"))).await;
    assert_eq!(keeping.metric("leads"), 1);
}

fn merge(target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(members) => members.iter().for_each(|(key, value)| merge(&mut target[key], value)),
        other => *target = other.clone(),
    }
}
