//! A file of access entries: our objects, or what the AWS CLI prints. All of a file is good, or none of it is used.
//!
//! ```text
//! kind: AccessEntryList ─┐
//! kind: AccessEntry ─────┤ several documents, a List ──▶ spec ──────────────────┐
//! {"accessEntry": …} ────┤ describe-access-entry ──────▶ entry ─┐               ├─▶ AccessEntry
//! {"associatedAccess…} ──┘ list-associated-access-policies ─────┴─ by principal ┘
//! ```
//!
//! Keys of Kubernetes are told by their case, as the API server tells them.

use std::collections::BTreeMap;

use super::access_entry::EntryParts;
use super::access_entry_objects::{
    LIST_KIND, OBJECT_KIND, is_entry_object, is_object, judge_keys, judge_version, name_of,
};
use super::entries::MAX_ENTRIES;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{self, Faults, Format, Items, Node, Place, Several, Value};
use crate::iam::AccountId;
use crate::mapping::{AccessEntry, AccessEntryForm, AccessEntryRules, Entry, Origin, SharedNames, repeated_entries};

/// What judging a file of access entries depends on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccessEntryFileSettings {
    /// `server.cluster.accountId`: roles of nodes belong to it.
    pub cluster_account: Option<AccountId>,
    /// How an unknown key of an object counts.
    pub unknown: Severity,
}

/// A file of access entries, read: all of it is good.
#[derive(Clone, Debug, Default)]
pub struct AccessEntryFile {
    /// The entries, in the order of the file; of what the AWS CLI printed, behind the objects.
    pub entries: Vec<AccessEntry>,
    /// `metadata.name` of each of them; `None` where there is none.
    pub names: Vec<Option<String>>,
    /// What is good and probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a file of access entries, in any of their shapes, also mixed.
///
/// # Errors
/// Every fault, with its line and column; one is enough to refuse the whole file.
pub fn parse_access_entry_file(
    name: &str,
    text: &str,
    format: Format,
    settings: &AccessEntryFileSettings,
) -> Result<AccessEntryFile, Vec<Diagnostic>> {
    let several = document::parse_all(name, text, format);
    let mut reader = Reader::new(name, *settings);
    if several.documents.is_empty() && several.end.is_empty() {
        let what = "the file is empty".to_owned();
        let cure = "write `kind: AccessEntryList` with `items: []` if there are to be no entries";
        reader.faults.error(Position { line: 1, column: 1 }, &Place::Root, "empty-file", what, cure);
    }
    reader.documents(&several);
    several.end.iter().for_each(|fault| reader.faults.push(fault.clone()));
    let (mut file, faults) = reader.finish();
    if faults.any_error() {
        return Err(faults.into_list());
    }
    file.warnings = faults.into_list();
    Ok(file)
}

/// The good access entries among the documents of a file that may hold other things too, and as `warnings` every fault
/// of the others. What a file of its own would be refused for is not asked.
#[must_use]
pub fn access_entries_among(name: &str, several: &Several<'_>, settings: &AccessEntryFileSettings) -> AccessEntryFile {
    let mut reader = Reader { mixed: true, ..Reader::new(name, *settings) };
    reader.documents(several);
    let (mut file, faults) = reader.finish();
    file.warnings = faults.into_list();
    file
}

/// What is read so far.
struct Reader<'d> {
    settings: AccessEntryFileSettings,
    file: AccessEntryFile,
    faults: Faults,
    shared: SharedNames,
    printed: Vec<Printed<'d>>,
    /// What `list-associated-access-policies` printed, by `principalArn`.
    associations: BTreeMap<&'d str, (Node<'d>, String)>,
    too_many: bool,
    /// Whether what is no access entry is another's business.
    mixed: bool,
}

/// An entry that `describe-access-entry` printed.
struct Printed<'d> {
    entry: Node<'d>,
    place: String,
    /// `associatedAccessPolicies` beside it.
    associations: Option<(Node<'d>, String)>,
}

impl<'d> Reader<'d> {
    fn new(name: &str, settings: AccessEntryFileSettings) -> Self {
        Self {
            settings,
            file: AccessEntryFile::default(),
            faults: Faults::new(name.into()),
            shared: SharedNames::default(),
            printed: Vec::new(),
            associations: BTreeMap::new(),
            too_many: false,
            mixed: false,
        }
    }

