//! `deny`: who is refused whatever the mappings say. A fault here would let somebody in, so every one is an error.

use std::sync::Arc;

use super::typing::Typing;
use super::{map_list, report_unknown};
use crate::diagnostic::Severity;
use crate::document::{Faults, Node, Place, Value, known};
use crate::mapping::{DenyEntry, DenyList, DenyText, Origin};

const KEYS: &[&str] = &["arn", "arnLike", "account", "userID", "accessKeyID", "sessionName", "reason"];

/// The deny list. Values are taken as they stand: an account id keeps its leading zero without quotes too.
pub fn parse_deny(node: Option<Node<'_>>, file: &Arc<str>, faults: &mut Faults) -> DenyList {
    let server = Place::Key(&Place::Root, "server");
    let place = Place::Key(&server, "deny");
    let entries = map_list(node, &place, faults)
        .enumerate()
        .filter_map(|(number, item)| entry(item, &Place::Item(&place, number), file, faults))
        .collect();
    DenyList::new(entries)
}

fn entry(node: Node<'_>, place: &Place<'_>, file: &Arc<str>, faults: &mut Faults) -> Option<DenyEntry> {
    let Value::Map(members) = node.value() else {
        faults.error(node.at(), place, "bad-type", format!("{} stands where a deny entry belongs", node.kind()), "");
        return None;
    };
    let mut text = DenyText::default();
    for member in members {
        let here = Place::Key(place, member.key);
        let Some(key) = known(KEYS, member.key) else {
            report_unknown(member, &here, KEYS, Severity::Error, faults);
            continue;
        };
        let value = Typing::Config.own_text(member.value, &here, faults);
        if key != "reason" && value.as_deref().is_none_or(str::is_empty) {
            faults.error(
                member.value.at(),
                &here,
                "empty-matcher",
                "the matcher is empty".to_owned(),
                "remove it, or write whom it denies",
            );
            continue;
        }
        match key {
            "arn" => text.arn = value,
            "arnLike" => text.arn_like = value,
            "account" => text.account = value,
            "userID" => text.user_id = value,
            "accessKeyID" => text.access_key_id = value,
            "sessionName" => text.session_name = value,
            _ => text.reason = value,
        }
    }
    match DenyEntry::parse(&text, Origin { place: Arc::clone(file), at: node.at() }) {
        Ok(entry) => Some(entry),
        Err(errors) => {
            for error in errors {
                let key = error.key();
                let at = if key.is_empty() { node.at() } else { node.member(key).unwrap_or(node).at() };
                let inner = Place::Key(place, key);
                let here = if key.is_empty() { place } else { &inner };
                faults.error(at, here, error.code(), error.to_string(), &error.cure());
            }
            None
        }
    }
}
