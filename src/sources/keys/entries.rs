//! `mapRoles` and `mapUsers`: lists of entries, whatever the format.

use std::sync::Arc;

use super::members::{MemberRules, read_entry_text};
use super::typing::Typing;
use super::{KeySettings, map_list};
use crate::diagnostic::Position;
use crate::document::{Faults, Node, Place};
use crate::mapping::{
    ArnReading, Entry, EntryError, EntryList, EntryRules, EntryText, Origin, RepeatedEntry, SharedNames,
    repeated_entries,
};

/// Entries of both lists and of `deny` in a local file.
pub(super) const MAX_ENTRIES: usize = 500_000;

/// The entries of a list of a config, each judged; a bad one is a fault and left out.
pub fn parse_entries(
    node: Option<Node<'_>>,
    list: EntryList,
    settings: KeySettings,
    file: &Arc<str>,
    faults: &mut Faults,
) -> Vec<Entry> {
    let server = Place::Key(&Place::Root, "server");
    let place = Place::Key(&server, key_of(list));
    let reading = Reading {
        members: MemberRules { list, typing: Typing::Config, unknown: settings.unknown },
        rules: settings.role_paths.into(),
        sso_roles: settings.sso_roles,
        file,
    };
    let items = map_list(node, &place, faults);
    let entries = reading.read(items, &place, faults);
    tell_repeated(&entries, &place, faults);
    entries
}

/// How the entries of a list are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'r> {
    pub(super) members: MemberRules,
    pub(super) rules: EntryRules,
    /// Gate `SSORoleMatch`: `false` leaves SSO entries out.
    pub(super) sso_roles: bool,
    pub(super) file: &'r Arc<str>,
}

impl Reading<'_> {
    /// The good ones of `items`; every fault of the others is told.
    pub(super) fn read<'d>(
        self,
        items: impl Iterator<Item = Node<'d>>,
        place: &Place<'_>,
        faults: &mut Faults,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut shared = SharedNames::default();
        for (number, item) in items.enumerate() {
            let here = Place::Item(place, number);
            if number >= MAX_ENTRIES {
                faults.error(item.at(), &here, "too-many-entries", format!("more than {MAX_ENTRIES} entries"), "");
                break;
            }
            let Some(mut text) = read_entry_text(item, self.members, &here, faults) else { continue };
            if matches!(self.rules.arn, ArnReading::LoweredOrNever | ArnReading::ByUserId) && text.sso.take().is_some()
            {
                let (at, key) = member_at(item, "sso");
                let what = "`sso` is not read in this file, as in the reference".to_owned();
                let inner = Place::Key(&here, key.unwrap_or_default());
                faults.warning(at, &inner, "sso-not-read", what, "put the entry into another source");
            }
            let is_sso = text.sso.is_some();
            if let Some(entry) = self.judge(item, &text, &here, &mut shared, faults)
                && (self.sso_roles || !is_sso)
            {
                entries.push(entry);
            }
        }
        entries
    }

    /// The entry that has these members; doubts and faults are told where the member stands.
    fn judge(
        self,
        item: Node<'_>,
        text: &EntryText,
        place: &Place<'_>,
        shared: &mut SharedNames,
        faults: &mut Faults,
    ) -> Option<Entry> {
        let origin = Origin { place: Arc::clone(self.file), at: item.at() };
        match Entry::parse_sharing(self.members.list, text, self.rules, origin, shared) {
            Ok(entry) => {
                warn(&entry, item, place, faults);
                Some(entry)
            }
            Err(errors) => {
                errors.iter().for_each(|error| report(error, item, place, faults));
                None
            }
        }
    }
}

/// Tells entries that name the same, and which of them is in force; two identical patterns are an error.
pub(super) fn tell_repeated(entries: &[Entry], place: &Place<'_>, faults: &mut Faults) -> Vec<RepeatedEntry> {
    let repeated = repeated_entries(entries);
    for repeated in &repeated {
        let at = repeated.again.at;
        let what = format!("`{}` stands at line {} too", repeated.principal, repeated.first.at.line);
        match &repeated.in_force {
            Some(origin) => {
                let cure = format!("the entry at line {} is in force; remove the other", origin.at.line);
                faults.warning(at, place, "repeated-entry", what, &cure);
            }
            None => faults.error(at, place, "repeated-pattern", what, "remove one of the two"),
        }
    }
    repeated
}

/// Key of a list, under `server` and in the data of `aws-auth`.
#[must_use]
pub const fn key_of(list: EntryList) -> &'static str {
    match list {
        EntryList::Roles => "mapRoles",
        EntryList::Users => "mapUsers",
    }
}

fn report(error: &EntryError, item: Node<'_>, place: &Place<'_>, faults: &mut Faults) {
    let (at, key) = member_at(item, error.key());
    let inner = key.map(|key| Place::Key(place, key));
    faults.error(at, inner.as_ref().unwrap_or(place), error.code(), error.to_string(), &error.cure());
}

fn warn(entry: &Entry, item: Node<'_>, place: &Place<'_>, faults: &mut Faults) {
    for warning in entry.warnings() {
        let (at, key) = member_at(item, warning.key);
        let inner = key.map(|key| Place::Key(place, key));
        faults.warning(at, inner.as_ref().unwrap_or(place), warning.code, warning.what, &warning.cure);
    }
}

/// Where a member such as `sso.accountID` stands; the entry itself when it is not there.
fn member_at<'k>(item: Node<'_>, key: &'k str) -> (Position, Option<&'k str>) {
    if key.is_empty() {
        return (item.at(), None);
    }
    let aliases: &[&str] = match key {
        "userid" => &["userid", "principalId"],
        "notAfter" => &["notAfter", "expiresAt"],
        _ => &[],
    };
    let alias = aliases.iter().find_map(|alias| item.member(alias));
    let node = alias.unwrap_or_else(|| key.split('.').try_fold(item, Node::member).unwrap_or(item));
    (node.at(), Some(key))
}
