//! `IAMIdentityMappings`, and the definition of their kind.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use serde_json::json;

use super::compat::{self, Reader};
use super::{Found, Sheet, Table, lint};
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{Faults, Node, Place, Plain, Value, known, nearest};
use crate::kubernetes::{IamIdentityMappingSpec, MappingObject, SPEC_KEYS, dropped_by};
use crate::mapping::{Entry, EntryList, Origin, SourceKind, repeated_entries};
use crate::sources::keys::parse_iam_identity_mapping;

/// `apiVersion` of an `IAMIdentityMapping`.
const API_VERSION: &str = "iamauthenticator.k8s.aws/v1alpha1";
/// Keys that narrow a mapping: the API server drops a misspelt one, and leaves it wide open.
const GUARDS: [&str; 3] = ["userid", "notBefore", "notAfter"];
/// Names that they have in entries of other sources, and not here.
const OTHER_NAMES: [(&str, &str); 2] = [("principalId", "userid"), ("expiresAt", "notAfter")];
/// Longest name of an object.
const MAX_NAME: usize = 253;

/// The good mappings of one file.
#[derive(Debug, Default)]
pub(super) struct Mappings {
    entries: Vec<Entry>,
    names: HashMap<String, Position>,
    first: Option<Position>,
}

/// Judges one object.
pub(super) fn mapping(sheet: &Sheet<'_>, node: Node<'_>, found: &mut Found) {
    found.mappings.first.get_or_insert_with(|| node.at());
    let mut faults = Faults::new(Arc::clone(&sheet.file.name));
    version(node, &mut faults);
    name(node, &mut found.mappings.names, &mut faults);
    let Some(spec) = node.member("spec").filter(|spec| !spec.is_null()) else {
        let what = "the mapping has no `spec`".to_owned();
        faults.error(node.at(), &Place::Root, "no-spec", what, "write `spec:` with `arn:` and `username:` below it");
        return found.faults.extend(faults.into_list());
    };
    let good = keys(spec, &mut faults);
    let texts = texts(spec, &Place::Key(&Place::Root, "spec"), &mut faults);
    let settings = sheet.neighbours.key_settings(sheet.options);
    let origin = Origin { place: Arc::clone(&sheet.file.name), at: node.at() };
    let entry = typed(spec, node, &mut faults).map(|spec| parse_iam_identity_mapping(&spec, settings, origin));
    match entry {
        Some(Ok(entry)) => {
            doubts(&entry, node, &mut faults);
            if sheet.options.compat {
                let reader = Reader { source: SourceKind::Crd, settings, user_id_strict: false };
                let at = |key: &str| spec.member(key).unwrap_or(spec).at();
                let place = Place::Key(&Place::Root, "spec");
                compat::entry((entry.list(), &entry.text()), at, &place, reader, &mut faults);
            }
            if good && texts {
                found.mappings.entries.push(entry);
            }
        }
        Some(Err(bad)) => {
            bad.into_iter().for_each(|fault| faults.push(Diagnostic { at: Some(place_of(node, &fault.key)), ..fault }))
        }
        None => {}
    }
    found.faults.extend(faults.into_list());
}

/// What concerns all mappings of a file, and their table.
pub(super) fn conclude(sheet: &Sheet<'_>, found: &mut Found) {
    let Mappings { entries, first, .. } = std::mem::take(&mut found.mappings);
    let Some(first) = first else { return };
    let mut faults = Faults::new(Arc::clone(&sheet.file.name));
    if sheet.options.compat {
        compat::source(SourceKind::Crd, first, &Place::Root, &mut faults);
    }
    for repeated in repeated_entries(&entries) {
        let what = format!("`{}` stands at line {} too", repeated.principal, repeated.first.at.line);
        let place = Place::Key(&Place::Root, "spec");
        let cure = "the object that was made first is in force; remove the other";
        faults.warning(repeated.again.at, &Place::Key(&place, "arn"), "repeated-entry", what, cure);
    }
    found.faults.extend(faults.into_list());
    if !entries.is_empty() {
        found.tables.push(Table::new(&sheet.file.name, SourceKind::Crd, &[&entries], &[]));
    }
}

