//! Doubts about a file that loads: who could get in, or stay in, that its author may not have meant.

use crate::config::server::Resolved;
use crate::diagnostic::{Position, Severity};
use crate::document::{Faults, Node, Place, Value};
use crate::mapping::{Entry, EntryList, EntryText, MappedAccount};
use crate::sources::keys;

/// Shows `see` every entry of both lists that can be read.
pub(super) fn each_entry<'d>(root: Node<'d>, mut see: impl FnMut(EntryList, Node<'d>, &EntryText, &Place<'_>)) {
    let server = Place::Key(&Place::Root, "server");
    for (list, key) in [(EntryList::Roles, "mapRoles"), (EntryList::Users, "mapUsers")] {
        let place = Place::Key(&server, key);
        let node = root.member("server").and_then(|server| server.member(key));
        let Some(Value::List(items)) = node.map(Node::value) else { continue };
        // Their faults were told when the file was resolved.
        let mut told = Faults::new("".into());
        for (number, item) in items.enumerate() {
            let here = Place::Item(&place, number);
            if let Some(text) = keys::entry_text(item, list, &here, Severity::Note, &mut told) {
                see(list, item, &text, &here);
            }
        }
    }
}

/// Reports the doubts about a server config.
pub(super) fn config(root: Node<'_>, resolved: &Resolved, faults: &mut Faults) {
    each_entry(root, |_, node, text, place| entry(text, node.at(), place, faults));
    let server = Place::Key(&Place::Root, "server");
    let of = |key| root.member("server").and_then(|server| server.member(key));
    if let Some(Value::List(items)) = of("mapAccounts").map(Node::value) {
        let place = Place::Key(&server, "mapAccounts");
        items.enumerate().for_each(|(number, item)| whole_account(item.at(), &Place::Item(&place, number), faults));
    }
    if let Some(Value::List(items)) = of("deny").map(Node::value) {
        let place = Place::Key(&server, "deny");
        for (number, item) in items.enumerate() {
            let offline = ["userID", "accessKeyID", "sessionName"].into_iter().find(|key| item.member(key).is_some());
            if let Some(key) = offline {
                let what = format!("`{key}` never matches a caller with a JWT, which carries none");
                faults.add(
                    Severity::Note,
                    item.at(),
                    &Place::Item(&place, number),
                    "deny-without-jwt",
                    what,
                    "deny its arn too",
                );
            }
        }
    }
    let id = resolved.settings.rules.cluster_id.as_str();
    if id.len() < 16 && !id.contains('.') {
        let at = root.member("clusterID").unwrap_or(root).at();
        let what = format!("`{id}` is a plain name: a token for another cluster of that name is good for this one too");
        let cure = "use an id nobody else has: a DNS name, or 128 random bits";
        faults.add(Severity::Note, at, &Place::Key(&Place::Root, "clusterID"), "plain-cluster-id", what, cure);
    }
}

/// Reports the doubts about the good entries and accounts of another file.
pub(super) fn mappings(lists: &[&[Entry]], accounts: &[MappedAccount], faults: &mut Faults) {
    for each in lists.iter().copied().flatten() {
        let place = Place::Key(&Place::Root, keys::key_of(each.list()));
        entry(&each.text(), each.origin().at, &place, faults);
    }
    for account in accounts {
        whole_account(account.origin.at, &Place::Key(&Place::Root, "mapAccounts"), faults);
    }
}

/// Reports the doubts about one entry.
pub(super) fn entry(text: &EntryText, at: Position, place: &Place<'_>, faults: &mut Faults) {
    let pinned = text.user_id.is_some();
    if !pinned && text.user_arn.is_none() && text.groups.iter().any(|group| group == "system:masters") {
        let what =
            "the entry is not pinned: whoever deletes and makes the role again under its name gets in".to_owned();
        let cure = "add `userid:` with the role's unique id (AROA…)";
        faults.add(Severity::Note, at, place, "unpinned-admin", what, cure);
    }
}

fn whole_account(at: Position, place: &Place<'_>, faults: &mut Faults) {
    let what = "every principal of the account is let in, under its ARN, by whoever administers its IAM".to_owned();
    faults.add(Severity::Note, at, place, "whole-account", what, "map roles one by one where that is too wide");
}
