//! Access policies as RBAC on a real API server, under the rights that `deploy/` gives the server and no others.

use std::time::Instant;

use iam_bridge::clock::Clock;
use serde_json::{Value, json};

use super::entry_rig::{BASE, ENTRIES, EntryRig, POLICIES, VIEW, association, group, with_policy};
use super::rig::apply;
use super::source_rig::{apply_shipped, assert_nothing_was_refused, role_arn};
use crate::harness::process::say_aloud;

const VIEW_POLICY: &str = "AmazonEKSViewPolicy";
const EDIT_POLICY: &str = "AmazonEKSEditPolicy";

/// Everything that entries of objects need.
fn manifests() -> Vec<&'static str> {
    [[BASE].as_slice(), &ENTRIES, &POLICIES].concat()
}

/// An instant so many seconds from now, as entries spell it.
fn in_seconds(seconds: i64) -> String {
    jiff::Timestamp::from_second(Clock::system().now().plus(seconds).0).unwrap().to_string()
}

/// A pod of this name; where there is no controller the account comes with it.
fn apply_pod(rig: &EntryRig, namespace: &str, name: &str) {
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}});
    apply(&rig.cluster, &account.to_string());
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
        "spec": {"automountServiceAccountToken": false, "containers": [{"name": "c", "image": "example.com/none"}]},
    });
    apply(&rig.cluster, &pod.to_string());
}

#[test]
fn e2e_a_view_policy_of_dev_namespaces_reads_there_follows_new_ones_and_ends_with_its_entry() {
    let Some(rig) = EntryRig::start(&manifests(), "AccessEntry", "") else { return };
    rig.namespaces(&["dev-a", "prod"]);
    apply_pod(&rig, "dev-a", "web");
    let vera = rig.introduce("Viewer", "vera@example.com");
    rig.until_refused(&vera, &["get", "pods", "--namespace", "dev-a"], "Unauthorized");
    rig.apply_entry("viewer", &with_policy("Viewer", VIEW_POLICY, &["dev-*"]));

    let pods = ["get", "pods", "--output", "name", "--namespace"];
    let in_namespace = |name| [pods.as_slice(), &[name]].concat();
    assert_eq!(rig.until_may(&vera, &in_namespace("dev-a")).trim(), "pod/web");
    for more in [
        "get pods --namespace prod",
        "get pods --all-namespaces",
        "get secrets --namespace dev-a",
        "delete pod web --namespace dev-a",
        "get nodes",
    ] {
        rig.assert_forbidden(&vera, &more.split(' ').collect::<Vec<_>>());
    }
    let user = rig.whoami(&vera);
    let scoped = group(VIEW_POLICY, "dev-*");
    assert_eq!(user["groups"], json!([scoped, "system:authenticated"]));
    assert_eq!(user["username"], "arn:aws:sts::111122223333:assumed-role/Viewer/vera-example.com");
    let listed = rig.kubectl(&vera, &["auth", "can-i", "--list", "--namespace", "dev-a"]);
    assert!(listed.stdout.contains("deployments.apps"), "rules are listed, as on no EKS cluster: {listed:?}");

    let made = Instant::now();
    rig.namespaces(&["dev-b"]);
    rig.until_may(&vera, &in_namespace("dev-b"));
    say_aloud(&format!("a namespace made later was open after {} ms", made.elapsed().as_millis()));
    rig.until_bound("dev-b", VIEW, Some(&[&scoped]));
    assert_eq!(rig.bound("prod", VIEW), None);
    rig.until_condition("viewer", "Accepted", "True", "Valid");
    rig.until_condition("viewer", "PoliciesReady", "True", "Bound");
    let status = rig.object(&["accessentries.iam-bridge.dev", "viewer"])["status"].clone();
    assert_eq!(status["groups"], json!([scoped]), "{status}");

    rig.delete_entry("viewer");
    rig.until_refused(&vera, &in_namespace("dev-a"), "Unauthorized");
    assert_eq!(rig.server.judge(&vera), Err("not_mapped".to_owned()));
    for namespace in ["dev-a", "dev-b"] {
        rig.until_bound(namespace, VIEW, None);
    }
    assert_nothing_was_refused(&rig.server);
}