fn version(node: Node<'_>, faults: &mut Faults) {
    let Some(version) = node.member("apiVersion").filter(|_| node.text_of("apiVersion") != Some(API_VERSION)) else {
        return;
    };
    let what = format!("`{}` is no version of this kind", node.text_of("apiVersion").unwrap_or_default());
    let place = Place::Key(&Place::Root, "apiVersion");
    faults.error(version.at(), &place, "bad-api-version", what, &format!("write `{API_VERSION}`"));
}

fn name(node: Node<'_>, names: &mut HashMap<String, Position>, faults: &mut Faults) {
    let metadata = node.member("metadata");
    let of = |key| metadata.and_then(|metadata| metadata.member(key)).filter(|name| !name.is_null());
    let outer = Place::Key(&Place::Root, "metadata");
    let place = Place::Key(&outer, "name");
    let Some(given) = of("name") else {
        if of("generateName").is_none() {
            let what = "the object has no name".to_owned();
            faults.error(metadata.unwrap_or(node).at(), &place, "no-name", what, "write one below `metadata`");
        }
        return;
    };
    let name = given.scalar().map(|scalar| scalar.text).unwrap_or_default();
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| !matches!(byte, b'-' | b'.'));
    let bytes = name.as_bytes();
    let good = bytes.len() <= MAX_NAME && ends(bytes.first()) && ends(bytes.last()) && name.bytes().all(known);
    if !good {
        let what = format!("`{name}` cannot be the name of an object");
        faults.error(given.at(), &place, "bad-name", what, "write lower-case letters, digits, `-` and `.`");
        return;
    }
    match names.entry(name.to_owned()) {
        Slot::Occupied(first) => {
            let what = format!("an object of this name stands at line {} too", first.get().line);
            faults.warning(given.at(), &place, "repeated-object", what, "give each its own name: the last one stays");
        }
        Slot::Vacant(slot) => {
            slot.insert(given.at());
        }
    }
}

/// Judges the keys of a spec, in which case counts; `false` if a key that narrows the mapping is misspelt.
fn keys(spec: Node<'_>, faults: &mut Faults) -> bool {
    let Value::Map(members) = spec.value() else { return true };
    let place = Place::Key(&Place::Root, "spec");
    let mut good = true;
    for member in members.filter(|member| !SPEC_KEYS.contains(&member.key)) {
        let here = Place::Key(&place, member.key);
        let other_name = OTHER_NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(member.key));
        let near = other_name
            .map(|(_, meant)| *meant)
            .or_else(|| known(&SPEC_KEYS, member.key))
            .or_else(|| nearest(&SPEC_KEYS, member.key));
        if let Some(meant) = near.filter(|meant| GUARDS.contains(meant)) {
            let what = format!("the API server drops `{}`, and without `{meant}` the mapping is wide open", member.key);
            faults.error(member.at, &here, "misspelt-guard", what, &format!("write `{meant}`, or remove the key"));
            good = false;
        } else {
            let cure = near.map_or_else(|| "remove it".to_owned(), |near| format!("did you mean `{near}`?"));
            let what = format!("the key `{}` is not known, and the API server drops it", member.key);
            faults.error(member.at, &here, "unknown-key", what, &cure);
        }
    }
    good
}

