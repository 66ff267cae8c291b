//! The spec of an `AccessEntry`, and an entry as EKS prints it: members to texts, texts to an entry.

use crate::diagnostic::Severity;
use crate::document::{Faults, Node, Place};
use crate::mapping::{AccessEntry, AccessEntryRules, AccessEntryText, Origin};

/// The members of one entry as written; `None` if a fault makes it unusable. Of an entry that EKS printed, members that
/// are not known are left out without a word.
pub fn access_entry_text(
    node: Node<'_>,
    rules: &AccessEntryRules,
    place: &Place<'_>,
    unknown: Severity,
    faults: &mut Faults,
) -> Option<AccessEntryText> {
    let (_, _) = (rules, unknown);
    faults.error(node.at(), place, "bad-type", "no entry".to_owned(), "");
    None
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
    let text = access_entry_text(node, rules, place, unknown, faults)?;
    AccessEntry::parse(&text, rules, origin).ok()
}
