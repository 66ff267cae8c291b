//! The kind IAMIdentityMapping at a real API server: ours, the reference's, and none.

use serde_json::{Value, json};

use super::rig::{ACCOUNT, CLUSTER_ID, Rig, apply};
use super::source_rig::{
    SEEN, account_kubeconfig, apply_mapping, apply_shipped, canonical_of, delete_mapping, dropped, events_on,
    mounted_role, role_arn, shipped, source_keys, start, until_event,
};
use crate::harness::cluster::{Cluster, binaries};
use crate::harness::process::{Said, run, run_ok};
use crate::harness::waiting::until;
use crate::harness::webhook_server::WebhookServer;

const INCOMPLETE: &str = "iam_bridge_crd_schema_incomplete{source=\"CRD\"}";

const NOBODY: &str = "apiVersion: v1
kind: Config
clusters: [{name: nobody, cluster: {server: 'https://127.0.0.1:1'}}]
contexts: [{name: nobody, context: {cluster: nobody}}]
current-context: nobody
";

/// The kind as the reference defines it: no more keys than it has.
const REFERENCES: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: iamidentitymappings.iamauthenticator.k8s.aws}
spec:
  group: iamauthenticator.k8s.aws
  scope: Cluster
  names: {plural: iamidentitymappings, singular: iamidentitymapping, kind: IAMIdentityMapping, categories: [all]}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [arn, username]
            properties:
              arn: {type: string}
              username: {type: string}
              groups: {type: array, items: {type: string}}
          status:
            type: object
            properties:
              canonicalARN: {type: string}
              userID: {type: string}
";

#[test]
fn e2e_the_crd_may_come_later_and_one_that_drops_our_keys_is_told_until_ours_is_applied() {
    let Some(binaries) = binaries() else { return };
    let mut server = WebhookServer::prepare(CLUSTER_ID, "");
    // This API server asks nobody who somebody is.
    std::fs::write(server.at("nobody.kubeconfig"), NOBODY).unwrap();
    let cluster = Cluster::start(&binaries, &server.at("nobody.kubeconfig"));
    apply_shipped(&cluster, &["example.yaml", "rbac-crd.yaml"]);
    let kubeconfig = account_kubeconfig(&cluster).display().to_string();
    server.rewrite_config(CLUSTER_ID, &source_keys(&kubeconfig, "CRD, MountedFile", &mounted_role("File", "of-file")));
    server.launch(&[]);
    let [of_file, of_object] = ["File", "Object"].map(|role| server.introduce(ACCOUNT, role, "otto"));
    server.until_judged(&of_file, Ok("of-file"));
    until("what to apply is said", SEEN, || server.log().contains("deploy/iamidentitymapping.yaml").then_some(()));

    apply(&cluster, REFERENCES);
    wait_for_kind(&cluster);
    let pinned = json!({
        "apiVersion": "iamauthenticator.k8s.aws/v1alpha1", "kind": "IAMIdentityMapping", "metadata": {"name": "pinned"},
        "spec": {"arn": role_arn("Object"), "username": "of-object", "userid": "AROANOTTHISONE"},
    })
    .to_string();
    let lenient = said_of_apply(&cluster, &pinned, &["--validate=false"]);
    assert_eq!(lenient.code, Some(0), "{lenient:?}");
    server.until_judged(&of_object, Ok("of-object"));
    server.until_metric(INCOMPLETE, 1.0);
    assert!(server.log().contains("userid,notBefore,notAfter,reason"), "{}", server.log());
    until("its status is written under the reference's kind too", SEEN, || {
        (canonical_of(&cluster, "pinned") == role_arn("Object").to_lowercase()).then_some(())
    });

    apply(&cluster, &std::fs::read_to_string(shipped("iamidentitymapping.yaml")).unwrap());
    server.until_metric(INCOMPLETE, 0.0);
    let kept = said_of_apply(&cluster, &pinned, &[]);
    assert_eq!(kept.code, Some(0), "{kept:?}");
    server.until_judged(&of_object, Err("unique_id_mismatch"));
}