#[test]
fn e2e_what_expires_ends_by_itself_an_association_alone_and_an_entry_wholly() {
    let Some(rig) = EntryRig::start(&manifests(), "AccessEntry", "") else { return };
    rig.namespaces(&["dev-a"]);
    let tess = rig.introduce("Temp", "tess");
    let read = ["get", "pods", "--namespace", "dev-a"];
    let write = ["create", "configmap", "mine", "--namespace", "dev-a", "--dry-run=server"];
    let mut elevation = association(EDIT_POLICY, &["dev-*"]);
    let base = association(VIEW_POLICY, &["dev-*"]);
    let entry = |associations: &[&Value], until: Option<String>| {
        let mut spec = json!({"principalArn": role_arn("Temp"), "policyAssociations": associations});
        if let Some(until) = until {
            spec["expiresAt"] = json!(until);
        }
        spec
    };
    elevation["expiresAt"] = json!(in_seconds(3_600));
    rig.apply_entry("temp", &entry(&[&base, &elevation], None));
    rig.until_may(&tess, &write);
    elevation["expiresAt"] = json!(in_seconds(6));
    rig.apply_entry("temp", &entry(&[&base, &elevation], None));
    rig.until_refused(&tess, &write, "forbidden");
    rig.until_bound("dev-a", "iam-bridge.dev:AmazonEKSEditPolicy", None);
    rig.until_may(&tess, &read);

    rig.apply_entry("temp", &entry(&[&base], Some(in_seconds(6))));
    rig.until_refused(&tess, &read, "Unauthorized");
    assert_eq!(rig.server.judge(&tess), Err("expired_entry".to_owned()));
    rig.until_bound("dev-a", VIEW, None);
    rig.until_condition("temp", "Accepted", "False", "Expired");
    rig.apply_entry("temp", &entry(&[&base], Some(in_seconds(3_600))));
    rig.until_may(&tess, &read);
    rig.until_condition("temp", "Accepted", "True", "Valid");
    assert_nothing_was_refused(&rig.server);
}

const FOREIGN: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: 'iam-bridge.dev:AmazonEKSViewPolicy', namespace: dev-a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: somebodys}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: somebodys}
";

#[test]
fn e2e_an_object_of_our_name_that_is_not_ours_is_left_alone_and_told_and_drift_of_ours_is_repaired() {
    let Some(rig) = EntryRig::start(&manifests(), "AccessEntry", "") else { return };
    rig.namespaces(&["dev-a", "dev-b"]);
    apply(&rig.cluster, FOREIGN);
    let at = |namespace| rig.object(&["rolebinding", VIEW, "--namespace", namespace]);
    let before = at("dev-a");
    let vera = rig.introduce("Viewer", "vera");
    rig.apply_entry("viewer", &with_policy("Viewer", VIEW_POLICY, &["dev-*"]));
    rig.until_may(&vera, &["get", "pods", "--namespace", "dev-b"]);
    let message = rig.until_condition("viewer", "PoliciesReady", "False", "NameTaken");
    assert!(message.contains("dev-a"), "{message}");
    rig.server.until_metric("iam_bridge_access_policy_names_taken", 1.0);
    rig.assert_forbidden(&vera, &["get", "pods", "--namespace", "dev-a"]);
    assert_eq!(at("dev-a"), before, "not a byte of it changed");

    rig.admin(&["delete", "rolebinding", VIEW, "--namespace", "dev-a"]);
    rig.until_may(&vera, &["get", "pods", "--namespace", "dev-a"]);
    rig.until_condition("viewer", "PoliciesReady", "True", "Bound");
    rig.server.until_metric("iam_bridge_access_policy_names_taken", 0.0);

    let scoped = group(VIEW_POLICY, "dev-*");
    let stranger = json!([{"op": "add", "path": "/subjects/-", "value": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "strangers"}}]);
    rig.admin(&["patch", "rolebinding", VIEW, "--namespace", "dev-b", "--type=json", "--patch", &stranger.to_string()]);
    rig.until_bound("dev-b", VIEW, Some(&[&scoped]));
    rig.admin(&["delete", "rolebinding", VIEW, "--namespace", "dev-b"]);
    rig.until_bound("dev-b", VIEW, Some(&[&scoped]));
    assert_nothing_was_refused(&rig.server);
}

