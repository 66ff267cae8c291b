//! The members of one entry of `mapRoles` or `mapUsers`, from a document to texts.

use std::collections::HashSet;

use super::report_unknown;
use super::typing::Typing;
use crate::diagnostic::Severity;
use crate::document::{Faults, Member, Members, Node, Place, Value, known};
use crate::mapping::{EntryList, EntryText, SsoText};

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
/// Members of one entry; more are no entry, and each unknown one is compared with every known.
pub(super) const MAX_MEMBERS: usize = 256;

/// How the members of an entry are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemberRules {
    pub(super) list: EntryList,
    pub(super) typing: Typing,
    /// How an unknown key counts.
    pub(super) unknown: Severity,
}

/// The members of one entry of a config as written; `None` if a fault makes it unusable.
pub fn entry_text(
    node: Node<'_>,
    list: EntryList,
    place: &Place<'_>,
    unknown: Severity,
    faults: &mut Faults,
) -> Option<EntryText> {
    read_entry_text(node, MemberRules { list, typing: Typing::Config, unknown }, place, faults)
}

/// The members of one entry as written; `None` if a fault makes it unusable.
pub(super) fn read_entry_text(
    node: Node<'_>,
    rules: MemberRules,
    place: &Place<'_>,
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
    let mut good = are_once(&members, node, place, faults);
    let keys = match rules.list {
        EntryList::Roles => ROLE_KEYS,
        EntryList::Users => USER_KEYS,
    };
    for member in members.take(MAX_MEMBERS) {
        let here = Place::Key(place, member.key);
        match known(keys, member.key) {
            Some(key) => good &= take(&mut text, key, member, rules, &here, faults),
            None => good &= judge_unknown(member, rules, &here, keys, faults),
        }
    }
    good.then_some(text)
}

/// Judges that no key stands twice, where the reader of the document did not, and that there are not too many.
pub(super) fn are_once(members: &Members<'_>, node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> bool {
    if members.count_left() > MAX_MEMBERS {
        let what = format!("an entry has more than {MAX_MEMBERS} keys");
        faults.error(node.at(), place, "too-many-keys", what, "write one entry for each principal");
        return false;
    }
    let mut seen = HashSet::with_capacity(members.count_left());
    let mut once = true;
    for member in members.clone() {
        if !seen.insert(member.key.to_ascii_lowercase()) {
            let what = format!("the key `{}` stands twice in one map; case does not tell keys apart", member.key);
            faults.error(member.at, &Place::Key(place, member.key), "duplicate-key", what, "keep one of them");
            once = false;
        }
    }
    once
}

/// Puts one member where it belongs; `false` if its fault makes the entry unusable.
fn take(
    text: &mut EntryText,
    key: &str,
    member: Member<'_>,
    rules: MemberRules,
    place: &Place<'_>,
    faults: &mut Faults,
) -> bool {
    let (node, typing) = (member.value, rules.typing);
    match key {
        "rolearn" => text.role_arn = typing.text(node, place, faults).filter(|arn| !arn.is_empty()),
        "userarn" => text.user_arn = typing.text(node, place, faults).filter(|arn| !arn.is_empty()),
        "rolearnLike" => text.role_arn_like = typing.own_text(node, place, faults),
        "sso" => return sso(&mut text.sso, node, rules, place, faults),
        "username" => text.username = typing.text(node, place, faults).unwrap_or_default(),
        "groups" => text.groups = typing.texts(node, place, faults),
        "userid" | "principalId" => return guard(&mut text.user_id, node, typing, place, faults),
        "notBefore" => return guard(&mut text.not_before, node, typing, place, faults),
        "notAfter" | "expiresAt" => return guard(&mut text.not_after, node, typing, place, faults),
        "reason" => text.reason = typing.own_text(node, place, faults),
        "allowPrivileged" if !node.is_null() => {
            match node.scalar().and_then(|scalar| typing.boolean(scalar)) {
                Some(value) => text.allow_privileged = value,
                None => {
                    let what = "the value is not a boolean".to_owned();
                    faults.error(node.at(), place, "bad-value", what, "write true or false");
                }
            };
        }
        _ => {}
    }
    true
}

/// A key that narrows the entry. An empty one, or one of another type, would leave it wide open, so it makes the entry
/// bad, as two spellings of one key do that disagree.
fn guard(slot: &mut Option<String>, node: Node<'_>, typing: Typing, place: &Place<'_>, faults: &mut Faults) -> bool {
    let is_null = node.is_null();
    let Some(value) = typing.own_text(node, place, faults).or_else(|| is_null.then(String::new)) else { return false };
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
    rules: MemberRules,
    place: &Place<'_>,
    keys: &[&'static str],
    faults: &mut Faults,
) -> bool {
    if tell_misspelt_guard(member, place, faults) {
        return false;
    }
    if rules.list == EntryList::Users && member.key.eq_ignore_ascii_case("rolearn") {
        let what = "`rolearn` is not read in mapUsers".to_owned();
        let cure = "write `userarn`, or move the entry to mapRoles";
        faults.add(rules.unknown, member.at, place, "unknown-key", what, cure);
    } else {
        report_unknown(member, place, keys, rules.unknown, faults);
    }
    true
}

/// Whether an unknown key looks like one that narrows the entry; it is told if so.
pub(super) fn tell_misspelt_guard(member: Member<'_>, place: &Place<'_>, faults: &mut Faults) -> bool {
    let lower = member.key.to_ascii_lowercase();
    let near = |guard: &&&str| lower.chars().count().abs_diff(guard.len()) <= TYPO;
    let edits = |guard: &&&str| strsim::damerau_levenshtein(&lower, &guard.to_ascii_lowercase()) <= TYPO;
    let meant = GUARDS.iter().filter(near).find(edits);
    if let Some(meant) = meant {
        let what = format!(
            "the key `{}` is not known, and looks like `{meant}`, without which the entry would be wide open",
            member.key
        );
        faults.error(member.at, place, "misspelt-guard", what, &format!("write `{meant}`, or remove the key"));
    }
    meant.is_some()
}

/// Whom the permission set names; `false` if that cannot be read, and so nobody knows whom the entry was to name.
fn sso(slot: &mut Option<SsoText>, node: Node<'_>, rules: MemberRules, place: &Place<'_>, faults: &mut Faults) -> bool {
    let members = match node.value() {
        Value::Map(members) => members,
        Value::Scalar(scalar) if scalar.is_null() => return true,
        Value::List(_) | Value::Scalar(_) => {
            let what = format!("{} stands where a map belongs", node.kind());
            faults.error(node.at(), place, "bad-type", what, "write permissionSetName and accountID below it");
            return false;
        }
    };
    let good = are_once(&members, node, place, faults);
    let text = slot.insert(SsoText::default());
    for member in members.take(MAX_MEMBERS) {
        let here = Place::Key(place, member.key);
        let slot = match known(SSO_KEYS, member.key) {
            Some("permissionSetName") => &mut text.permission_set_name,
            Some("accountID") => &mut text.account_id,
            Some(_) => &mut text.partition,
            None => {
                report_unknown(member, &here, SSO_KEYS, rules.unknown, faults);
                continue;
            }
        };
        *slot = rules.typing.text(member.value, &here, faults).unwrap_or_default();
    }
    good
}
