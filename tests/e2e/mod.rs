//! A real etcd, kube-apiserver and kubectl, with the real binary as webhook and as exec plugin.
//!
//! Where they cannot be built the tests say so on stderr and pass; with `IAM_BRIDGE_E2E=required` they fail.

mod access_entries;
mod access_entry_crd;
mod access_entry_crd_rules;
mod access_entry_mirror;
mod access_policies;
mod access_policy_leaders;
mod access_policy_rights;
mod add;
mod crd;
mod entry_rig;
mod explain;
mod fakes;
mod other_clients;
mod outage;
mod people;
mod plugin;
mod rig;
mod source_files;
mod source_rig;
mod sources;
mod user_asks;

use rig::{ACCOUNT, Rig};

#[test]
fn e2e_a_mapped_user_is_seen_by_kubectl_with_get_token_as_exec_plugin() {
    let Some(rig) = Rig::get() else { return };
    rig.map_role("Deployer", "deployers");
    for (session, exec_version) in [("alice", "v1"), ("amy", "v1beta1")] {
        let principal = rig.introduce("Deployer", session, exec_version);
        let user = rig.until_known(session);
        let (role_id, _) = principal.user_id.split_once(':').unwrap();
        assert_eq!(user["username"], format!("Deployer:{session}"));
        assert_eq!(user["uid"], format!("aws-iam-authenticator:{ACCOUNT}:{role_id}"));
        assert_eq!(user["groups"], serde_json::json!(["deployers", "system:authenticated"]));
        for (key, value) in [
            ("accessKeyId", principal.access_key_id.as_str()),
            ("arn", &principal.arn),
            ("canonicalArn", &format!("arn:aws:iam::{ACCOUNT}:role/Deployer")),
            ("principalId", role_id),
            ("sessionName", session),
        ] {
            assert_eq!(user["extra"][key], serde_json::json!([value]), "{key} of {user}");
        }
    }
    assert!(rig.webhook.proxy.asked().iter().all(|host| host == "sts.eu-central-1.amazonaws.com:443"));
}

#[test]
fn e2e_rbac_bound_to_a_mapped_group_works_and_not_more() {
    let Some(rig) = Rig::get() else { return };
    rig.introduce("Reader", "rita", "v1");
    rig.map_role("Reader", "readers");
    rig.apply(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: readers, namespace: default}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: readers}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: readers}
",
    );
    rig.until_known("rita");
    let allowed = rig.kubectl("rita", &["get", "configmaps", "--namespace", "default"]);
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
    for more in [
        vec!["get", "secrets", "--namespace", "default"],
        vec!["get", "configmaps", "--namespace", "kube-system"],
        vec!["create", "configmap", "mine", "--namespace", "default"],
        vec!["get", "nodes"],
    ] {
        let refused = rig.kubectl("rita", &more);
        assert_ne!(refused.code, Some(0), "{more:?}");
        assert!(refused.stderr.contains("forbidden: User \"Reader:rita\" cannot"), "{more:?}: {refused:?}");
    }
}

#[test]
fn e2e_an_unmapped_principal_is_refused() {
    let Some(rig) = Rig::get() else { return };
    rig.introduce("Stranger", "sam", "v1");
    let refused = rig.kubectl("sam", &["get", "configmaps"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("Unauthorized") || refused.stderr.contains("must be logged in"), "{refused:?}");
    assert!(rig.webhook.log().contains("not_mapped"), "{}", rig.webhook.log());
}

#[test]
fn e2e_a_mapping_edited_while_running_is_seen() {
    let Some(rig) = Rig::get() else { return };
    rig.introduce("Newcomer", "nora", "v1");
    assert_eq!(rig.whoami("nora"), None);
    rig.map_role("Newcomer", "deployers");
    let user = rig.until_known("nora");
    assert_eq!(user["username"], "Newcomer:nora");
}

#[test]
fn e2e_a_denied_principal_is_refused_although_it_is_mapped() {
    let Some(rig) = Rig::get() else { return };
    rig.introduce("Former", "fred", "v1");
    rig.map_role("Former", "deployers");
    rig.until_known("fred");
    rig.deny_role("Former");
    rig.until_refused("fred");
    assert!(rig.webhook.log().contains("denied"), "{}", rig.webhook.log());
}
