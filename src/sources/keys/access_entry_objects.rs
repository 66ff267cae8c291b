//! What surrounds the spec of an `AccessEntry`: its version, its keys, its name.

use super::report_unknown;
use crate::diagnostic::Severity;
use crate::document::{Faults, Node, Place, Value};

/// `apiVersion` of our objects.
pub(super) const API_VERSION: &str = "iam-bridge.dev/v1alpha1";
/// `kind` of one entry.
pub(super) const OBJECT_KIND: &str = "AccessEntry";
/// `kind` of a list of them.
pub(super) const LIST_KIND: &str = "AccessEntryList";

/// Whether a map is an object of Kubernetes.
pub(super) fn is_object(node: Node<'_>) -> bool {
    ["apiVersion", "kind"].into_iter().any(|key| node.member(key).is_some())
}

/// Whether an object, or an item of a list that tells its kind, is of our group; others have kinds of this name too.
pub(super) fn is_entry_object(node: Node<'_>, told: Option<&str>) -> bool {
    let text = |key| node.member(key).and_then(Node::scalar).map(|scalar| scalar.text);
    let ours = |version: &str| version.split('/').next() == API_VERSION.split('/').next();
    let is_kind = text("kind").or(told).is_some_and(|kind| kind == OBJECT_KIND || kind == LIST_KIND);
    is_kind && text("apiVersion").is_none_or(ours)
}

/// Judges `apiVersion`; the items of a list need not have one.
pub(super) fn judge_version(node: Node<'_>, kind: &str, place: &Place<'_>, faults: &mut Faults) {
    let wanted = if kind == "List" { "v1" } else { API_VERSION };
    let version = node.member("apiVersion");
    if let Some(version) = version.filter(|version| version.scalar().is_none_or(|scalar| scalar.text != wanted)) {
        let text = version.scalar().map(|scalar| scalar.text).unwrap_or_default();
        let what = format!("`{text}` is no version of the kind `{kind}`");
        let cure = format!("write `{wanted}`");
        faults.error(version.at(), &Place::Key(place, "apiVersion"), "bad-api-version", what, &cure);
    }
}

/// Tells keys that are none of `keys`, as they are written there.
pub(super) fn judge_keys(
    node: Node<'_>,
    keys: &[&'static str],
    place: &Place<'_>,
    unknown: Severity,
    faults: &mut Faults,
) {
    let Value::Map(members) = node.value() else { return };
    for member in members.filter(|member| !keys.contains(&member.key)) {
        report_unknown(member, &Place::Key(place, member.key), keys, unknown, faults);
    }
}

/// `metadata.name`. What else stands in `metadata` is the API server's.
pub(super) fn name_of(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<String> {
    let name = node.member("metadata")?.member("name").filter(|name| !name.is_null())?;
    let text = name.scalar().map(|scalar| scalar.text.to_owned());
    if text.is_none() {
        let metadata = Place::Key(place, "metadata");
        let what = format!("{} stands where a text belongs", name.kind());
        faults.error(name.at(), &Place::Key(&metadata, "name"), "bad-type", what, "");
    }
    text
}
