//! Access entries as objects of a real API server: served with exactly the shipped rights, and guarded by the shipped
//! roles and admission policy.

use serde_json::{Value, json};

use super::rig::{ACCOUNT, CLUSTER_ID, apply};
use super::source_rig::{
    SEEN, account_kubeconfig, apply_shipped, assert_nothing_was_refused, dropped, mounted_role, role_arn, shipped,
    source_keys, stale, until_event,
};
use crate::harness::cluster::{Cluster, binaries};
use crate::harness::process::{Said, run, run_ok};
use crate::harness::waiting::until;
use crate::harness::webhook_server::WebhookServer;

/// Its full name: another controller has a kind of the same name.
const KIND: &str = "accessentries.iam-bridge.dev";

const NOBODY: &str = "apiVersion: v1
kind: Config
clusters: [{name: nobody, cluster: {server: 'https://127.0.0.1:1'}}]
contexts: [{name: nobody, context: {cluster: nobody}}]
current-context: nobody
";

/// Applies the shipped CRD and waits until it is known.
pub(super) fn install(cluster: &Cluster) {
    apply_shipped(cluster, &["accessentry.yaml"]);
    let crd = "crd/accessentries.iam-bridge.dev";
    run_ok(cluster.as_user("admin").args(["wait", "--for=condition=Established", "--timeout=60s", crd]));
}

/// An AccessEntry.
pub(super) fn object(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "iam-bridge.dev/v1alpha1", "kind": "AccessEntry", "metadata": {"name": name}, "spec": spec})
}

/// A cluster of one's own, which asks nobody who somebody is.
fn cluster_alone(server: &WebhookServer) -> Option<Cluster> {
    let binaries = binaries()?;
    std::fs::write(server.at("nobody.kubeconfig"), NOBODY).unwrap();
    Some(Cluster::start(&binaries, &server.at("nobody.kubeconfig")))
}

fn admin(cluster: &Cluster, arguments: &[&str]) -> String {
    run_ok(cluster.as_user("admin").args(arguments))
}

/// `STATUS REASON` of a condition, as kubectl gets it.
fn condition(cluster: &Cluster, name: &str, of: &str) -> String {
    let path = format!("jsonpath={{range .status.conditions[?(@.type==\"{of}\")]}}{{.status}} {{.reason}}{{end}}");
    admin(cluster, &["get", KIND, name, "--output", &path])
}

fn until_condition(cluster: &Cluster, name: &str, of: &str, wanted: &str) {
    until(&format!("{of} of {name} is {wanted}"), SEEN, || (condition(cluster, name, of) == wanted).then_some(()));
}

