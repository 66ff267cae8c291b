//! One more entry in the text of `mapRoles` or `mapUsers`, written as the others are. Pure.
//!
//! The text is edited, not written anew: comments, order, quoting and line ends stay byte for byte. What comes out is
//! read again and must say what was there, in the same order, and the new entry; anything else is refused with its
//! place. Two entries of one principal shadow each other, so the second is refused.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value as Json};

use super::entries::key_of;
use super::{AwsAuth, KeySettings, aws_auth_of_data, parse_aws_auth};
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::render::{Style, item_lines};
use crate::document::{self, Document, Node, Outline, Shape, Splice, Value};
use crate::iam::{CanonicalArn, Partition, SsoRole};
use crate::mapping::{Entry, EntryList, EntryText, RolePaths};

/// What stands for nothing, as in the reference: two of a quote, and nothing else but blanks.
const EMPTY: [&str; 3] = ["``", "\"\"", "''"];

/// Why a value is left as it is.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AppendError {
    /// It cannot be read, or not be edited without touching what is there. Each with its place and what to do.
    #[error("{}", first(.0))]
    Faults(Vec<Diagnostic>),
    /// It names the principal already.
    #[error("cannot add duplicate {} \"{principal}\": {place}:{line} names it already", kind(*list))]
    Repeated {
        /// Which list.
        list: EntryList,
        /// The principal as the new entry writes it.
        principal: String,
        /// Object and key.
        place: String,
        /// Line in the value.
        line: u32,
    },
}

/// The text of a list with one more entry; `None` is a list that is not there. `place` names the object that holds it;
/// the key is put behind it.
///
/// # Errors
/// [`AppendError`].
pub fn append_entry(
    place: &str,
    value: Option<&str>,
    list: EntryList,
    entry: &EntryText,
) -> Result<String, AppendError> {
    let wanted = json(list, entry);
    let text = value.unwrap_or_default();
    let named = format!("{place}/{}", key_of(list));
    let desk = Desk { object: place, place: &named, list, text };
    if text.trim().is_empty() || EMPTY.contains(&text.trim()) {
        let start = text.len().saturating_sub(text.trim_start().len());
        let token = start..start.saturating_add(text.trim().len());
        return desk.checked(desk.in_place_of(&Splice { range: token, text: String::new() }, &wanted), &[], &wanted);
    }
    let document = desk.parse(text)?;
    let items = desk.items(&document)?;
    if let Some(earlier) = items.iter().find(|item| names_same(**item, list, entry)) {
        let principal = principal_text(entry);
        return Err(AppendError::Repeated { list, principal, place: named, line: earlier.at().line });
    }
    let outline = document::outline(&named, text).map_err(|fault| desk.faults(vec![fault]))?;
    let new = match &outline {
        None => desk.at_end(&wanted),
        Some(root) => {
            let style = Style::of(text, Some(root));
            match Splice::item(text, root, &wanted, &style) {
                Some(splice) => splice.apply(text),
                None => desk.in_empty(root, &wanted),
            }
        }
    };
    desk.checked(new, &items, &wanted)
}

/// The value at work.
struct Desk<'d> {
    object: &'d str,
    /// The object and the key.
    place: &'d str,
    list: EntryList,
    text: &'d str,
}

