//! The spec of an `AccessEntry`, and an entry as EKS prints it: members to texts, texts to an entry.
//!
//! Texts must be texts, as the API server has it: `principalId: 111122223333` without quotes is a number and a fault.
//! In our shapes an unknown key is a fault; EKS may add keys of its own, which are passed over. In both, a key that
//! looks like a misspelt guard (`principalId`, `expiresAt`, …) makes the entry bad.

use super::members::{MAX_MEMBERS, are_once, tell_misspelt_guard};
use super::report_unknown;
use super::typing::Typing;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{Faults, Member, Node, Place, Value, known};
use crate::mapping::{
    AccessEntry, AccessEntryError, AccessEntryForm, AccessEntryRules, AccessEntryText, AssociationText, Origin,
    SharedNames,
};

/// Ours, and the spellings of mapping entries.
const KEYS: &[&str] = &[
    "principalArn",
    "type",
    "username",
    "kubernetesGroups",
    "policyAssociations",
    "principalId",
    "notBefore",
    "expiresAt",
    "reason",
    "userid",
    "notAfter",
];
/// What is read of an entry that EKS printed; the guards are for those who add one by hand.
const EKS_KEYS: &[&str] = &[
    "principalArn",
    "type",
    "username",
    "kubernetesGroups",
    "associatedAccessPolicies",
    "principalId",
    "notBefore",
    "expiresAt",
    "reason",
    "userid",
    "notAfter",
];
const OBJECT_ASSOCIATION_KEYS: &[&str] = &["policy", "accessScope", "expiresAt", "notAfter"];
const ASSOCIATION_KEYS: &[&str] = &["policy", "policyArn", "accessScope", "expiresAt", "notAfter"];
const SCOPE_KEYS: &[&str] = &["type", "namespaces"];
/// Texts must be texts; a date is one.
const TYPING: Typing = Typing::AwsAuth;

/// The members of one entry as written; `None` if a fault makes it unusable. Of an entry that EKS printed, members that
/// are not known are left out without a word.
///
/// An entry of EKS is what `describe-access-entry` calls `accessEntry`, with `associatedAccessPolicies` in it or, around
/// both, a map that holds the two.
pub fn access_entry_text(
    node: Node<'_>,
    rules: &AccessEntryRules,
    place: &Place<'_>,
    unknown: Severity,
    faults: &mut Faults,
) -> Option<AccessEntryText> {
    with_parts(node, rules.form, place, |parts| parts.text(rules.form, unknown, faults))
}

/// One entry, judged: `node` is its spec. Each fault names its member and stands where it does.
pub fn parse_access_entry(
    node: Node<'_>,
    rules: &AccessEntryRules,
    origin: Origin,
    place: &Place<'_>,
    unknown: Severity,
    faults: &mut Faults,
) -> Option<AccessEntry> {
    let shared = &mut SharedNames::default();
    with_parts(node, rules.form, place, |parts| parts.parse(rules, origin, unknown, shared, faults))
}

/// The nodes of one entry: its members, and its policies where they stand elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryParts<'d, 'p> {
    pub(super) entry: Node<'d>,
    pub(super) place: Place<'p>,
    /// What `list-associated-access-policies` printed: then none are looked for in the entry.
    pub(super) associations: Option<(Node<'d>, Place<'p>)>,
}

fn with_parts<T>(
    node: Node<'_>,
    form: AccessEntryForm,
    place: &Place<'_>,
    read: impl FnOnce(EntryParts<'_, '_>) -> T,
) -> T {
    match node.member("accessEntry").filter(|_| form == AccessEntryForm::Eks) {
        Some(entry) => {
            let beside = node.member("associatedAccessPolicies");
            let associations = beside.map(|list| (list, Place::Key(place, "associatedAccessPolicies")));
            read(EntryParts { entry, place: Place::Key(place, "accessEntry"), associations })
        }
        None => read(EntryParts { entry: node, place: *place, associations: None }),
    }
}

impl EntryParts<'_, '_> {
    /// The members as written; `None` if a fault makes the entry unusable.
    fn text(&self, form: AccessEntryForm, unknown: Severity, faults: &mut Faults) -> Option<AccessEntryText> {
        let mut reader = Reader { form, unknown, good: true, faults };
        let mut text = AccessEntryText::default();
        reader.entry(self.entry, &mut text, &self.place);
        if let Some((list, place)) = &self.associations {
            text.associations.clear();
            reader.associations(*list, &mut text, place);
        }
        reader.good.then_some(text)
    }