/// Without its right nothing is bound; it is said which right it is, and that is cured while the server runs.
#[test]
fn e2e_a_leader_without_rights_says_which_right_is_missing_and_goes_on_when_it_is_given() {
    let given = [[BASE, "access-policies.yaml"].as_slice(), &ENTRIES].concat();
    let Some(rig) = EntryRig::start(&given, "AccessEntry", "") else { return };
    rig.namespaces(&["dev-a"]);
    let vera = rig.introduce("Viewer", "vera");
    rig.apply_entry("viewer", &with_policy("Viewer", VIEW_POLICY, &["dev-a"]));
    rig.server.until_judged(&vera, Ok("arn:aws:sts::111122223333:assumed-role/Viewer/vera"));
    for right in ["list `namespaces` (403)", "list `rolebindings` (403)"] {
        rig.until(&format!("it says that it lacks the right to {right}"), || {
            if rig.server.log().contains(right) { Ok(()) } else { Err("not a word".to_owned()) }
        });
    }
    rig.until_condition("viewer", "PoliciesReady", "False", "Pending");
    rig.assert_forbidden(&vera, &["get", "pods", "--namespace", "dev-a"]);

    apply_shipped(&rig.cluster, &POLICIES);
    rig.until_may(&vera, &["get", "pods", "--namespace", "dev-a"]);
    rig.until_condition("viewer", "PoliciesReady", "True", "Bound");

    // A right that is taken away again, the one without which no binding can be made of a role.
    let without_bind = rig.object(&["clusterrole", "iam-bridge-accesspolicies"]);
    let mut rules = without_bind["rules"].as_array().unwrap().clone();
    rules.retain(|rule| !rule["verbs"].as_array().unwrap().contains(&json!("bind")));
    let patch = json!({"rules": rules}).to_string();
    rig.admin(&["patch", "clusterrole", "iam-bridge-accesspolicies", "--type=merge", "--patch", &patch]);
    rig.apply_entry("viewer", &with_policy("Viewer", VIEW_POLICY, &["dev-a", "dev-c"]));
    rig.namespaces(&["dev-c"]);
    let message = rig.until_condition("viewer", "PoliciesReady", "False", "Pending");
    assert!(message.contains("bind") || message.contains("forbidden"), "{message}");
}

#[test]
fn e2e_static_roles_that_drifted_or_are_missing_are_told_and_not_touched() {
    let Some(rig) = EntryRig::start(&manifests(), "AccessEntry", "") else { return };
    let vera = rig.introduce("Viewer", "vera");
    rig.apply_entry("viewer", &with_policy("Viewer", VIEW_POLICY, &[]));
    rig.until_may(&vera, &["get", "pods", "--all-namespaces"]);
    rig.until_condition("viewer", "PoliciesReady", "True", "Bound");
    let mut role = rig.object(&["clusterrole", VIEW]);
    rig.admin(&["delete", "clusterrole", VIEW]);
    // The next full pass sees it, or the first one of a server that starts.
    let other = rig.another_server("AccessEntry", "");
    rig.until("a server that starts says so", || {
        let log = [rig.server.log(), other.log()].concat();
        let told = log.lines().any(|line| line.contains(VIEW) && line.contains("access-policies.yaml"));
        if told { Ok(()) } else { Err(other.quiet_log()) }
    });
    role["metadata"].as_object_mut().unwrap().retain(|key, _| key == "name" || key == "labels");
    apply(&rig.cluster, &role.to_string());
    rig.until_may(&vera, &["get", "pods", "--all-namespaces"]);
}