    fn documents(&mut self, several: &'d Several<'d>) {
        for (document, faults) in &several.documents {
            // A document with faults is not whole: what else is wrong with it would be guessed.
            match faults.as_slice() {
                [] => self.document(document.root(), &Place::Root),
                _ if self.mixed => {}
                faults => faults.iter().for_each(|fault| self.faults.push(fault.clone())),
            }
        }
    }

    /// A document, or an item of a list of what would be documents.
    fn document(&mut self, node: Node<'d>, place: &Place<'_>) {
        match node.value() {
            // Several outputs of the AWS CLI, as `jq -s .` gathers them.
            Value::List(items) => items.enumerate().for_each(|(number, item)| match item.value() {
                Value::Map(_) => self.document(item, &Place::Item(place, number)),
                Value::List(_) | Value::Scalar(_) => self.no_entry(item, &Place::Item(place, number)),
            }),
            Value::Map(_) if is_object(node) => self.object(node, place, None),
            Value::Map(_) => self.printed(node, place),
            Value::Scalar(_) => self.no_entry(node, place),
        }
    }

    fn no_entry(&mut self, node: Node<'d>, place: &Place<'_>) {
        if self.mixed {
            return;
        }
        let what = format!("{} stands where an access entry belongs", node.kind());
        self.faults.error(node.at(), place, "bad-type", what, "write an object of kind AccessEntry");
    }

    /// An object of Kubernetes; `told` is the kind of its list's items.
    fn object(&mut self, node: Node<'d>, place: &Place<'_>, told: Option<&str>) {
        let kind_node = node.member("kind").filter(|kind| !kind.is_null());
        match kind_node.and_then(Node::scalar).map(|kind| kind.text).or(told) {
            Some(kind @ (LIST_KIND | "List")) if !self.mixed || kind == "List" || is_entry_object(node, told) => {
                judge_keys(
                    node,
                    &["apiVersion", "kind", "metadata", "items"],
                    place,
                    self.settings.unknown,
                    &mut self.faults,
                );
                judge_version(node, kind, place, &mut self.faults);
                self.items(node, place, (kind == LIST_KIND).then_some(OBJECT_KIND));
            }
            Some(_) | None if self.mixed && !is_entry_object(node, told) => {}
            Some(OBJECT_KIND) => {
                judge_version(node, OBJECT_KIND, place, &mut self.faults);
                self.entry_object(node, place);
            }
            Some(kind) => {
                let what = format!("an object of kind `{kind}` stands in a file of access entries");
                let at = kind_node.unwrap_or(node).at();
                let cure = "leave AccessEntry objects alone in it";
                self.faults.error(at, &Place::Key(place, "kind"), "other-kind", what, cure);
            }
            None => {
                let what = "the object tells no kind".to_owned();
                self.faults.error(
                    node.at(),
                    &Place::Key(place, "kind"),
                    "other-kind",
                    what,
                    "write `kind: AccessEntry`",
                );
            }
        }
    }

    fn items(&mut self, list: Node<'d>, place: &Place<'_>, told: Option<&str>) {
        let outer = Place::Key(place, "items");
        let Some(node) = list.member("items") else {
            let what = "the list has no `items`".to_owned();
            return self.faults.error(list.at(), &outer, "no-items", what, "write `items: []` if there are to be none");
        };
        let Some(items) = self.list(node, &outer) else { return };
        for (number, item) in items.enumerate() {
            let here = Place::Item(&outer, number);
            match item.value() {
                Value::Map(_) => self.object(item, &here, told),
                Value::List(_) | Value::Scalar(_) => self.no_entry(item, &here),
            }
        }
    }