    /// One entry, judged; names and grants that earlier entries had too are kept once.
    pub(super) fn parse(
        &self,
        rules: &AccessEntryRules,
        origin: Origin,
        unknown: Severity,
        shared: &mut SharedNames,
        faults: &mut Faults,
    ) -> Option<AccessEntry> {
        let text = self.text(rules.form, unknown, faults)?;
        match AccessEntry::parse_sharing(&text, rules, origin, shared) {
            Ok(entry) => Some(entry),
            Err(errors) => {
                errors.iter().for_each(|error| self.report(error, faults));
                None
            }
        }
    }

    fn report(&self, error: &AccessEntryError, faults: &mut Faults) {
        let (at, key) = self.locate(&error.key());
        faults.push(Diagnostic {
            severity: Severity::Error,
            code: error.code(),
            file: Some(faults.file().as_ref().into()),
            at: Some(at),
            key,
            what: error.to_string(),
            cure: error.cure(),
        });
    }

    /// Where a member such as `policyAssociations[1].accessScope` stands, and its path as the document spells it. What
    /// is not there stands where it would.
    fn locate(&self, key: &str) -> (Position, String) {
        let mut pieces = key.split('.').peekable();
        let (mut at, mut path) = (self.entry, self.place.to_string());
        let elsewhere = self.associations.as_ref().zip(pieces.peek().and_then(|piece| association_number(piece)));
        if let Some(((list, place), number)) = elsewhere {
            at = item(*list, number);
            path = Place::Item(place, number).to_string();
            pieces.next();
        }
        for piece in pieces {
            let (name, number) = match piece.split_once('[') {
                Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
                None => (piece, None),
            };
            let written = [Some(name), other_spelling(name)].into_iter().flatten();
            let (name, found) = written
                .filter_map(|name| at.member(name).map(|found| (name, Some(found))))
                .next()
                .unwrap_or((name, None));
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
            if let Some(number) = number {
                path.push_str(&format!("[{number}]"));
            }
            at = found.map_or(at, |found| number.map_or(found, |number| item(found, number)));
        }
        (at.at(), path)
    }
}

fn association_number(piece: &str) -> Option<usize> {
    piece.strip_prefix("policyAssociations[")?.strip_suffix(']')?.parse().ok()
}

/// An item of a list; the list itself if there is none.
fn item(list: Node<'_>, number: usize) -> Node<'_> {
    match list.value() {
        Value::List(mut items) => items.nth(number).unwrap_or(list),
        Value::Map(_) | Value::Scalar(_) => list,
    }
}

fn other_spelling(name: &str) -> Option<&'static str> {
    match name {
        "policyAssociations" => Some("associatedAccessPolicies"),
        "policy" => Some("policyArn"),
        "principalId" => Some("userid"),
        "expiresAt" => Some("notAfter"),
        _ => None,
    }
}

/// Reads the members of one entry.
struct Reader<'r> {
    form: AccessEntryForm,
    unknown: Severity,
    /// Whether the entry can be used.
    good: bool,
    faults: &'r mut Faults,
}