impl Desk<'_> {
    fn parse<'t>(&self, text: &'t str) -> Result<Document<'t>, AppendError> {
        let document = document::parse_leniently(self.place, text).map_err(|faults| self.faults(faults))?;
        match document.second() {
            None => Ok(document),
            Some(at) => {
                let what = "a second document begins here, which is not read".to_owned();
                Err(self.fault(at, "second-document", what, "write all entries into one list, and remove the `---`"))
            }
        }
    }

    /// The entries that are there.
    fn items<'t>(&self, document: &'t Document<'_>) -> Result<Vec<Node<'t>>, AppendError> {
        let root = document.root();
        match root.value() {
            Value::List(items) => Ok(items.collect()),
            Value::Map(members) if members.count_left() == 0 => Ok(Vec::new()),
            Value::Scalar(scalar) if scalar.is_null() || scalar.text.is_empty() => Ok(Vec::new()),
            Value::Map(_) | Value::Scalar(_) => {
                let what = format!("{} stands where the list of entries belongs", root.kind());
                Err(self.fault(root.at(), "bad-type", what, "begin each entry with `- `"))
            }
        }
    }

    /// For a list, map or scalar without content.
    fn in_empty(&self, root: &Outline, wanted: &Json) -> String {
        let is_spread = self.text.get(root.range.clone()).is_some_and(|token| token.contains('\n'));
        if is_spread {
            // Comments between the brackets stay; between braces there is no place for an entry.
            let Shape::List { .. } = root.shape else { return self.text.to_owned() };
            let at = root.range.start.saturating_add(1);
            return Splice { range: at..at, text: document::render::json(wanted) }.apply(self.text);
        }
        self.in_place_of(&Splice { range: root.range.clone(), text: String::new() }, wanted)
    }

    /// Where a token for nothing stands, if it has its line for itself; else below.
    fn in_place_of(&self, token: &Splice, wanted: &Json) -> String {
        let before = self.text.get(..token.range.start).unwrap_or_default();
        let after = self.text.get(token.range.end..).unwrap_or_default();
        if token.range.is_empty() || !(before.is_empty() || before.ends_with('\n')) || after.trim_start() != "" {
            let without = token.apply(self.text);
            return Desk { text: &without, ..*self }.at_end(wanted);
        }
        let ending = if after.is_empty() { self.newline() } else { after };
        [before, &self.lines(wanted).join(self.newline()), ending].concat()
    }

    /// Behind everything; nowhere, where the document's end is marked.
    fn at_end(&self, wanted: &Json) -> String {
        if self.text.lines().any(|line| line.starts_with("...")) {
            return self.text.to_owned();
        }
        let newline = self.newline();
        let gap = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { newline };
        format!("{}{gap}{}{newline}", self.text, self.lines(wanted).join(newline))
    }

    fn lines(&self, wanted: &Json) -> Vec<String> {
        item_lines(wanted, 0, 2, &Style::of(self.text, None))
    }

    fn newline(&self) -> &'static str {
        Style::of(self.text, None).newline
    }

    /// The new text, if it says what was there and the new entry, and nothing else, and if the source reads that entry.
    fn checked(&self, new: String, old: &[Node<'_>], wanted: &Json) -> Result<String, AppendError> {
        let is_good = self.parse(&new).ok().and_then(|document| {
            let Value::List(items) = document.root().value() else { return None };
            let mut items: Vec<Node<'_>> = items.collect();
            let added = items.pop()?;
            let same =
                items.len() == old.len() && items.iter().zip(old).all(|(new, old)| content(*new) == content(*old));
            (same && added.to_json() == *wanted).then_some(())
        });
        if is_good.is_none() {
            let at = old.last().map_or(Position { line: 1, column: 1 }, |last| last.at());
            let what = "an entry cannot be put behind what stands here without changing it".to_owned();
            return Err(self.fault(at, "cannot-append", what, "begin each entry with `- `, or edit the list by hand"));
        }
        let entries = self.as_the_source_reads(&new)?;
        match entries.last().filter(|entry| json(self.list, &entry.text()) == *wanted) {
            Some(_) => Ok(new),
            None => {
                let what = "the new entry would not be read as it was given".to_owned();
                Err(self.fault(Position { line: 1, column: 1 }, "cannot-append", what, "edit the list by hand"))
            }
        }
    }

    /// The entries that are used of a text; bounds are the source's.
    fn as_the_source_reads(&self, text: &str) -> Result<Vec<Entry>, AppendError> {
        let data = BTreeMap::from([(key_of(self.list).to_owned(), text.to_owned())]);
        let settings = KeySettings {
            partition: Partition::Aws,
            role_paths: RolePaths::Exact,
            sso_roles: true,
            unknown: Severity::Warning,
        };
        let AwsAuth { roles, users, .. } = parse_aws_auth(&aws_auth_of_data(&data, self.object), settings);
        let part = match self.list {
            EntryList::Roles => roles,
            EntryList::Users => users,
        };
        part.items.ok_or_else(|| {
            let errors = part.faults.into_iter().filter(|fault| fault.severity == Severity::Error);
            AppendError::Faults(errors.collect())
        })
    }

    fn fault(&self, at: Position, code: &'static str, what: String, cure: &str) -> AppendError {
        let fault = Diagnostic::keyless(Severity::Error, code, Some(self.place.into()), Some(at), what, cure);
        self.faults(vec![fault])
    }

    /// Places within the value become places within the object.
    fn faults(&self, mut faults: Vec<Diagnostic>) -> AppendError {
        for fault in &mut faults {
            let dot = if fault.key.is_empty() || fault.key.starts_with('[') { "" } else { "." };
            fault.key = format!("{}{dot}{}", key_of(self.list), fault.key);
        }
        AppendError::Faults(faults)
    }
}

