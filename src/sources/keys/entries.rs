//! `mapRoles` and `mapUsers`.

use std::sync::Arc;

use super::{KeySettings, exact_text, field_text, map_list, report_unknown};
use crate::diagnostic::{Position, Severity};
use crate::document::{Faults, Member, Node, Place, Value, known};
use crate::mapping::{Entry, EntryError, EntryList, EntryText, Origin, SharedNames, SsoText, repeated_entries};

const ROLE_KEYS: &[&str] = &[
    "rolearn",
    "rolearnLike",
    "sso",
    "username",
    "groups",
    "userid",
    "principalId",
    "notBefore",
    "notAfter",
    "expiresAt",
    "reason",
    "allowPrivileged",
];
const USER_KEYS: &[&str] = &[
    "userarn",
    "username",
    "groups",
    "userid",
    "principalId",
    "notBefore",
    "notAfter",
    "expiresAt",
    "reason",
    "allowPrivileged",
];
const SSO_KEYS: &[&str] = &["permissionSetName", "accountID", "partition"];
/// Keys that narrow an entry: one of them misspelt would leave it wide open.
const GUARDS: &[&str] = &["userid", "principalId", "notBefore", "notAfter", "expiresAt"];
/// Edits within which an unknown key is taken for a misspelt guard.
const TYPO: usize = 2;
/// Entries of both lists and of `deny` in a local file.
const MAX_ENTRIES: usize = 500_000;

/// The entries of a list, each judged; a bad one is a fault and left out.
pub fn parse_entries(
    node: Option<Node<'_>>,
    list: EntryList,
    settings: KeySettings,
    file: &Arc<str>,
    faults: &mut Faults,
) -> Vec<Entry> {
    let server = Place::Key(&Place::Root, "server");
    let place = Place::Key(&server, key_of(list));
    let mut entries = Vec::new();
    let mut shared = SharedNames::default();
    for (number, item) in map_list(node, &place, faults).enumerate() {
        let here = Place::Item(&place, number);
        if number >= MAX_ENTRIES {
            faults.error(item.at(), &here, "too-many-entries", format!("more than {MAX_ENTRIES} entries"), "");
            break;
        }
        let Some(text) = entry_text(item, list, &here, settings.unknown, faults) else { continue };
        let is_sso = text.sso.is_some();
        let origin = Origin { place: Arc::clone(file), at: item.at() };
        match Entry::parse_sharing(list, &text, settings.role_paths.into(), origin, &mut shared) {
            Ok(entry) => {
                warn(&entry, item, &here, faults);
                if settings.sso_roles || !is_sso {
                    entries.push(entry);
                }
            }
            Err(errors) => errors.iter().for_each(|error| report(error, item, &here, faults)),
        }
    }
    for repeated in repeated_entries(&entries) {
        let at = repeated.again.at;
        let what = format!("`{}` stands at line {} too", repeated.principal, repeated.first.at.line);
        match repeated.in_force {
            Some(origin) => {
                let cure = format!("the entry at line {} is in force; remove the other", origin.at.line);
                faults.warning(at, &place, "repeated-entry", what, &cure);
            }
            None => faults.error(at, &place, "repeated-pattern", what, "remove one of the two"),
        }
    }
    entries
}

/// Key of a list, under `server` and in the data of aws-auth.
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

/// The members of one entry as written; `None` if a fault makes it unusable.
pub fn entry_text(
    node: Node<'_>,
    list: EntryList,
    place: &Place<'_>,
    unknown: Severity,
    faults: &mut Faults,
) -> Option<EntryText> {
    let mut text = EntryText::default();
    let members = match node.value() {
        Value::Map(members) => members,
        // An empty item is an entry without members there, and then refused for lack of an ARN.
        Value::Scalar(scalar) if scalar.is_null() => return Some(text),
        Value::List(_) | Value::Scalar(_) => {
            let what = format!("{} stands where an entry belongs", node.kind());
            faults.error(
                node.at(),
                place,
                "bad-type",
                what,
                "write `rolearn:` or `userarn:`, `username:` and `groups:`",
            );
            return None;
        }
    };
    let keys = match list {
        EntryList::Roles => ROLE_KEYS,
        EntryList::Users => USER_KEYS,
    };
    let mut good = true;
    for member in members {
        let here = Place::Key(place, member.key);
        match known(keys, member.key) {
            Some(key) => good &= take(&mut text, key, member, &here, unknown, faults),
            None => good &= judge_unknown(member, list, &here, keys, unknown, faults),
        }
    }
    good.then_some(text)
}

