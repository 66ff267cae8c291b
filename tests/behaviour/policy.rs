//! Which RBAC objects access policies ask for: those that are shipped, and the RoleBindings of namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use iam_bridge::mapping::{AccessScope, Grant};
use iam_bridge::policy::{access_policies_yaml, role_bindings};
use iam_bridge::rbac::AccessPolicy;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::architecture::read;
use crate::harness::process::variable;

const SHIPPED: &str = "deploy/access-policies.yaml";

/// A grant for namespaces; without any it is for the cluster.
pub(crate) fn grant(policy: AccessPolicy, namespaces: &[&str]) -> Grant {
    let namespaces: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
    let kind = if namespaces.is_empty() { "cluster" } else { "namespace" };
    Grant { policy, scope: AccessScope::parse(kind, &namespaces).unwrap(), expires_at: None }
}

/// `IAM_BRIDGE_REGENERATE=1` writes the file instead.
#[test]
fn the_shipped_access_policies_are_what_the_rules_say() {
    let generated = access_policies_yaml().unwrap();
    if variable("IAM_BRIDGE_REGENERATE").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED), &generated).unwrap();
    }
    assert_eq!(read(SHIPPED), generated, "{SHIPPED} is not what the rules say; its first lines say what to do");
}

#[test]
fn the_shipped_objects_are_six_roles_bound_to_their_groups_and_the_proxy_of_windows() {
    let documents: Vec<Value> = serde_saphyr::from_multiple(&read(SHIPPED)).unwrap();
    let of_kind = |kind: &str| documents.iter().filter(|object| object["kind"] == kind).cloned().collect::<Vec<_>>();
    let roles: Vec<ClusterRole> =
        of_kind("ClusterRole").into_iter().map(|role| serde_json::from_value(role).unwrap()).collect();
    let bindings: Vec<ClusterRoleBinding> =
        of_kind("ClusterRoleBinding").into_iter().map(|role| serde_json::from_value(role).unwrap()).collect();
    assert_eq!((roles.len(), bindings.len(), documents.len()), (6, 7, 13));
    for (policy, role) in AccessPolicy::ALL.into_iter().zip(&roles) {
        assert_eq!(role.metadata.name, Some(policy.object_name()));
        assert_eq!(role.rules.as_ref().unwrap().len(), policy.rules().len());
        assert_eq!(role.metadata.labels.as_ref().unwrap()["iam-bridge.dev/access-policy"], policy.as_str());
    }
    for (policy, binding) in AccessPolicy::ALL.into_iter().zip(&bindings) {
        assert_eq!(binding.metadata.name, Some(policy.object_name()));
        assert_eq!(binding.role_ref.name, policy.object_name());
        let subjects = serde_json::to_value(&binding.subjects).unwrap();
        let group = format!("iam-bridge.dev:policy:{policy}");
        assert_eq!(subjects, json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}]));
    }
    let windows = bindings.last().unwrap();
    assert_eq!(windows.role_ref.name, "system:node-proxier");
    assert_eq!(windows.subjects.as_ref().unwrap()[0].name, "eks:kube-proxy-windows");
    assert!(!read(SHIPPED).contains("system:masters") && !read(SHIPPED).contains("cluster-admin\n"));
}

#[test]
fn a_binding_bears_our_name_labels_the_patterns_in_clear_and_every_group_that_reaches_the_namespace() {
    let view = AccessPolicy::View;
    let grants = [grant(view, &["dev-*"]), grant(view, &["team", "dev-a"]), grant(view, &["prod"]), grant(view, &[])];
    let bindings = role_bindings(&grants, ["dev-a", "kube-system"]);
    assert_eq!(
        serde_json::to_value(&bindings).unwrap(),
        json!([{
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {
                "name": "iam-bridge.dev:AmazonEKSViewPolicy",
                "namespace": "dev-a",
                "labels": {
                    "app.kubernetes.io/managed-by": "iam-bridge",
                    "app.kubernetes.io/part-of": "iam-bridge",
                    "iam-bridge.dev/access-policy": "AmazonEKSViewPolicy",
                },
                "annotations": {"iam-bridge.dev/scopes": "dev-* dev-a,team"},
            },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "iam-bridge.dev:AmazonEKSViewPolicy",
            },
            "subjects": [
                {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "Group",
                    "name": "iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*",
                },
                {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "Group",
                    "name": "iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-a,team",
                },
            ],
        }])
    );
}

