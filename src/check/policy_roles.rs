//! ClusterRoles of access policies, compared with the rules they should hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Found, Sheet};
use crate::document::{Faults, Node, Place};
use crate::rbac::AccessPolicy;

/// Judges one role: who holds the policy gets what stands in it.
pub(super) fn judge(sheet: &Sheet<'_>, policy: AccessPolicy, role: Node<'_>, found: &mut Found) {
    let there = role.member("rules").map(Node::to_json).unwrap_or_default();
    let (there, wanted) = (rights(&there), rights(&serde_json::to_value(policy.rules()).unwrap_or_default()));
    let differs = |what: &str, rights: BTreeSet<&String>| {
        let first = rights.first()?;
        Some(format!("{what} {} rights, the first `{first}`", rights.len()))
    };
    let lacks = differs("lacks", wanted.difference(&there).collect());
    let adds = differs("adds", there.difference(&wanted).collect());
    let differences: Vec<String> = lacks.into_iter().chain(adds).collect();
    if differences.is_empty() {
        return;
    }
    let mut faults = Faults::new(Arc::clone(&sheet.file.name));
    let at = role.member("rules").unwrap_or(role).at();
    let what = format!("the ClusterRole of {policy} is not the policy of EKS: it {}", differences.join(", and "));
    let cure = "apply deploy/access-policies.yaml as it is shipped";
    faults.warning(at, &Place::Key(&Place::Root, "rules"), "policy-role-drift", what, cure);
    found.faults.extend(faults.into_list());
}

/// Every right of rules, one text each.
fn rights(rules: &Json) -> BTreeSet<String> {
    let texts = |rule: &Json, key: &str| -> Vec<String> {
        let list = rule.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in rules.as_array().map(Vec::as_slice).unwrap_or_default() {
        let names = texts(rule, "resourceNames");
        let only = if names.is_empty() { String::new() } else { format!(" named {}", names.join(",")) };
        for verb in texts(rule, "verbs") {
            for url in texts(rule, "nonResourceURLs") {
                rights.insert(format!("{verb} {url}"));
            }
            for group in texts(rule, "apiGroups") {
                for resource in texts(rule, "resources") {
                    let dot = if group.is_empty() { "" } else { "." };
                    rights.insert(format!("{verb} {resource}{dot}{group}{only}"));
                }
            }
        }
    }
    rights
}
