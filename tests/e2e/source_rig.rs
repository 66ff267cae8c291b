//! Our server with sources in the cluster, under the rights that `deploy/` gives it and no others.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{ACCOUNT, CLUSTER_ID, apply};
use crate::harness::cluster::Cluster;
use crate::harness::process::run_ok;
use crate::harness::waiting::until;
use crate::harness::webhook_server::WebhookServer;

/// A change is seen within 2 s; a test may have to share its machine.
pub(super) const SEEN: Duration = Duration::from_secs(60);

/// The manifests that a cluster needs for both sources that live in it.
pub(super) const MANIFESTS: [&str; 4] =
    ["example.yaml", "rbac-eksconfigmap.yaml", "iamidentitymapping.yaml", "rbac-crd.yaml"];

/// Applies shipped manifests as they are, each once a cluster: a test may have taken a right away since. Waits until the
/// new kind is known.
pub(super) fn apply_shipped(cluster: &Cluster, manifests: &[&str]) {
    static APPLIED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // One test at a time: of two that create the same object, kubectl fails the later.
    let mut applied = APPLIED.lock().unwrap_or_else(PoisonError::into_inner);
    for manifest in manifests {
        if applied.insert(format!("{} {manifest}", cluster.ca_file().display())) {
            run_ok(cluster.as_user("admin").args(["apply", "--filename"]).arg(shipped(manifest)));
        }
    }
    for (manifest, crd) in [
        ("iamidentitymapping.yaml", "crd/iamidentitymappings.iamauthenticator.k8s.aws"),
        ("accessentry.yaml", "crd/accessentries.iam-bridge.dev"),
    ] {
        if manifests.contains(&manifest) {
            run_ok(cluster.as_user("admin").args(["wait", "--for=condition=Established", "--timeout=60s", crd]));
        }
    }
}

/// A file of `deploy/`.
pub(super) fn shipped(manifest: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy")).join(manifest)
}

/// The kubeconfig of the account that the manifests make and give rights to.
pub(super) fn account_kubeconfig(cluster: &Cluster) -> PathBuf {
    let account = "aws-iam-authenticator";
    let arguments = ["create", "token", account, "--namespace", "kube-system"];
    let token = run_ok(cluster.as_user("admin").args(arguments));
    cluster.write_kubeconfig(account, &format!("    token: {}\n", token.trim()));
    cluster.kubeconfig(account)
}

/// Starts our server with `modes` and more `keys` below `server:`, under the account's token.
pub(super) fn start(cluster: &Cluster, modes: &str, keys: &str) -> WebhookServer {
    start_with(cluster, &MANIFESTS, modes, keys)
}

/// The same with the rights of these manifests, beside those that other tests gave the account on this cluster.
pub(super) fn start_with(cluster: &Cluster, manifests: &[&str], modes: &str, keys: &str) -> WebhookServer {
    apply_shipped(cluster, manifests);
    let kubeconfig = account_kubeconfig(cluster);
    WebhookServer::start(CLUSTER_ID, &source_keys(&kubeconfig.display().to_string(), modes, keys), &[])
}

/// Keys of a server with these sources. Its answers say what is said against a caller.
pub(super) fn source_keys(kubeconfig: &str, modes: &str, keys: &str) -> String {
    format!("  denyStatus: 200\n  kubeconfig: {kubeconfig}\n  backendMode: [{modes}]\n{keys}")
}

/// The canonical ARN of a role.
pub(super) fn role_arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

/// `mapRoles` with one entry, under no key and not indented.
pub(super) fn map_role(role: &str, username: &str) -> String {
    format!("- rolearn: {}\n  username: {username}\n  groups: [people]\n", role_arn(role))
}

/// `mapRoles` with one entry, as it stands below `server:`.
pub(super) fn mounted_role(role: &str, username: &str) -> String {
    format!("  mapRoles:\n  - rolearn: {}\n    username: {username}\n", role_arn(role))
}

/// Creates or changes an IAMIdentityMapping.
pub(super) fn apply_mapping(cluster: &Cluster, name: &str, arn: &str, username: &str) {
    let object = json!({
        "apiVersion": "iamauthenticator.k8s.aws/v1alpha1", "kind": "IAMIdentityMapping",
        "metadata": {"name": name}, "spec": {"arn": arn, "username": username, "groups": ["people"]},
    });
    apply(cluster, &object.to_string());
}

/// Deletes an IAMIdentityMapping.
pub(super) fn delete_mapping(cluster: &Cluster, name: &str) {
    run_ok(cluster.as_user("admin").args(["delete", "iamidentitymapping", name]));
}

/// `status.canonicalARN` of an IAMIdentityMapping.
pub(super) fn canonical_of(cluster: &Cluster, name: &str) -> String {
    let path = "jsonpath={.status.canonicalARN}";
    run_ok(cluster.as_user("admin").args(["get", "iamidentitymapping", name, "--output", path]))
}

/// Reason and note of each Event on an object.
pub(super) fn events_on(cluster: &Cluster, namespace: &str, name: &str) -> Vec<(String, String)> {
    let arguments = ["get", "events.events.k8s.io", "--namespace", namespace, "--output", "json"];
    let list: Value = serde_json::from_str(&run_ok(cluster.as_user("admin").args(arguments))).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = list["items"].as_array().unwrap().iter().filter(|event| event["regarding"]["name"] == name);
    events.map(|event| (text(&event["reason"]), text(&event["note"]))).collect()
}

/// Waits for an Event on an object; yields its note.
pub(super) fn until_event(cluster: &Cluster, namespace: &str, name: &str, reason: &str) -> String {
    until(&format!("Event {reason} on {name}"), SEEN, || {
        events_on(cluster, namespace, name).into_iter().find(|(of, _)| of == reason).map(|(_, note)| note)
    })
}

/// `iam_bridge_source_stale` of a source.
pub(super) fn stale(source: &str) -> String {
    format!("iam_bridge_source_stale{{source=\"{source}\"}}")
}

/// `iam_bridge_source_dropped_entries` of a source.
pub(super) fn dropped(source: &str) -> String {
    format!("iam_bridge_source_dropped_entries{{source=\"{source}\"}}")
}

/// Fails if the API server ever refused the server a right.
pub(super) fn assert_nothing_was_refused(server: &WebhookServer) {
    let log = server.log();
    assert!(!log.contains("(403)") && !log.contains("forbidden"), "{log}");
}