/// Tells scalars that kubectl's reader of YAML takes for something else than text although they look like one; `true` if there is none.
fn texts(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> bool {
    match node.value() {
        Value::Map(members) => {
            members.filter(|member| !texts(member.value, &Place::Key(place, member.key), faults)).count() == 0
        }
        Value::List(items) => {
            let bad = |(number, item): &(usize, Node<'_>)| !texts(*item, &Place::Item(place, *number), faults);
            items.enumerate().filter(bad).count() == 0
        }
        Value::Scalar(scalar) => {
            let good = !matches!(scalar.plain(), Plain::Text(_)) || matches!(scalar.yaml_1_1(), Plain::Text(_));
            if !good {
                let what = format!("`{}` without quotes is no text in YAML as kubectl reads it", scalar.text);
                faults.error(node.at(), place, "bad-type", what, "put it in quotes");
            }
            good
        }
    }
}

/// The spec as the server reads it.
fn typed(spec: Node<'_>, node: Node<'_>, faults: &mut Faults) -> Option<IamIdentityMappingSpec> {
    let object: MappingObject = serde_json::from_value(json!({ "metadata": {}, "spec": spec.to_json() })).ok()?;
    match object.into_spec() {
        Ok(spec) => Some(spec),
        Err(bad) => {
            for fault in bad {
                let (file, at) = (Some(faults.file().as_ref().into()), Some(place_of(node, &fault.key)));
                let (severity, cure) = (Severity::Error, String::new());
                faults.push(Diagnostic {
                    severity,
                    code: "bad-type",
                    file,
                    at,
                    key: fault.key,
                    what: fault.what,
                    cure,
                });
            }
            None
        }
    }
}

fn doubts(entry: &Entry, node: Node<'_>, faults: &mut Faults) {
    let place = Place::Key(&Place::Root, "spec");
    for warning in entry.warnings() {
        let key = match warning.key {
            "rolearn" | "userarn" => "arn",
            key => key,
        };
        let at = place_of(node, &format!("spec.{key}"));
        faults.warning(at, &Place::Key(&place, key), warning.code, warning.what, &warning.cure);
    }
    let is_role = entry.list() == EntryList::Roles;
    lint::entry(&entry.text(), place_of(node, if is_role { "spec.groups" } else { "spec" }), &place, faults);
}

/// Judges the definition of the kind: what its schema lacks the API server drops.
pub(super) fn definition(sheet: &Sheet<'_>, node: Node<'_>, found: &mut Found) {
    let versions = node.member("spec").and_then(|spec| spec.member("versions")).map(Node::value);
    let Some(Value::List(versions)) = versions else { return };
    let mut faults = Faults::new(Arc::clone(&sheet.file.name));
    for (number, version) in versions.enumerate() {
        let schema = version.member("schema").and_then(|schema| schema.member("openAPIV3Schema"));
        let spec = schema.and_then(|schema| schema.member("properties")).and_then(|keys| keys.member("spec"));
        let lacking = spec.map_or_else(|| dropped_by(&json!({})), |spec| dropped_by(&spec.to_json()));
        let keeps_all = schema
            .and_then(|schema| schema.member("x-kubernetes-preserve-unknown-fields"))
            .and_then(Node::scalar)
            .is_some_and(|scalar| scalar.to_bool() == Some(true));
        if lacking.is_empty() || (spec.is_none() && keeps_all) {
            continue;
        }
        let names = lacking.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let what = format!(
            "the schema lacks {names}, so the API server drops them from mappings: one with a `userid` would look pinned without being so"
        );
        let (outer, at) = (Place::Key(&Place::Root, "spec"), spec.or(schema).unwrap_or(version).at());
        let list = Place::Key(&outer, "versions");
        let cure = "apply deploy/iamidentitymapping.yaml of iam-bridge";
        faults.warning(at, &Place::Item(&list, number), "crd-schema-incomplete", what, cure);
    }
    found.faults.extend(faults.into_list());
}

/// Where `spec.groups[1]` stands in an object; its nearest parent when it is not there.
fn place_of(node: Node<'_>, path: &str) -> Position {
    let mut here = node;
    for step in path.split(['.', '[']) {
        let number = step.strip_suffix(']').and_then(|number| number.parse().ok());
        let next = match (number, here.value()) {
            (Some(number), Value::List(mut items)) => items.nth(number),
            (_, Value::Map(_)) => here.member(step),
            (_, Value::List(_) | Value::Scalar(_)) => None,
        };
        let Some(next) = next else { break };
        here = next;
    }
    here.at()
}