#[test]
fn e2e_access_entries_are_served_and_told_with_exactly_the_shipped_rights() {
    if binaries().is_none() {
        return;
    }
    let mut server = WebhookServer::prepare(CLUSTER_ID, "");
    let Some(cluster) = cluster_alone(&server) else { return };
    // The rights come before the kind: the source joins when it is there.
    apply_shipped(&cluster, &["example.yaml", "rbac-accessentry.yaml"]);
    let kubeconfig = account_kubeconfig(&cluster).display().to_string();
    let keys = mounted_role("File", "of-file") + "  accessPolicies: {namespaceScope: false}\n";
    server.rewrite_config(CLUSTER_ID, &source_keys(&kubeconfig, "AccessEntry, MountedFile", &keys));
    server.launch(&[]);
    let [of_file, of_object, brief] = ["File", "Object", "Brief"].map(|role| server.introduce(ACCOUNT, role, "otto"));
    server.until_judged(&of_file, Ok("of-file"));
    until("what to apply is said", SEEN, || server.log().contains("deploy/accessentry.yaml").then_some(()));
    install(&cluster);
    server.until_metric(&stale("AccessEntry"), 0.0);

    let view =
        json!([{"policy": "AmazonEKSViewPolicy", "accessScope": {"type": "namespace", "namespaces": ["dev-*"]}}]);
    let spec =
        json!({"principalArn": role_arn("Object"), "username": "of:{{SessionName}}", "policyAssociations": view});
    apply(&cluster, &object("first", &spec).to_string());
    server.until_judged(&of_object, Ok("of:otto"));
    until_condition(&cluster, "first", "Accepted", "True Valid");
    until_condition(&cluster, "first", "PoliciesReady", "Unknown Unsupported");
    let groups = admin(&cluster, &["get", KIND, "first", "--output", "jsonpath={.status.groups}"]);
    assert_eq!(groups, r#"["iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*"]"#);
    until_event(&cluster, "default", "first", "Synced");

    // Made in a later second, it is the younger one.
    let second = json!({"principalArn": role_arn("path/OBJECT"), "username": "second"});
    apply(&cluster, &object("second", &second).to_string());
    until_condition(&cluster, "second", "Accepted", "False Duplicate");
    assert!(until_event(&cluster, "default", "second", "NotSynced").contains("`first`"));
    assert_eq!(server.judge(&of_object).as_deref(), Ok("of:otto"));

    let end = jiff::Timestamp::now().as_second() + 8;
    let end = jiff::Timestamp::from_second(end).unwrap().to_string();
    let spec = json!({"principalArn": role_arn("Brief"), "username": "brief", "expiresAt": end});
    apply(&cluster, &object("brief", &spec).to_string());
    server.until_judged(&brief, Ok("brief"));
    until_condition(&cluster, "brief", "Accepted", "False Expired");
    server.until_judged(&brief, Err("expired_entry"));

    run_ok(cluster.as_user("admin").args(["apply", "--filename"]).arg(shipped("example-accessentry.yaml")));
    until_condition(&cluster, "nodes", "Accepted", "True Valid");
    let shown = admin(&cluster, &["get", "iae"]);
    let heads: Vec<&str> = shown.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["NAME", "PRINCIPALARN", "TYPE", "ACCEPTED", "EXPIRESAT", "AGE"], "{shown}");
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    assert!(
        line("brief").contains("STANDARD") && line("brief").contains("False") && line("brief").contains(&end),
        "{shown}"
    );
    assert!(line("nodes").contains("EC2_LINUX") && line("nodes").contains("True"), "{shown}");

    admin(&cluster, &["delete", KIND, "first"]);
    server.until_judged(&of_object, Ok("second"));
    until_condition(&cluster, "second", "Accepted", "True Valid");
    assert_eq!(server.metric(&dropped("AccessEntry")), Some(0.0));
    assert_eq!(server.metric("iam_bridge_crd_schema_incomplete{source=\"AccessEntry\"}").unwrap_or_default(), 0.0);
    assert_nothing_was_refused(&server);

    let account = "system:serviceaccount:kube-system:aws-iam-authenticator";
    for (arguments, may) in [
        (&["list", KIND][..], true),
        (&["patch", KIND, "--subresource=status"], true),
        (&["patch", KIND], false),
        (&["update", KIND], false),
        (&["create", KIND], false),
        (&["delete", KIND], false),
        (&["update", KIND, "--subresource=status"], false),
        (&["get", "secrets", "--namespace=kube-system"], false),
        (&["get", "leases/iam-bridge-accessentry-status", "--namespace=kube-system"], true),
        (&["update", "leases/other", "--namespace=kube-system"], false),
    ] {
        assert_eq!(can(&cluster, account, arguments), may, "{arguments:?}");
    }
}

fn can(cluster: &Cluster, whom: &str, arguments: &[&str]) -> bool {
    let said = run(cluster.as_user("admin").args(["auth", "can-i", "--as", whom]).args(arguments));
    said.stdout.trim() == "yes"
}