#[test]
fn e2e_the_shipped_crd_shows_what_counts_and_refuses_what_is_wrong() {
    let Some(rig) = Rig::get() else { return };
    let server = start(&rig.cluster, "CRD, MountedFile", "");
    run_ok(rig.cluster.as_user("admin").args(["apply", "--filename"]).arg(shipped("example-iamidentitymapping.yaml")));
    let shown = run_ok(rig.cluster.as_user("admin").args(["get", "iamidentitymappings"]));
    let heads: Vec<&str> = shown.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["NAME", "ARN", "USERNAME", "AGE"], "{shown}");
    assert!(shown.contains("role/KubernetesDeveloper") && shown.contains("dev:{{SessionName}}"), "{shown}");

    let arn = role_arn("Odd");
    for (spec, words) in [
        (json!({"arn": arn}), "username"),
        (json!({"username": "u"}), "arn"),
        (json!({"arn": arn, "username": 5}), "username"),
        (json!({"arn": arn, "username": "u", "groups": "g"}), "groups"),
        (json!({"arn": arn, "username": "u", "userid": ""}), "userid"),
        (json!({"arn": arn, "username": "u", "notAfter": "tomorrow"}), "notAfter"),
        (json!({"arn": arn, "username": "u", "userId": "AROAMISSPELT"}), "userId"),
    ] {
        let refused = said_of_apply(&rig.cluster, &object("odd", &spec), &[]);
        assert!(refused.code != Some(0) && refused.stderr.contains(words), "{spec}: {refused:?}");
    }

    // What a template that lacks its value leaves: null groups are none, and a null pin must not open the mapping.
    let [no_groups, open] = ["NoGroups", "Open"].map(|role| server.introduce(ACCOUNT, role, "nora"));
    let nulls = json!({"arn": role_arn("NoGroups"), "username": "no-groups", "groups": null});
    apply(&rig.cluster, &object("no-groups", &nulls));
    // A plain `kubectl apply` leaves nulls out before it sends anything.
    let null_pin = object("open", &json!({"arn": role_arn("Open"), "username": "open", "userid": null}));
    let applied = said_of_apply(&rig.cluster, &null_pin, &["--server-side"]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    server.until_judged(&no_groups, Ok("no-groups"));
    until_event(&rig.cluster, "default", "open", "NotSynced");
    server.until_judged(&open, Err("not_mapped"));
    assert!(server.metric(&dropped("CRD")).is_some_and(|entries| entries >= 1.0));
    for name in ["no-groups", "open", "developers", "alice"] {
        delete_mapping(&rig.cluster, name);
    }
}

/// In the reference the old ARN stays mapped until a status is written, and for ever if the new one is bad.
#[test]
fn e2e_an_edited_arn_moves_its_mapping_and_a_forged_status_moves_nothing() {
    let Some(rig) = Rig::get() else { return };
    let server = start(&rig.cluster, "CRD, MountedFile", "");
    let [before, after, thief] = ["Before", "After", "Thief"].map(|role| server.introduce(ACCOUNT, role, "eve"));
    apply_mapping(&rig.cluster, "moving", &role_arn("Before"), "moving");
    server.until_judged(&before, Ok("moving"));
    let synced = || events_on(&rig.cluster, "default", "moving");
    until_event(&rig.cluster, "default", "moving", "Synced");

    let forged = json!({"status": {"canonicalARN": role_arn("Thief").to_lowercase()}}).to_string();
    let patch = ["patch", "iamidentitymapping", "moving", "--subresource=status", "--type=merge", "--patch", &forged];
    run_ok(rig.cluster.as_user("admin").args(patch));
    until("the status is put right", SEEN, || {
        (canonical_of(&rig.cluster, "moving") == role_arn("Before").to_lowercase()).then_some(())
    });
    assert_eq!(server.judge(&thief), Err("not_mapped".to_owned()));
    assert_eq!(server.judge(&before).as_deref(), Ok("moving"));
    assert_eq!(synced().len(), 1, "nobody changed the mapping");

    apply_mapping(&rig.cluster, "moving", &role_arn("After"), "moving");
    server.until_judged(&after, Ok("moving"));
    assert_eq!(server.judge(&before), Err("not_mapped".to_owned()));
    until("the new status", SEEN, || {
        (canonical_of(&rig.cluster, "moving") == role_arn("After").to_lowercase()).then_some(())
    });
    delete_mapping(&rig.cluster, "moving");
    server.until_judged(&after, Err("not_mapped"));
}

fn wait_for_kind(cluster: &Cluster) {
    let crd = "crd/iamidentitymappings.iamauthenticator.k8s.aws";
    run_ok(cluster.as_user("admin").args(["wait", "--for=condition=Established", "--timeout=60s", crd]));
}

fn object(name: &str, spec: &Value) -> String {
    json!({
        "apiVersion": "iamauthenticator.k8s.aws/v1alpha1", "kind": "IAMIdentityMapping",
        "metadata": {"name": name}, "spec": spec,
    })
    .to_string()
}

/// Applies a manifest, with whatever success.
fn said_of_apply(cluster: &Cluster, manifest: &str, flags: &[&str]) -> Said {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), manifest).unwrap();
    run(cluster.as_user("admin").arg("apply").args(flags).arg("--filename").arg(file.path()))
}