/// Puts one member where it belongs; `false` if its fault makes the entry unusable.
fn take(
    text: &mut EntryText,
    key: &str,
    member: Member<'_>,
    place: &Place<'_>,
    unknown: Severity,
    faults: &mut Faults,
) -> bool {
    let node = member.value;
    match key {
        "rolearn" => text.role_arn = field_text(node, place, faults).filter(|arn| !arn.is_empty()),
        "userarn" => text.user_arn = field_text(node, place, faults).filter(|arn| !arn.is_empty()),
        "rolearnLike" => text.role_arn_like = exact_text(node, place, faults),
        "sso" => text.sso = sso(node, place, unknown, faults),
        "username" => text.username = field_text(node, place, faults).unwrap_or_default(),
        "groups" => text.groups = text_list(node, place, faults),
        "userid" | "principalId" => return guard(&mut text.user_id, node, place, faults),
        "notBefore" => return guard(&mut text.not_before, node, place, faults),
        "notAfter" | "expiresAt" => return guard(&mut text.not_after, node, place, faults),
        "reason" => text.reason = exact_text(node, place, faults),
        "allowPrivileged" => match node.scalar().filter(|_| !node.is_null()).map(|scalar| scalar.to_bool()) {
            Some(Some(value)) => text.allow_privileged = value,
            None if node.is_null() => {}
            Some(None) | None => {
                faults.error(
                    node.at(),
                    place,
                    "bad-value",
                    "the value is not a boolean".to_owned(),
                    "write true or false",
                );
            }
        },
        _ => {}
    }
    true
}

/// A key that narrows the entry. An empty one would leave it wide open, so it makes the entry bad, as two spellings
/// of one key do that disagree.
fn guard(slot: &mut Option<String>, node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> bool {
    let value = exact_text(node, place, faults).unwrap_or_default();
    if value.trim().is_empty() {
        let what = "the value is empty, which would leave the entry open to everybody it names".to_owned();
        faults.error(node.at(), place, "empty-guard", what, "write a value, or remove the key");
        return false;
    }
    if slot.as_ref().is_some_and(|earlier| *earlier != value) {
        let what = "two spellings of one key stand in the entry, with different values".to_owned();
        faults.error(node.at(), place, "guard-twice", what, "keep one of them");
        return false;
    }
    *slot = Some(value);
    true
}

fn judge_unknown(
    member: Member<'_>,
    list: EntryList,
    place: &Place<'_>,
    keys: &[&'static str],
    unknown: Severity,
    faults: &mut Faults,
) -> bool {
    let lower = member.key.to_ascii_lowercase();
    let edits = |guard: &&&str| strsim::damerau_levenshtein(&lower, &guard.to_ascii_lowercase()) <= TYPO;
    if let Some(meant) = GUARDS.iter().find(edits) {
        let what = format!(
            "the key `{}` is not known, and looks like `{meant}`, without which the entry would be wide open",
            member.key
        );
        faults.error(member.at, place, "misspelt-guard", what, &format!("write `{meant}`, or remove the key"));
        return false;
    }
    if list == EntryList::Users && member.key.eq_ignore_ascii_case("rolearn") {
        let what = "`rolearn` is not read in mapUsers".to_owned();
        faults.add(unknown, member.at, place, "unknown-key", what, "write `userarn`, or move the entry to mapRoles");
    } else {
        report_unknown(member, place, keys, unknown, faults);
    }
    true
}

fn sso(node: Node<'_>, place: &Place<'_>, unknown: Severity, faults: &mut Faults) -> Option<SsoText> {
    let members = match node.value() {
        Value::Map(members) => members,
        Value::Scalar(scalar) if scalar.is_null() => return None,
        Value::List(_) | Value::Scalar(_) => {
            let what = format!("{} stands where a map belongs", node.kind());
            faults.error(node.at(), place, "bad-type", what, "write permissionSetName and accountID below it");
            return None;
        }
    };
    let mut text = SsoText::default();
    for member in members {
        let here = Place::Key(place, member.key);
        let slot = match known(SSO_KEYS, member.key) {
            Some("permissionSetName") => &mut text.permission_set_name,
            Some("accountID") => &mut text.account_id,
            Some(_) => &mut text.partition,
            None => {
                report_unknown(member, &here, SSO_KEYS, unknown, faults);
                continue;
            }
        };
        *slot = field_text(member.value, &here, faults).unwrap_or_default();
    }
    Some(text)
}

/// A list of texts; one text is split at commas, as the reference does for lists inside entries.
pub(super) fn text_list(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Vec<String> {
    match node.value() {
        Value::List(items) => items
            .enumerate()
            .filter_map(|(number, item)| field_text(item, &Place::Item(place, number), faults))
            .collect(),
        Value::Map(members) if members.count_left() == 0 => Vec::new(),
        Value::Map(_) => {
            faults.error(
                node.at(),
                place,
                "bad-type",
                "a map stands where a list belongs".to_owned(),
                "begin each item with `- `",
            );
            Vec::new()
        }
        Value::Scalar(scalar) if scalar.is_null() || scalar.text.is_empty() => Vec::new(),
        Value::Scalar(_) => {
            field_text(node, place, faults).map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
        }
    }
}
