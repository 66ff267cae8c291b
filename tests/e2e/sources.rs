//! Sources in the cluster and on disk: what is added, changed, deleted, broken and mended while the server runs.

use serde_json::json;

use super::rig::Rig;
use super::source_rig::{
    apply_mapping, assert_nothing_was_refused, canonical_of, delete_mapping, dropped, map_role, mounted_role, role_arn,
    shipped, stale, start, until_event,
};
use super::{ACCOUNT, source_rig};
use crate::harness::cluster::Cluster;
use crate::harness::process::{run, run_ok};
use crate::harness::waiting::until;
use crate::harness::wire::Wire;

const UNKNOWN: Result<&str, &str> = Err("not_mapped");

#[test]
fn e2e_aws_auth_is_followed_with_the_shipped_rights_and_a_broken_one_leaves_everybody_in() {
    let Some(rig) = Rig::get() else { return };
    let aws_auth = rig.aws_auth();
    let server = start(&rig.cluster, "MountedFile, EKSConfigMap", "");
    let admin = server.introduce(ACCOUNT, "MapAdmin", "ada");
    server.until_judged(&admin, UNKNOWN);
    server.until_metric(&stale("EKSConfigMap"), 0.0);
    for username in ["admin-1", "admin-2"] {
        aws_auth.write(&json!({"mapRoles": map_role("MapAdmin", username)}));
        server.until_judged(&admin, Ok(username));
    }

    let broken = map_role("MapAdmin", "admin-3").replace("  username", "\tusername");
    aws_auth.write(&json!({"mapRoles": broken}));
    server.until_metric(&stale("EKSConfigMap"), 1.0);
    assert_eq!(server.judge(&admin).as_deref(), Ok("admin-2"), "the last good mappings stay");
    let note = until_event(&rig.cluster, "kube-system", "aws-auth", "MappingsNotUsed");
    assert!(note.contains("mapRoles") && note.contains(":2:"), "key, line and column: {note}");

    aws_auth.write(&json!({"mapRoles": map_role("MapAdmin", "admin-4")}));
    server.until_judged(&admin, Ok("admin-4"));
    server.until_metric(&stale("EKSConfigMap"), 0.0);
    until_event(&rig.cluster, "kube-system", "aws-auth", "MappingsUsed");
    aws_auth.delete();
    server.until_judged(&admin, UNKNOWN);
    assert_eq!(server.metric(&stale("EKSConfigMap")), Some(0.0), "deleting is no fault");
    assert_nothing_was_refused(&server);
}

#[test]
fn e2e_identity_mappings_are_followed_with_the_shipped_rights_and_a_bad_one_is_left_out_alone() {
    let Some(rig) = Rig::get() else { return };
    let server = start(&rig.cluster, "CRD", "");
    let (one, other) =
        (server.introduce(ACCOUNT, "ObjectOne", "olga"), server.introduce(ACCOUNT, "ObjectOther", "otto"));
    server.until_judged(&one, UNKNOWN);
    apply_mapping(&rig.cluster, "object-other", &role_arn("ObjectOther"), "other");
    for username in ["one-1", "one-2"] {
        apply_mapping(&rig.cluster, "object-one", &role_arn("ObjectOne"), username);
        server.until_judged(&one, Ok(username));
    }
    server.until_judged(&other, Ok("other"));
    until("a status is written", source_rig::SEEN, || {
        (canonical_of(&rig.cluster, "object-one") == role_arn("ObjectOne").to_lowercase()).then_some(())
    });
    until_event(&rig.cluster, "default", "object-one", "Synced");

    apply_mapping(&rig.cluster, "object-one", "no ARN", "one-3");
    server.until_judged(&one, UNKNOWN);
    assert_eq!(server.judge(&other).as_deref(), Ok("other"));
    assert!(server.metric(&dropped("CRD")).is_some_and(|entries| entries >= 1.0), "{}", server.log());
    assert_eq!(server.metric(&stale("CRD")), Some(0.0));
    until_event(&rig.cluster, "default", "object-one", "NotSynced");
    apply_mapping(&rig.cluster, "object-one", &role_arn("ObjectOne"), "one-4");
    server.until_judged(&one, Ok("one-4"));
    for (name, principal) in [("object-one", &one), ("object-other", &other)] {
        delete_mapping(&rig.cluster, name);
        server.until_judged(principal, UNKNOWN);
    }
    assert_nothing_was_refused(&server);
}

