//! The objects that never change: they are shipped in `deploy/access-policies.yaml`, applied by an operator, and only
//! compared by us. We have no right to write them.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule as Rule, RoleRef, Subject};
use kube::core::ObjectMeta;
use serde::Serialize;

use super::desired::{MANAGED_BY, RBAC, group, labels, role_ref};
use crate::kubernetes::{ObjectFault, RbacObjects};
use crate::mapping::{AccessScope, Grant};
use crate::rbac::{AccessPolicy, PolicyRule};

/// What stands above the objects.
const HEADER: &str = "\
# The access policies of Amazon EKS as RBAC: a ClusterRole and a ClusterRoleBinding for each. Apply it once, as an
# administrator; the server never writes these. RoleBindings in namespaces are made by the server.
#
# Made of the rules in src/rbac; after a change there:
# IAM_BRIDGE_REGENERATE=1 cargo test the_shipped_access_policies_are_what_the_rules_say
";
/// The group that nodes with Windows have beside `system:nodes`, and what it is for.
const WINDOWS_PROXY: (&str, &str) = ("eks:kube-proxy-windows", "system:node-proxier");

/// `deploy/access-policies.yaml`: six ClusterRoles, their ClusterRoleBindings, and the binding of Windows' kube-proxy.
///
/// # Errors
/// When an object cannot be written as YAML, which would be a fault of the program.
pub fn access_policies_yaml() -> Result<String, serde_saphyr::ser::Error> {
    let mut text = HEADER.to_owned();
    for policy in AccessPolicy::ALL {
        add(&mut text, &cluster_role(policy))?;
        add(&mut text, &cluster_role_binding(policy))?;
    }
    add(&mut text, &windows_proxy())?;
    Ok(text)
}

/// The ClusterRole with a policy's rules.
fn cluster_role(policy: AccessPolicy) -> ClusterRole {
    let rules = policy.rules().into_iter().map(rule).collect();
    ClusterRole { aggregation_rule: None, metadata: metadata(policy), rules: Some(rules) }
}

/// Binds it, in the whole cluster, to the group of grants for the whole cluster.
fn cluster_role_binding(policy: AccessPolicy) -> ClusterRoleBinding {
    let everywhere = Grant { policy, scope: AccessScope::Cluster, expires_at: None };
    let subjects = vec![group(&everywhere.group())];
    ClusterRoleBinding { metadata: metadata(policy), role_ref: role_ref(policy), subjects: Some(subjects) }
}

/// How the two objects of a policy stand at the API server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fixed {
    /// One is not what is shipped.
    Differs(String),
    /// They are what is shipped.
    Fine,
    /// One is not there.
    Missing(String),
    /// Why it cannot be told.
    Unknown(String),
}

/// Looks at all of them.
pub(super) async fn look(objects: RbacObjects) -> BTreeMap<AccessPolicy, Fixed> {
    let mut states = BTreeMap::new();
    for policy in AccessPolicy::ALL {
        let state = look_at(&objects, policy).await.unwrap_or_else(|fault| Fixed::Unknown(fault.to_string()));
        states.insert(policy, state);
    }
    states
}

async fn look_at(objects: &RbacObjects, policy: AccessPolicy) -> Result<Fixed, ObjectFault> {
    let name = policy.object_name();
    let missing =
        |kind| Ok(Fixed::Missing(format!("the {kind} `{name}` is missing; apply deploy/access-policies.yaml")));
    let Some(role) = objects.cluster_role(&name).await? else { return missing("ClusterRole") };
    let Some(binding) = objects.cluster_role_binding(&name).await? else { return missing("ClusterRoleBinding") };
    let drift = drift_of_role(policy, &role).map(|drift| ("ClusterRole", drift));
    let drift = drift.or_else(|| drift_of_binding(policy, &binding).map(|drift| ("ClusterRoleBinding", drift)));
    Ok(drift.map_or(Fixed::Fine, |(kind, drift)| {
        let cure = "apply deploy/access-policies.yaml of this version";
        Fixed::Differs(format!("the {kind} `{name}` is not what is shipped: {drift}; {cure}"))
    }))
}

/// How a ClusterRole differs from what is shipped; absent when it does not.
fn drift_of_role(policy: AccessPolicy, there: &ClusterRole) -> Option<&'static str> {
    if there.aggregation_rule.is_some() {
        return Some("it gathers the rules of other ClusterRoles");
    }
    let (ours, theirs) = (cluster_role(policy).rules, there.rules.clone());
    (in_order(ours) != in_order(theirs)).then_some("its rules are others")
}

/// How a ClusterRoleBinding differs from what is shipped; absent when it does not.
fn drift_of_binding(policy: AccessPolicy, there: &ClusterRoleBinding) -> Option<&'static str> {
    let ours = cluster_role_binding(policy);
    if there.role_ref != ours.role_ref {
        return Some("it binds another role");
    }
    let subjects: Vec<Subject> = there.subjects.clone().unwrap_or_default();
    (Some(subjects) != ours.subjects).then_some("its subjects are others")
}

fn add(text: &mut String, object: &impl Serialize) -> Result<(), serde_saphyr::ser::Error> {
    text.push_str("---\n");
    text.push_str(&serde_saphyr::to_string(object)?);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(())
}

fn metadata(policy: AccessPolicy) -> ObjectMeta {
    ObjectMeta { name: Some(policy.object_name()), labels: Some(labels(policy)), ..ObjectMeta::default() }
}

fn windows_proxy() -> ClusterRoleBinding {
    let (name, role) = WINDOWS_PROXY;
    let labels = [(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())].into();
    let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() };
    let role_ref = RoleRef { api_group: RBAC.to_owned(), kind: "ClusterRole".to_owned(), name: role.to_owned() };
    ClusterRoleBinding { metadata, role_ref, subjects: Some(vec![group(name)]) }
}

fn rule(rule: PolicyRule) -> Rule {
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    Rule {
        api_groups: some(rule.api_groups),
        non_resource_urls: some(rule.non_resource_urls),
        resource_names: some(rule.resource_names),
        resources: some(rule.resources),
        verbs: rule.verbs,
    }
}

/// Rules say the same in whatever order they, and what they list, stand.
fn in_order(rules: Option<Vec<Rule>>) -> Vec<[Vec<String>; 5]> {
    let sorted = |mut list: Vec<String>| {
        list.sort_unstable();
        list.dedup();
        list
    };
    let mut rules: Vec<[Vec<String>; 5]> = rules
        .into_iter()
        .flatten()
        .map(|rule| {
            [
                sorted(rule.api_groups.unwrap_or_default()),
                sorted(rule.non_resource_urls.unwrap_or_default()),
                sorted(rule.resource_names.unwrap_or_default()),
                sorted(rule.resources.unwrap_or_default()),
                sorted(rule.verbs),
            ]
        })
        .collect();
    rules.sort_unstable();
    rules
}