#[test]
fn the_number_of_bindings_depends_on_namespaces_and_policies_and_not_on_entries() {
    let mut grants = Vec::new();
    for number in 0..10_000 {
        grants.extend(AccessPolicy::ALL.map(|policy| grant(policy, &[&format!("team-{}-*", number % 50), "shared"])));
    }
    let bindings = role_bindings(&grants, ["shared", "team-7-a", "other"]);
    assert_eq!(bindings.len(), 12);
    let shared = &bindings[0];
    assert_eq!(shared.metadata.namespace.as_deref(), Some("shared"));
    assert_eq!(shared.subjects.as_ref().unwrap().len(), 50);
}

#[test]
fn thousands_of_scopes_leave_an_annotation_that_the_api_server_takes() {
    let grants: Vec<Grant> =
        (0..4_000).map(|number| grant(AccessPolicy::Edit, &[&format!("a-{number:050}-*"), "a*"])).collect();
    let bindings = role_bindings(&grants, ["a"]);
    let scopes = &bindings[0].metadata.annotations.as_ref().unwrap()["iam-bridge.dev/scopes"];
    assert!(scopes.len() < 33 * 1024 && scopes.ends_with('…'), "{}", scopes.len());
    assert_eq!(bindings[0].subjects.as_ref().unwrap().len(), 4_000);
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let pattern = "[ab*]{1,3}";
    let scope = prop_oneof![1 => Just(Vec::new()), 4 => prop::collection::vec(pattern, 1..4)];
    (prop::sample::select(AccessPolicy::ALL.to_vec()), scope).prop_map(|(policy, namespaces)| {
        let namespaces: Vec<&str> = namespaces.iter().map(String::as_str).collect();
        grant(policy, &namespaces)
    })
}

/// Whether a pattern matches, by trying every run that a `*` may stand for.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => name.is_empty(),
        Some(("*", rest)) => (0..=name.len()).any(|at| matches(rest, name.split_at(at).1)),
        Some((first, rest)) => name.strip_prefix(first).is_some_and(|name| matches(rest, name)),
    }
}

proptest! {
    #[test]
    fn what_is_desired_is_what_trying_every_grant_on_every_namespace_yields(
        grants in prop::collection::vec(any_grant(), 0..12),
        namespaces in prop::collection::btree_set("[ab]{1,4}", 0..8),
    ) {
        let mut expected: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for grant in &grants {
            let AccessScope::Namespaces(patterns) = &grant.scope else { continue };
            for namespace in &namespaces {
                if patterns.iter().any(|pattern| matches(pattern.as_str(), namespace)) {
                    let place = (namespace.clone(), grant.policy.object_name());
                    expected.entry(place).or_default().insert(grant.group());
                }
            }
        }
        let bindings = role_bindings(&grants, namespaces.iter().map(String::as_str));
        let mut per_namespace: BTreeMap<String, usize> = BTreeMap::new();
        let found = bindings.iter().map(|binding: &RoleBinding| {
            let metadata = &binding.metadata;
            let place = (metadata.namespace.clone().unwrap(), metadata.name.clone().unwrap());
            *per_namespace.entry(place.0.clone()).or_default() += 1;
            let subjects: Vec<String> = binding.subjects.iter().flatten().map(|one| one.name.clone()).collect();
            let sorted: BTreeSet<String> = subjects.iter().cloned().collect();
            assert!(sorted.iter().eq(&subjects), "sorted, each once: {subjects:?}");
            assert_eq!(binding.role_ref.name, place.1);
            (place, sorted)
        });
        let found: BTreeMap<_, _> = found.collect();
        prop_assert_eq!(found.len(), bindings.len());
        prop_assert_eq!(found, expected);
        prop_assert!(per_namespace.values().all(|count| *count <= AccessPolicy::ALL.len()));
    }
}