impl Reader<'_> {
    fn entry(&mut self, node: Node<'_>, text: &mut AccessEntryText, place: &Place<'_>) {
        let keys = if self.form == AccessEntryForm::Eks { EKS_KEYS } else { KEYS };
        self.each_member(node, keys, place, &mut |reader, key, member, here| {
            let value = member.value;
            match key {
                "principalArn" => text.principal_arn = reader.text(value, here).unwrap_or_default(),
                "type" => text.entry_type = reader.text(value, here),
                "username" => text.username = reader.text(value, here),
                "kubernetesGroups" => text.kubernetes_groups = reader.texts(value, here),
                "policyAssociations" | "associatedAccessPolicies" => reader.associations(value, text, here),
                "principalId" | "userid" => reader.guard(&mut text.principal_id, value, here),
                "notBefore" => reader.guard(&mut text.not_before, value, here),
                "expiresAt" | "notAfter" => reader.guard(&mut text.expires_at, value, here),
                _ => text.reason = reader.text(value, here),
            }
        });
    }

    fn associations(&mut self, node: Node<'_>, text: &mut AccessEntryText, place: &Place<'_>) {
        let keys = match self.form {
            AccessEntryForm::Object => OBJECT_ASSOCIATION_KEYS,
            AccessEntryForm::Eks | AccessEntryForm::File => ASSOCIATION_KEYS,
        };
        for (number, item) in self.items(node, place).into_iter().enumerate() {
            let mut association = AssociationText::default();
            let mut policy = None;
            self.each_member(item, keys, &Place::Item(place, number), &mut |reader, key, member, here| match key {
                "policy" | "policyArn" => reader.guard(&mut policy, member.value, here),
                "accessScope" => reader.scope(member.value, &mut association, here),
                _ => reader.guard(&mut association.expires_at, member.value, here),
            });
            association.policy = policy.unwrap_or_default();
            text.associations.push(association);
        }
    }

    fn scope(&mut self, node: Node<'_>, association: &mut AssociationText, place: &Place<'_>) {
        self.each_member(node, SCOPE_KEYS, place, &mut |reader, key, member, here| match key {
            "type" => association.scope_type = reader.text(member.value, here).unwrap_or_default(),
            _ => association.namespaces = reader.texts(member.value, here),
        });
    }

    /// Tells `take` each known member of a map, by its known spelling.
    fn each_member(
        &mut self,
        node: Node<'_>,
        keys: &[&'static str],
        place: &Place<'_>,
        take: &mut dyn FnMut(&mut Self, &'static str, Member<'_>, &Place<'_>),
    ) {
        let Value::Map(members) = node.value() else {
            let cure = "write its members below it";
            return self.refuse(node, place, format!("{} stands where a map belongs", node.kind()), cure);
        };
        self.good &= are_once(&members, node, place, self.faults);
        for member in members.take(MAX_MEMBERS) {
            let here = Place::Key(place, member.key);
            match known(keys, member.key) {
                Some(key) => take(self, key, member, &here),
                None => self.judge_unknown(member, keys, &here),
            }
        }
    }

    fn judge_unknown(&mut self, member: Member<'_>, keys: &[&'static str], place: &Place<'_>) {
        if tell_misspelt_guard(member, place, self.faults) {
            self.good = false;
        } else if self.form != AccessEntryForm::Eks {
            report_unknown(member, place, keys, self.unknown, self.faults);
            self.good &= self.unknown != Severity::Error;
        }
    }

    /// A text; `None` is null, which counts as absent, or a fault.
    fn text(&mut self, node: Node<'_>, place: &Place<'_>) -> Option<String> {
        if node.is_null() {
            return None;
        }
        let text = TYPING.text(node, place, self.faults);
        self.good &= text.is_some();
        text
    }

    /// A member that has two spellings, or that narrows the entry: null is no value, and is left for judging.
    fn guard(&mut self, slot: &mut Option<String>, node: Node<'_>, place: &Place<'_>) {
        let value = if node.is_null() { Some(String::new()) } else { self.text(node, place) };
        let Some(value) = value else { return };
        if slot.as_ref().is_some_and(|earlier| *earlier != value) {
            let what = "two spellings of one key stand in the entry, with different values".to_owned();
            self.faults.error(node.at(), place, "guard-twice", what, "keep one of them");
            self.good = false;
        }
        *slot = Some(value);
    }

    fn texts(&mut self, node: Node<'_>, place: &Place<'_>) -> Vec<String> {
        let items = self.items(node, place).into_iter().enumerate();
        items.map(|(number, item)| self.text(item, &Place::Item(place, number)).unwrap_or_default()).collect()
    }

    fn items<'d>(&mut self, node: Node<'d>, place: &Place<'_>) -> Vec<Node<'d>> {
        match node.value() {
            Value::List(items) => return items.collect(),
            Value::Scalar(scalar) if scalar.is_null() => {}
            Value::Map(_) | Value::Scalar(_) => {
                let what = format!("{} stands where a list belongs", node.kind());
                self.refuse(node, place, what, "begin each item with `- `");
            }
        }
        Vec::new()
    }

    fn refuse(&mut self, node: Node<'_>, place: &Place<'_>, what: String, cure: &str) {
        self.faults.error(node.at(), place, "bad-type", what, cure);
        self.good = false;
    }
}
