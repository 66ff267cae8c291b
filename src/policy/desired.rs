//! The RoleBindings that grants ask for. Pure: a function of the grants and the namespaces.
//!
//! One RoleBinding a policy and namespace, whatever the number of entries: its subjects are the groups of all scopes that
//! reach the namespace. A person's answer carries the group of each grant, so that a binding names nobody.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use kube::core::ObjectMeta;

use crate::mapping::{AccessScope, Grant, NamespacePattern};
use crate::rbac::AccessPolicy;

/// Label of every object of access policies, and its value.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "iam-bridge");
/// Label that tells what the object is a part of.
const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "iam-bridge");
/// Label with the policy's name. With [`MANAGED_BY`] it tells that an object is ours to change and to delete.
pub(super) const POLICY_LABEL: &str = "iam-bridge.dev/access-policy";
/// Annotation with the patterns in clear: a group's name may hold their hash only.
pub(super) const SCOPES: &str = "iam-bridge.dev/scopes";
/// API group of roles and bindings.
pub(super) const RBAC: &str = "rbac.authorization.k8s.io";
/// Longest value of [`SCOPES`], bytes. All annotations of an object may take 256 KiB.
const LONGEST_SCOPES: usize = 32 * 1024;

/// The RoleBindings wanted in these namespaces, by namespace, then policy. Grants for the whole cluster want none: a
/// ClusterRoleBinding that never changes serves them. Whether a grant is over is for the caller to judge.
#[must_use]
pub fn role_bindings<'a>(
    grants: impl IntoIterator<Item = &'a Grant>,
    namespaces: impl IntoIterator<Item = &'a str>,
) -> Vec<RoleBinding> {
    let mut scopes: BTreeMap<AccessPolicy, BTreeMap<&[NamespacePattern], String>> = BTreeMap::new();
    for grant in grants {
        if let AccessScope::Namespaces(patterns) = &grant.scope {
            scopes.entry(grant.policy).or_default().entry(patterns).or_insert_with(|| grant.group());
        }
    }
    let namespaces: BTreeSet<&str> = namespaces.into_iter().collect();
    let mut bindings = Vec::new();
    for namespace in namespaces {
        for (policy, scopes) in &scopes {
            let reaching = scopes.iter().filter(|(patterns, _)| patterns.iter().any(|one| one.matches(namespace)));
            let (patterns, groups): (Vec<_>, BTreeSet<_>) =
                reaching.map(|(patterns, group)| (*patterns, group)).unzip();
            if !groups.is_empty() {
                bindings.push(role_binding(*policy, namespace, &patterns, groups));
            }
        }
    }
    bindings
}

/// The labels of an object of a policy.
pub(super) fn labels(policy: AccessPolicy) -> BTreeMap<String, String> {
    let ours = [MANAGED_BY, PART_OF, (POLICY_LABEL, policy.as_str())];
    ours.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// The reference to a policy's ClusterRole.
pub(super) fn role_ref(policy: AccessPolicy) -> RoleRef {
    RoleRef { api_group: RBAC.to_owned(), kind: "ClusterRole".to_owned(), name: policy.object_name() }
}

/// A group as a subject.
pub(super) fn group(name: &str) -> Subject {
    Subject { api_group: Some(RBAC.to_owned()), kind: "Group".to_owned(), name: name.to_owned(), namespace: None }
}

fn role_binding(
    policy: AccessPolicy,
    namespace: &str,
    scopes: &[&[NamespacePattern]],
    groups: BTreeSet<&String>,
) -> RoleBinding {
    let metadata = ObjectMeta {
        name: Some(policy.object_name()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels(policy)),
        annotations: Some([(SCOPES.to_owned(), in_clear(scopes))].into()),
        ..ObjectMeta::default()
    };
    let subjects = groups.into_iter().map(|name| group(name)).collect();
    RoleBinding { metadata, role_ref: role_ref(policy), subjects: Some(subjects) }
}

/// The scopes, each as its patterns joined by commas, with a blank between two; cut where it is too long.
fn in_clear(scopes: &[&[NamespacePattern]]) -> String {
    let mut text = String::new();
    for scope in scopes {
        let patterns: Vec<&str> = scope.iter().map(NamespacePattern::as_str).collect();
        let patterns = patterns.join(",");
        if text.len().saturating_add(patterns.len()) > LONGEST_SCOPES {
            text.push_str(" …");
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&patterns);
    }
    text
}
