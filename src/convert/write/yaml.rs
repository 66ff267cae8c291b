//! Our objects, for `kubectl apply` and for `AccessEntryFile` alike.

use serde_json::{Map, Value, json};

use super::NamedEntry;
use crate::document::render::{Style, member_lines};
use crate::mapping::AssociationText;

/// Group and version of our objects.
const API_VERSION: &str = "iam-bridge.dev/v1alpha1";

/// The entries as YAML documents.
#[must_use]
pub fn yaml(entries: &[NamedEntry]) -> String {
    let style = Style::of("", None);
    let mut text = String::new();
    for entry in entries {
        if !text.is_empty() {
            text.push_str("---\n");
        }
        let metadata = json!({ "name": entry.name });
        let head = [("apiVersion", API_VERSION.into()), ("kind", "AccessEntry".into()), ("metadata", metadata)];
        let head = head.iter().flat_map(|(key, value)| member_lines(key, value, 0, &style));
        let spec = members(entry);
        let spec = spec.iter().flat_map(|(key, value)| member_lines(key, value, style.step, &style));
        for line in head.chain(["spec:".to_owned()]).chain(spec) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// One entry as an object.
#[must_use]
pub fn object(entry: &NamedEntry) -> Value {
    let spec: Map<String, Value> = members(entry).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    json!({ "apiVersion": API_VERSION, "kind": "AccessEntry", "metadata": { "name": entry.name }, "spec": spec })
}

/// The members of a spec, in the order people look for them.
fn members(entry: &NamedEntry) -> Vec<(&'static str, Value)> {
    let text = &entry.text;
    let one = |key, value: Option<&String>| value.map(|value| (key, value.as_str().into()));
    let many = |key, items: Vec<Value>| (!items.is_empty()).then_some((key, Value::Array(items)));
    let groups = text.kubernetes_groups.iter().map(|group| group.as_str().into()).collect();
    [
        one("principalArn", Some(&text.principal_arn)),
        one("type", text.entry_type.as_ref()),
        one("username", text.username.as_ref()),
        many("kubernetesGroups", groups),
        many("policyAssociations", text.associations.iter().map(association).collect()),
        one("principalId", text.principal_id.as_ref()),
        one("notBefore", text.not_before.as_ref()),
        one("expiresAt", text.expires_at.as_ref()),
        one("reason", text.reason.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn association(association: &AssociationText) -> Value {
    // Our objects take bare names alone.
    let name = association.policy.rsplit('/').next().unwrap_or_default();
    let mut scope = Map::from_iter([("type".to_owned(), association.scope_type.as_str().into())]);
    if !association.namespaces.is_empty() {
        scope.insert("namespaces".to_owned(), association.namespaces.iter().map(String::as_str).collect());
    }
    let mut members = Map::from_iter([("policy".to_owned(), name.into()), ("accessScope".to_owned(), scope.into())]);
    if let Some(end) = &association.expires_at {
        members.insert("expiresAt".to_owned(), end.as_str().into());
    }
    members.into()
}
