//! `reservedPrefixConfig`: username prefixes a source may not yield.

use std::collections::HashMap;

use super::modes::mode_names;
use super::typing::Typing;
use super::{map_list, report_unknown};
use crate::diagnostic::{Position, Severity};
use crate::document::{Faults, Node, Place, Value, known};
use crate::mapping::{ReservedPrefixes, SourceKind};

const KEYS: &[&str] = &["backendmode", "usernamePrefixReserveList"];

/// One entry as written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReservedEntry {
    /// `backendmode`, not judged: names that are no source are accepted and do nothing.
    pub backend_mode: String,
    /// `usernamePrefixReserveList`
    pub prefixes: Vec<String>,
    /// Where it stands.
    pub at: Position,
}

/// The prefixes by source, an unknown key being a fault of severity `unknown`: a later entry for one source wins, empty prefixes are left out.
pub fn parse_reserved(node: Option<Node<'_>>, unknown: Severity, faults: &mut Faults) -> ReservedPrefixes {
    let mut by_source = HashMap::new();
    let server = Place::Key(&Place::Root, "server");
    let place = Place::Key(&server, "reservedPrefixConfig");
    for (number, entry) in reserved_entries(node, unknown, faults).into_iter().enumerate() {
        let here = Place::Item(&place, number);
        // Names are compared exactly; deprecated ones are not translated, as in the reference.
        let Some(kind) = SourceKind::ALL.into_iter().find(|kind| kind.as_str() == entry.backend_mode) else {
            let what = format!("`{}` is no source, so these prefixes reserve nothing", entry.backend_mode);
            faults.warning(entry.at, &here, "unknown-backend-mode", what, &format!("the sources are {}", mode_names()));
            continue;
        };
        let prefixes: Vec<String> = entry.prefixes.into_iter().filter(|prefix| !prefix.is_empty()).collect();
        if by_source.insert(kind, prefixes).is_some() {
            let what = format!("`{kind}` has prefixes above; these replace them");
            faults.warning(entry.at, &here, "reserved-twice", what, "write one list for each source");
        }
    }
    ReservedPrefixes(by_source)
}

/// The entries in the order of the file.
pub fn reserved_entries(node: Option<Node<'_>>, unknown: Severity, faults: &mut Faults) -> Vec<ReservedEntry> {
    let server = Place::Key(&Place::Root, "server");
    let place = Place::Key(&server, "reservedPrefixConfig");
    map_list(node, &place, faults)
        .enumerate()
        .map(|(number, item)| entry(item, &Place::Item(&place, number), unknown, faults))
        .collect()
}

fn entry(node: Node<'_>, place: &Place<'_>, unknown: Severity, faults: &mut Faults) -> ReservedEntry {
    let mut entry = ReservedEntry { at: node.at(), ..ReservedEntry::default() };
    let Value::Map(members) = node.value() else {
        if !node.is_null() {
            faults.error(node.at(), place, "bad-type", format!("{} stands where an entry belongs", node.kind()), "");
        }
        return entry;
    };
    for member in members {
        let here = Place::Key(place, member.key);
        match known(KEYS, member.key) {
            Some("backendmode") => {
                entry.backend_mode = Typing::Config.text(member.value, &here, faults).unwrap_or_default()
            }
            Some(_) => entry.prefixes = Typing::Config.texts(member.value, &here, faults),
            None => report_unknown(member, &here, KEYS, unknown, faults),
        }
    }
    entry
}