#[test]
fn e2e_viewers_look_editors_edit_and_the_admission_policy_lets_nobody_give_what_he_does_not_have() {
    if binaries().is_none() {
        return;
    }
    let server = WebhookServer::prepare(CLUSTER_ID, "");
    let Some(cluster) = cluster_alone(&server) else { return };
    install(&cluster);
    for manifest in ["accessentry-roles.yaml", "access-policies.yaml"] {
        run_ok(cluster.as_user("admin").args(["apply", "--filename"]).arg(shipped(manifest)));
    }
    for (user, role) in [("vera", "viewer"), ("erika", "editor")] {
        let role = format!("--clusterrole=iam-bridge.dev:access-entry-{role}");
        admin(&cluster, &["create", "clusterrolebinding", user, &role, &format!("--user={user}")]);
    }
    for (user, verb, may) in [
        ("vera", "list", true),
        ("vera", "create", false),
        ("vera", "delete", false),
        ("erika", "create", true),
        ("erika", "patch", true),
        ("erika", "delete", true),
        ("nobody", "list", false),
    ] {
        assert_eq!(can(&cluster, user, &[verb, KIND]), may, "{user} {verb}");
    }
    assert!(!can(&cluster, "erika", &["patch", KIND, "--subresource=status"]));

    let plain = json!({"principalArn": role_arn("Plain")});
    let with = |members: Value| {
        let mut spec = plain.clone();
        spec.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        spec
    };
    let given =
        |policy: &str| with(json!({"policyAssociations": [{"policy": policy, "accessScope": {"type": "cluster"}}]}));
    let may = |spec: &Value| tried(&cluster, "erika", &object("tried", spec));
    assert_eq!(may(&given("AmazonEKSClusterAdminPolicy")), Ok(()), "without the admission policy an editor gives all");
    run_ok(cluster.as_user("admin").args(["apply", "--filename"]).arg(shipped("accessentry-admission.yaml")));
    // The API server takes a moment to read it.
    until("the admission policy is in force", SEEN, || may(&given("AmazonEKSViewPolicy")).is_err().then_some(()));

    assert_eq!(may(&plain), Ok(()));
    for policy in iam_bridge::rbac::AccessPolicy::ALL {
        let words = format!("you may not bind the ClusterRole iam-bridge.dev:{policy}");
        refused(may(&given(policy.as_str())), &words);
    }
    refused(may(&with(json!({"username": "boss"}))), "you may not impersonate the username");
    for (groups, words) in [
        (json!(["people"]), "the group people"),
        (json!(["a", "b", "c"]), "the group a"),
        (json!(["a", "b", "c", "d"]), "you may not impersonate"),
    ] {
        refused(may(&with(json!({ "kubernetesGroups": groups }))), words);
    }
    refused(may(&with(json!({"type": "EC2_LINUX"}))), "system:nodes");

    let rights = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "may-give"},
        "rules": [
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"],
             "resourceNames": ["iam-bridge.dev:AmazonEKSViewPolicy"]},
            {"apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"], "resourceNames": ["people", "readers"]},
            {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["paula"]},
        ],
    });
    apply(&cluster, &rights.to_string());
    admin(&cluster, &["create", "clusterrolebinding", "erika-gives", "--clusterrole=may-give", "--user=erika"]);
    until("rights are known", SEEN, || may(&given("AmazonEKSViewPolicy")).is_ok().then_some(()));
    assert_eq!(may(&with(json!({"username": "paula", "kubernetesGroups": ["people", "readers"]}))), Ok(()));
    refused(may(&with(json!({"kubernetesGroups": ["people", "readers", "writers"]}))), "the group writers");
    refused(may(&with(json!({"kubernetesGroups": ["people", "readers", "x", "y"]}))), "you may not impersonate");
    refused(may(&given("AmazonEKSEditPolicy")), "iam-bridge.dev:AmazonEKSEditPolicy");

    // Changes are judged as what is made anew; whoever has every right passes with everything in one object.
    let all: Vec<Value> = iam_bridge::rbac::AccessPolicy::ALL
        .into_iter()
        .map(|policy| json!({"policy": policy.as_str(), "accessScope": {"type": "cluster"}}))
        .collect();
    let groups: Vec<String> = (0..100).map(|number| format!("g{number}")).collect();
    let full = with(json!({"username": "all", "kubernetesGroups": groups, "policyAssociations": all}));
    apply(&cluster, &object("full", &full).to_string());
    let longer = ["patch", KIND, "full", "--as=erika", "--type=merge", "--patch", r#"{"spec":{"reason":"longer"}}"#];
    let said = run(cluster.as_user("admin").args(longer));
    assert!(said.code != Some(0) && said.stderr.contains("you may not"), "{said:?}");
    apply(&cluster, &object("view", &given("AmazonEKSViewPolicy")).to_string());
    let wider = json!({"spec": given("AmazonEKSAdminPolicy")}).to_string();
    let said =
        run(cluster.as_user("admin").args(["patch", KIND, "view", "--as=erika", "--type=merge", "--patch", &wider]));
    assert!(said.code != Some(0) && said.stderr.contains("iam-bridge.dev:AmazonEKSAdminPolicy"), "{said:?}");
    run_ok(cluster.as_user("admin").args(["delete", KIND, "view", "full", "--as=erika"]));
}

/// Whether the API server would let somebody make an object, and what it says if not.
fn tried(cluster: &Cluster, user: &str, object: &Value) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), object.to_string()).unwrap();
    let arguments = ["create", "--dry-run=server", "--as", user, "--filename"];
    let Said { code, stderr, .. } = run(cluster.as_user("admin").args(arguments).arg(file.path()));
    if code == Some(0) { Ok(()) } else { Err(stderr) }
}

fn refused(tried: Result<(), String>, words: &str) {
    let said = tried.expect_err(words);
    assert!(said.contains(words), "{words}: {said}");
}