/// The entry as it is written.
fn json(list: EntryList, entry: &EntryText) -> Json {
    let mut members = Map::new();
    let mut put = |key: &str, text: &Option<String>| {
        if let Some(text) = text {
            members.insert(key.to_owned(), text.as_str().into());
        }
    };
    match list {
        EntryList::Roles => put("rolearn", &entry.role_arn),
        EntryList::Users => put("userarn", &entry.user_arn),
    }
    if let Some(sso) = &entry.sso {
        let mut inner = Map::new();
        inner.insert("permissionSetName".to_owned(), sso.permission_set_name.as_str().into());
        inner.insert("accountID".to_owned(), sso.account_id.as_str().into());
        if !sso.partition.is_empty() {
            inner.insert("partition".to_owned(), sso.partition.as_str().into());
        }
        members.insert("sso".to_owned(), Json::Object(inner));
    }
    members.insert("username".to_owned(), entry.username.as_str().into());
    members.insert("groups".to_owned(), entry.groups.iter().map(String::as_str).collect());
    for (key, text) in [
        ("userid", &entry.user_id),
        ("notBefore", &entry.not_before),
        ("notAfter", &entry.not_after),
        ("reason", &entry.reason),
    ] {
        if let Some(text) = text {
            members.insert(key.to_owned(), text.as_str().into());
        }
    }
    Json::Object(members)
}

/// Whether an entry that is there and the new one name the same principal.
fn names_same(there: Node<'_>, list: EntryList, entry: &EntryText) -> bool {
    let text = |node: Node<'_>, key: &str| Some(node.member(key)?.scalar()?.text.to_owned());
    let (key, new) = match list {
        EntryList::Roles => ("rolearn", &entry.role_arn),
        EntryList::Users => ("userarn", &entry.user_arn),
    };
    if let Some(new) = new {
        let new = new.to_ascii_lowercase();
        let new = CanonicalArn::parse(&new).map_or(new, |arn| arn.lowercase().to_owned());
        // What is there is compared as written, as the source does: a session's ARN matches nobody.
        return text(there, key).is_some_and(|old| old.eq_ignore_ascii_case(&new));
    }
    let role = |set: &str, account: &str, partition: &str| SsoRole::parse(set, account, partition).ok();
    let new = entry.sso.as_ref().and_then(|sso| role(&sso.permission_set_name, &sso.account_id, &sso.partition));
    let old = there.member("sso").and_then(|sso| {
        let of = |key| text(sso, key).unwrap_or_default();
        role(&of("permissionSetName"), &of("accountID"), &of("partition"))
    });
    new.is_some() && new == old
}

/// The principal of the new entry, for messages.
fn principal_text(entry: &EntryText) -> String {
    let sso = || {
        let sso = entry.sso.as_ref()?;
        Some(SsoRole::parse(&sso.permission_set_name, &sso.account_id, &sso.partition).ok()?.display())
    };
    entry.role_arn.clone().or_else(|| entry.user_arn.clone()).or_else(sso).unwrap_or_default()
}

/// What a subtree says, scalars with whether they are quoted.
fn content(node: Node<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    node.fold(|bytes| all.extend_from_slice(bytes));
    all
}

const fn kind(list: EntryList) -> &'static str {
    match list {
        EntryList::Roles => "role ARN",
        EntryList::Users => "user ARN",
    }
}

/// The first fault, and how many there are.
fn first(faults: &[Diagnostic]) -> impl fmt::Display {
    let more = faults.len().saturating_sub(1);
    let first = faults.first().map(Diagnostic::to_string).unwrap_or_default();
    if more > 0 { format!("{first} (and {more} more)") } else { first }
}
