//! The data of the ConfigMap `aws-auth`: three values, each a YAML document of its own.
//!
//! ```text
//! object of the API server ─▶ aws_auth_of_data ─┐
//! file, whole or its data  ─▶ aws_auth_of_document ─┴▶ AwsAuthText ─parse_aws_auth▶ AwsAuth: good items, and faults
//! ```
//!
//! Source: aws-iam-authenticator 0.7.18, `pkg/mapper/configmap`; where we differ: `docs/compatibility.md`, "aws-auth".

use std::sync::Arc;

use super::KeySettings;
use super::aws_auth_text::{AwsAuthText, AwsAuthValue};
use super::entries::{self, Reading, key_of};
use super::members::MemberRules;
use super::typing::Typing;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{self, Faults, Items, Node, Place, Value};
use crate::mapping::{ArnReading, Entry, EntryList, EntryRules, MappedAccount, Origin};

/// Bytes of one value: what an object of the API server may hold in all.
const MAX_BYTES: usize = 1024 * 1024;
/// Items of one value.
const MAX_ITEMS: usize = 20_000;
/// Values that say nothing, blanks around them aside, and are not read.
const NOTHING: [&str; 4] = ["", "\"\"", "''", "``"];

/// One value, judged.
#[derive(Clone, Debug)]
pub struct AwsAuthPart<T> {
    /// The good items; absent when the value is no YAML document or no list, so that the last good items stay.
    pub items: Option<Vec<T>>,
    /// Every fault of the value: why it cannot be parsed, or why an item is dropped or not as written.
    pub faults: Vec<Diagnostic>,
}

/// The whole data, judged.
#[derive(Clone, Debug)]
pub struct AwsAuth {
    /// `mapRoles`
    pub roles: AwsAuthPart<Entry>,
    /// `mapUsers`
    pub users: AwsAuthPart<Entry>,
    /// `mapAccounts`
    pub accounts: AwsAuthPart<MappedAccount>,
}

/// Judges every value. Good items stand beside bad ones; what is lost is told. ARNs are not judged: one that is none
/// matches nobody.
#[must_use]
pub fn parse_aws_auth(text: &AwsAuthText, settings: KeySettings) -> AwsAuth {
    let entries = |list| {
        judge(text, key_of(list), |items, place, file, faults| {
            let reading = Reading {
                // An unknown key is no fault here: others keep their own beside ours.
                members: MemberRules { list, typing: Typing::AwsAuth, unknown: Severity::Warning },
                rules: EntryRules { arn: ArnReading::AsWritten, paths: settings.role_paths },
                sso_roles: settings.sso_roles,
                file,
            };
            let entries = reading.read(items, place, faults);
            entries::tell_repeated(&entries, place, faults);
            entries
        })
    };
    AwsAuth {
        roles: entries(EntryList::Roles),
        users: entries(EntryList::Users),
        accounts: judge(text, "mapAccounts", accounts),
    }
}

/// Reads one value as a list; `read` makes items of it.
fn judge<T>(
    text: &AwsAuthText,
    key: &'static str,
    read: impl FnOnce(Items<'_>, &Place<'_>, &Arc<str>, &mut Faults) -> Vec<T>,
) -> AwsAuthPart<T> {
    let Some(value) = text.get(key).filter(|value| !NOTHING.contains(&value.text.trim())) else {
        return AwsAuthPart { items: Some(Vec::new()), faults: Vec::new() };
    };
    let mut faults = Faults::new(Arc::clone(&value.place));
    let items = list_of(value, key, &mut faults, read);
    AwsAuthPart { items, faults: faults.into_list() }
}

fn list_of<T>(
    value: &AwsAuthValue,
    key: &'static str,
    faults: &mut Faults,
    read: impl FnOnce(Items<'_>, &Place<'_>, &Arc<str>, &mut Faults) -> Vec<T>,
) -> Option<Vec<T>> {
    let place = Place::Key(&Place::Root, key);
    let start = value.position(Position { line: 1, column: 1 });
    if value.text.len() > MAX_BYTES {
        let what = format!("the value has {} bytes, more than {MAX_BYTES}", value.text.len());
        faults.error(start, &place, "too-large", what, "remove entries");
        return None;
    }
    let mut document = match document::parse_leniently(&value.place, &value.text) {
        Ok(document) => document,
        Err(found) => {
            for mut fault in found {
                let dot = if fault.key.is_empty() || fault.key.starts_with('[') { "" } else { "." };
                fault.key = format!("{key}{dot}{}", fault.key);
                fault.at = fault.at.map(|at| value.position(at));
                faults.push(fault);
            }
            return None;
        }
    };
    document.relocate(|at| value.position(at));
    if let Some(at) = document.second() {
        let what = "a second YAML document begins here, and only the first is read".to_owned();
        faults.warning(at, &place, "second-document", what, "remove the line `---`");
    }
    let root = document.root();
    match root.value() {
        Value::List(items) if items.count_left() > MAX_ITEMS => {
            let what = format!("the list has {} items, more than {MAX_ITEMS}", items.count_left());
            faults.error(root.at(), &place, "too-many-entries", what, "remove some");
            None
        }
        Value::List(items) => Some(read(items, &place, &value.place, faults)),
        Value::Scalar(scalar) if scalar.is_null() => Some(Vec::new()),
        Value::Map(_) | Value::Scalar(_) => {
            let what = format!("{} stands where a list belongs", root.kind());
            faults.error(root.at(), &place, "bad-type", what, "begin each item with `- `");
            None
        }
    }
}

/// Account ids as they are written, quotes or not.
fn accounts(items: Items<'_>, place: &Place<'_>, file: &Arc<str>, faults: &mut Faults) -> Vec<MappedAccount> {
    let account = |(number, item): (usize, Node<'_>)| {
        let here = Place::Item(place, number);
        let Some(scalar) = item.scalar() else {
            let what = format!("{} stands where an account id belongs", item.kind());
            faults.error(item.at(), &here, "bad-type", what, "begin each account id with `- `");
            return None;
        };
        let id = if scalar.is_null() { String::new() } else { scalar.text.to_owned() };
        let account = MappedAccount { id, origin: Origin { place: Arc::clone(file), at: item.at() } };
        for warning in account.warnings() {
            faults.warning(item.at(), &here, warning.code, warning.what, &warning.cure);
        }
        Some(account)
    };
    items.enumerate().filter_map(account).collect()
}
