//! The JSON file `dynamicfilepath`: all of it is good, or none of it is used.
//!
//! Types are exact, names of members have no case, unknown ones are told and ignored. Source: aws-iam-authenticator
//! 0.7.18, `pkg/mapper/dynamicfile`.

use std::sync::Arc;

use super::entries::{self, MAX_ENTRIES, Reading};
use super::members::MemberRules;
use super::typing::Typing;
use super::{KeySettings, report_unknown};
use crate::clock::UnixSeconds;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{self, Document, Faults, Format, Items, Node, Place, Value, known};
use crate::mapping::{ArnReading, Entry, EntryList, EntryRules, MappedAccount, Origin};

const FILE_KEYS: &[&str] = &["Version", "LastUpdatedDateTime", "ClusterId", "mapRoles", "mapUsers", "mapAccounts"];

/// A dynamic file, read: all of it is good.
#[derive(Clone, Debug)]
pub struct DynamicFile {
    /// `mapRoles`
    pub roles: Vec<Entry>,
    /// `mapUsers`
    pub users: Vec<Entry>,
    /// `mapAccounts`
    pub accounts: Vec<MappedAccount>,
    /// `LastUpdatedDateTime`; absent when not given or not a number.
    pub updated: Option<UnixSeconds>,
    /// What is good and probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a dynamic file; `strict` looks entries up by their `userid`.
///
/// # Errors
/// Every fault; one is enough to refuse the whole file.
pub fn parse_dynamic_file(
    file: &str,
    bytes: &[u8],
    strict: bool,
    settings: KeySettings,
) -> Result<DynamicFile, Vec<Diagnostic>> {
    let text = document::utf8(file, bytes).map_err(|fault| vec![fault])?;
    let document = object(file, text)?;
    let mut faults = Faults::new(file.into());
    let name = Arc::clone(faults.file());
    let arn = if strict { ArnReading::ByUserId } else { ArnReading::LoweredOrNever };
    let reading = |list| Reading {
        members: MemberRules { list, typing: Typing::Json, unknown: Severity::Warning },
        rules: EntryRules { arn, paths: settings.role_paths },
        sso_roles: settings.sso_roles,
        file: &name,
    };
    let (mut roles, mut users, mut accounts, mut updated) = (Vec::new(), Vec::new(), Vec::new(), None);
    for (key, node, place) in members(&document, FILE_KEYS, &mut faults) {
        let place = Place::Key(&Place::Root, place);
        match key {
            "mapRoles" => roles = entries(node, reading(EntryList::Roles), &place, &mut faults),
            "mapUsers" => users = entries(node, reading(EntryList::Users), &place, &mut faults),
            "mapAccounts" => accounts = self::accounts(node, &name, &place, &mut faults),
            "LastUpdatedDateTime" => updated = instant(node, &place, &mut faults),
            _ => {
                Typing::Json.text(node, &place, &mut faults);
            }
        }
    }
    let entries = roles.len().saturating_add(users.len());
    if entries > MAX_ENTRIES {
        let what = format!("the file has {entries} entries, more than {MAX_ENTRIES}");
        faults.error(document.root().at(), &Place::Root, "too-many-entries", what, "remove some");
    }
    let warnings = judged(faults)?;
    Ok(DynamicFile { roles, users, accounts, updated, warnings })
}

/// Reads one JSON object; null stands for an empty one, as in the reference, and a file of nothing for none.
pub(super) fn object<'t>(file: &str, text: &'t str) -> Result<Document<'t>, Vec<Diagnostic>> {
    let fault = |code, at, what: String, cure| {
        Err(vec![Diagnostic::keyless(Severity::Error, code, Some(file.into()), Some(at), what, cure)])
    };
    if text.trim_ascii().is_empty() {
        let at = Position { line: 1, column: 1 };
        return fault("empty-file", at, "the file is empty".to_owned(), "write `{}` if there is to be nothing in it");
    }
    let document = document::parse(file, text, Format::Json)?;
    let root = document.root();
    if matches!(root.value(), Value::Map(_)) || root.is_null() {
        return Ok(document);
    }
    fault("bad-type", root.at(), format!("{} stands where an object belongs", root.kind()), "write `{…}`")
}

/// The members that are known, each by its own name and as written; the others are told.
pub(super) fn members<'d>(
    document: &'d Document<'d>,
    keys: &'static [&'static str],
    faults: &mut Faults,
) -> Vec<(&'static str, Node<'d>, &'d str)> {
    let Value::Map(members) = document.root().value() else { return Vec::new() };
    let mut found = Vec::new();
    for member in members {
        match known(keys, member.key) {
            Some(key) => found.push((key, member.value, member.key)),
            None => {
                report_unknown(member, &Place::Key(&Place::Root, member.key), keys, Severity::Warning, faults);
            }
        }
    }
    found
}

/// What stands in a list; null is an empty one.
fn items<'d>(node: Node<'d>, place: &Place<'_>, faults: &mut Faults) -> Option<Items<'d>> {
    match node.value() {
        Value::List(items) => Some(items),
        Value::Scalar(scalar) if scalar.is_null() => None,
        Value::Map(_) | Value::Scalar(_) => {
            let what = format!("{} stands where a list belongs", node.kind());
            faults.error(node.at(), place, "bad-type", what, "write `[…]`");
            None
        }
    }
}

fn entries(node: Node<'_>, reading: Reading<'_>, place: &Place<'_>, faults: &mut Faults) -> Vec<Entry> {
    let Some(items) = items(node, place, faults) else { return Vec::new() };
    let entries = reading.read(items, place, faults);
    entries::tell_repeated(&entries, place, faults);
    entries
}

fn accounts(node: Node<'_>, file: &Arc<str>, place: &Place<'_>, faults: &mut Faults) -> Vec<MappedAccount> {
    let Some(items) = items(node, place, faults) else { return Vec::new() };
    let account = |(number, item): (usize, Node<'_>)| {
        let here = Place::Item(place, number);
        let id = Typing::Json.text(item, &here, faults)?;
        let account = MappedAccount { id, origin: Origin { place: Arc::clone(file), at: item.at() } };
        for warning in account.warnings() {
            faults.warning(item.at(), &here, warning.code, warning.what, &warning.cure);
        }
        Some(account)
    };
    items.enumerate().filter_map(account).collect()
}

/// Seconds since 1970, as a text. What is no number is told, and no more.
pub(super) fn instant(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<UnixSeconds> {
    let text = Typing::Json.text(node, place, faults).filter(|_| !node.is_null())?;
    let seconds = text.parse().ok().map(UnixSeconds);
    if seconds.is_none() {
        let what = format!("`{text}` is no number of seconds, and so the file's age is not known");
        faults.warning(node.at(), place, "bad-time", what, "write the seconds since 1970 as \"1735689600\"");
    }
    seconds
}

/// The warnings of a file without errors.
pub(super) fn judged(faults: Faults) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    if faults.any_error() { Err(faults.into_list()) } else { Ok(faults.into_list()) }
}