    /// What stands in a list; null is an empty one.
    fn list(&mut self, node: Node<'d>, place: &Place<'_>) -> Option<Items<'d>> {
        match node.value() {
            Value::List(items) => Some(items),
            Value::Scalar(scalar) if scalar.is_null() => None,
            Value::Map(_) | Value::Scalar(_) => {
                let what = format!("{} stands where a list belongs", node.kind());
                self.faults.error(node.at(), place, "bad-type", what, "begin each item with `- `");
                None
            }
        }
    }

    fn entry_object(&mut self, node: Node<'d>, place: &Place<'_>) {
        if self.is_full(node, place) {
            return;
        }
        let unknown = self.settings.unknown;
        judge_keys(node, &["apiVersion", "kind", "metadata", "spec", "status"], place, unknown, &mut self.faults);
        let name = name_of(node, place, &mut self.faults);
        let here = Place::Key(place, "spec");
        let Some(spec) = node.member("spec").filter(|spec| !spec.is_null()) else {
            let what = "the access entry has no `spec`".to_owned();
            let cure = "write `spec:` with `principalArn:` below it";
            return self.faults.error(node.at(), &here, "no-spec", what, cure);
        };
        let (rules, origin) = (self.rules(AccessEntryForm::File), self.origin(node));
        let parts = EntryParts { entry: spec, place: here, associations: None };
        let entry = parts.parse(&rules, origin, unknown, &mut self.shared, &mut self.faults);
        self.keep(entry, name);
    }

    /// What the AWS CLI printed.
    fn printed(&mut self, node: Node<'d>, place: &Place<'_>) {
        let has = |key| node.member(key).filter(|member| !member.is_null());
        let beside = has("associatedAccessPolicies")
            .map(|policies| (policies, Place::Key(place, "associatedAccessPolicies").to_string()));
        if let Some(entry) = has("accessEntry") {
            let place = Place::Key(place, "accessEntry").to_string();
            self.printed.push(Printed { entry, place, associations: beside });
        } else if let Some(entries) = has("accessEntries") {
            let outer = Place::Key(place, "accessEntries");
            let Some(items) = self.list(entries, &outer) else { return };
            let lone = items.count_left() == 1;
            for (number, item) in items.enumerate() {
                self.printed_item(item, &Place::Item(&outer, number), beside.clone().filter(|_| lone));
            }
            if let Some((policies, place)) = beside.filter(|_| !lone) {
                self.printed_associations(policies, &place);
            }
        } else if let (Some(_), Some((policies, at))) = (has("principalArn"), &beside)
            && !["accessEntryArn", "kubernetesGroups"].into_iter().any(|key| has(key).is_some())
        {
            self.associations_of(node, (*policies, at.clone()), place);
        } else if has("principalArn").is_some()
            && ["accessEntryArn", "clusterName"].into_iter().any(|key| has(key).is_some())
        {
            self.printed.push(Printed { entry: node, place: place.to_string(), associations: beside });
        } else if !self.mixed {
            let what = "nothing here is an access entry".to_owned();
            let cure = "write an object of kind AccessEntry, or what `aws eks describe-access-entry` prints";
            self.faults.error(node.at(), place, "no-access-entry", what, cure);
        }
    }

    /// An item of `accessEntries`: an entry, or a whole output.
    fn printed_item(&mut self, item: Node<'d>, place: &Place<'_>, beside: Option<(Node<'d>, String)>) {
        match item.value() {
            Value::Map(_) => {
                let inner =
                    item.member("accessEntry").map(|entry| (entry, Place::Key(place, "accessEntry").to_string()));
                let own = item.member("associatedAccessPolicies").filter(|policies| !policies.is_null());
                let own = own.map(|policies| (policies, Place::Key(place, "associatedAccessPolicies").to_string()));
                let (entry, place) = inner.unwrap_or_else(|| (item, place.to_string()));
                self.printed.push(Printed { entry, place, associations: own.or(beside) });
            }
            Value::List(_) | Value::Scalar(_) => {
                let what = "the name of an entry stands where the entry belongs".to_owned();
                let cure = "list-access-entries prints names alone; gather what describe-access-entry prints for each";
                self.faults.error(item.at(), place, "bad-type", what, cure);
            }
        }
    }

    /// Outputs of `list-associated-access-policies` beside several entries.
    fn printed_associations(&mut self, policies: Node<'d>, at: &str) {
        let outer = Place::Key(&Place::Root, at);
        let Some(items) = self.list(policies, &outer) else { return };
        for (number, item) in items.enumerate() {
            let here = Place::Item(&outer, number);
            match item.member("associatedAccessPolicies") {
                Some(inner) if item.member("principalArn").is_some() => {
                    let inner = (inner, Place::Key(&here, "associatedAccessPolicies").to_string());
                    self.associations_of(item, inner, &here);
                }
                _ => {
                    let what = "nothing tells whose policy this is".to_owned();
                    let cure = "put associatedAccessPolicies into the item of accessEntries that it belongs to";
                    return self.faults.error(item.at(), &here, "policy-of-nobody", what, cure);
                }
            }
        }
    }

    fn associations_of(&mut self, output: Node<'d>, (policies, at): (Node<'d>, String), place: &Place<'_>) {
        let Some(arn) = output.member("principalArn") else { return };
        let text = arn.scalar().map(|scalar| scalar.text).unwrap_or_default();
        if self.associations.insert(text, (policies, at)).is_some() {
            let what = format!("the policies of `{text}` stand twice");
            self.faults.error(
                arn.at(),
                &Place::Key(place, "principalArn"),
                "policies-twice",
                what,
                "keep one of the two",
            );
        }
    }

    fn rules(&self, form: AccessEntryForm) -> AccessEntryRules {
        AccessEntryRules { form, cluster_account: self.settings.cluster_account }
    }

    fn origin(&self, node: Node<'_>) -> Origin {
        Origin { place: self.faults.file().clone(), at: node.at() }
    }

    /// Whether there are as many entries as may be; told once.
    fn is_full(&mut self, node: Node<'_>, place: &Place<'_>) -> bool {
        let full = self.file.entries.len() >= MAX_ENTRIES;
        if full && !std::mem::replace(&mut self.too_many, true) {
            let what = format!("more than {MAX_ENTRIES} entries");
            self.faults.error(node.at(), place, "too-many-entries", what, "remove some");
        }
        full
    }

    fn keep(&mut self, entry: Option<AccessEntry>, name: Option<String>) {
        if let Some(entry) = entry {
            self.file.entries.push(entry);
            self.file.names.push(name);
        }
    }

    /// Joins the outputs of the AWS CLI, and judges what concerns the file as a whole.
    fn finish(mut self) -> (AccessEntryFile, Faults) {
        let mut unasked = None;
        for Printed { entry, place, associations } in std::mem::take(&mut self.printed) {
            let here = if place.is_empty() { Place::Root } else { Place::Key(&Place::Root, &place) };
            if self.is_full(entry, &here) {
                break;
            }
            let arn = entry.member("principalArn").and_then(Node::scalar).map(|scalar| scalar.text);
            let listed = arn.and_then(|arn| self.associations.remove(arn));
            let associations = match (associations, listed) {
                (Some(_), Some((again, at))) => {
                    let what = "the policies of an entry stand twice".to_owned();
                    let at = Place::Key(&Place::Root, &at);
                    self.faults.error(again.at(), &at, "policies-twice", what, "keep one of the two");
                    continue;
                }
                (one, other) => one.or(other),
            };
            if associations.is_none() && is_standard(entry) {
                unasked.get_or_insert_with(|| entry.at());
            }
            let (rules, origin) = (self.rules(AccessEntryForm::Eks), self.origin(entry));
            let associations = associations.as_ref().map(|(node, at)| (*node, Place::Key(&Place::Root, at)));
            let parts = EntryParts { entry, place: here, associations };
            let parsed = parts.parse(&rules, origin, Severity::Note, &mut self.shared, &mut self.faults);
            for policy in parsed.iter().flat_map(|entry| &entry.unsupported) {
                let what = format!("`{policy}` has no rules here and is left out: its holder gets less than on EKS");
                let cure = "give what it allows by a group in kubernetesGroups";
                self.faults.warning(entry.at(), &here, "policy-unsupported", what, cure);
            }
            self.keep(parsed, None);
        }
        for (arn, (policies, at)) in &self.associations {
            let what = format!("policies of `{arn}` stand in the file, and no entry of it");
            let cure = "add what `aws eks describe-access-entry` prints for it";
            self.faults.error(policies.at(), &Place::Key(&Place::Root, at), "policy-of-nobody", what, cure);
        }
        if let Some(at) = unasked {
            let what =
                "describe-access-entry does not tell the policies of an entry, and none stand beside it".to_owned();
            let cure = "add what `aws eks list-associated-access-policies` prints for the principal";
            self.faults.warning(at, &Place::Root, "policies-not-told", what, cure);
        }
        self.tell_duplicates();
        (self.file, self.faults)
    }

    /// An entry that is replaced by another without a word could be the one that was meant.
    fn tell_duplicates(&mut self) {
        let entries: Vec<Entry> = self.file.entries.iter().map(|entry| entry.entry.clone()).collect();
        for repeated in repeated_entries(&entries) {
            let what = format!(
                "`{}` has an entry at line {} too; paths of roles do not count",
                repeated.principal, repeated.first.at.line
            );
            let place = Place::Key(&Place::Root, "principalArn");
            self.faults.error(repeated.again.at, &place, "duplicate-principal", what, "write one entry for it");
        }
    }
}

fn is_standard(entry: Node<'_>) -> bool {
    let entry_type = entry.member("type").filter(|entry_type| !entry_type.is_null());
    entry_type.and_then(Node::scalar).is_none_or(|entry_type| entry_type.text == "STANDARD")
}