/// Rights that the account has not are as much a promise as those it has.
#[test]
fn e2e_the_shipped_rights_let_the_account_do_nothing_else() {
    let Some(rig) = Rig::get() else { return };
    source_rig::apply_shipped(&rig.cluster, &source_rig::MANIFESTS);
    for question in [
        "get configmaps/aws-auth -n kube-system",
        "create events.events.k8s.io -n kube-system",
        "watch iamidentitymappings.iamauthenticator.k8s.aws",
        "patch iamidentitymappings.iamauthenticator.k8s.aws --subresource=status",
        "update leases.coordination.k8s.io/iam-bridge-iamidentitymapping-status -n kube-system",
    ] {
        until(&format!("may {question}"), source_rig::SEEN, || may(&rig.cluster, question).then_some(()));
    }
    for question in [
        "update configmaps/aws-auth -n kube-system",
        "list configmaps -n kube-system",
        "get configmaps/aws-iam-authenticator -n kube-system",
        "get configmaps -n default",
        "get secrets -n kube-system",
        "patch iamidentitymappings.iamauthenticator.k8s.aws",
        "update leases.coordination.k8s.io/kube-scheduler -n kube-system",
        "create events.events.k8s.io -n kube-public",
        "impersonate users",
        "create serviceaccounts/aws-iam-authenticator --subresource=token -n kube-system",
    ] {
        assert!(!may(&rig.cluster, question), "{question}");
    }
}

/// Whether the account may do something, in the words of `kubectl auth can-i`.
fn may(cluster: &Cluster, question: &str) -> bool {
    let account = "--as=system:serviceaccount:kube-system:aws-iam-authenticator";
    let said = run(cluster.as_user("admin").args(["auth", "can-i", account]).args(question.split(' ')));
    assert!(["yes", "no"].contains(&said.stdout.trim()), "{question}: {said:?}");
    said.stdout.trim() == "yes"
}

/// Our watch is cut too: the API server looks at rights when a request begins.
#[test]
fn e2e_rights_that_are_taken_away_leave_the_last_mappings_until_they_are_given_back() {
    let Some(rig) = Rig::get() else { return };
    let aws_auth = rig.aws_auth();
    source_rig::apply_shipped(&rig.cluster, &source_rig::MANIFESTS);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let wire = runtime.block_on(Wire::start(rig.cluster.url().strip_prefix("https://").unwrap().parse().unwrap()));
    let server = start(&rig.cluster, "EKSConfigMap", &format!("  master: https://{}\n", wire.address()));
    let admin = server.introduce(ACCOUNT, "RightsAdmin", "rita");
    aws_auth.write(&json!({"mapRoles": map_role("RightsAdmin", "admin")}));
    server.until_judged(&admin, Ok("admin"));

    bind_again_at_the_end(&rig.cluster, || {
        let binding = ["delete", "rolebinding", "iam-bridge-eksconfigmap", "--namespace", "kube-system"];
        run_ok(rig.cluster.as_user("admin").args(binding));
        let question = "get configmaps/aws-auth -n kube-system";
        until("the API server refuses", source_rig::SEEN, || (!may(&rig.cluster, question)).then_some(()));
        wire.cut();
        server.until_metric(&stale("EKSConfigMap"), 1.0);
        aws_auth.write(&json!({"mapRoles": map_role("RightsAdmin", "changed")}));
        assert_eq!(server.judge(&admin).as_deref(), Ok("admin"), "the last mappings stay");
        assert!(server.log().contains("403"), "{}", server.log());
    });
    server.until_judged(&admin, Ok("changed"));
    server.until_metric(&stale("EKSConfigMap"), 0.0);
}

/// Other tests share the cluster: what they need is there again, whatever becomes of this one.
fn bind_again_at_the_end(cluster: &Cluster, test: impl FnOnce()) {
    struct Again<'c>(&'c Cluster);
    impl Drop for Again<'_> {
        fn drop(&mut self) {
            run(self.0.as_user("admin").args(["apply", "--filename"]).arg(shipped("rbac-eksconfigmap.yaml")));
        }
    }
    let _again = Again(cluster);
    test();
}

#[test]
fn e2e_the_mounted_file_is_followed_and_a_broken_one_leaves_everybody_in() {
    let Some(rig) = Rig::get() else { return };
    let server = start(&rig.cluster, "MountedFile", "");
    let kubeconfig = source_rig::account_kubeconfig(&rig.cluster).display().to_string();
    let admin = server.introduce(ACCOUNT, "FileAdmin", "fay");
    let write = |keys: &str| {
        server.rewrite_config(super::rig::CLUSTER_ID, &source_rig::source_keys(&kubeconfig, "MountedFile", keys));
    };
    server.until_judged(&admin, UNKNOWN);
    for username in ["admin-1", "admin-2"] {
        write(&mounted_role("FileAdmin", username));
        server.until_judged(&admin, Ok(username));
    }
    write(&mounted_role("FileAdmin", "admin-3").replace("  mapRoles", "\tmapRoles"));
    server.until_metric(&stale("MountedFile"), 1.0);
    assert_eq!(server.judge(&admin).as_deref(), Ok("admin-2"));
    write(&mounted_role("FileAdmin", "admin-4"));
    server.until_judged(&admin, Ok("admin-4"));
    server.until_metric(&stale("MountedFile"), 0.0);
    write("");
    server.until_judged(&admin, UNKNOWN);
}
