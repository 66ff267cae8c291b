//! Access entries: objects, lists of them, and what the AWS CLI prints.
//!
//! The reader of the source judges them, over the whole file; here stand the doubts about those that are good.

use std::sync::Arc;

use super::{Found, Sheet, Table};
use crate::clock::{Clock, UnixSeconds};
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{Faults, Node, Place, Several, Value};
use crate::mapping::{AccessEntryType, AccessScope, Entry, EntryList, Grant, Placeholder, SourceKind};
use crate::rbac::AccessPolicy;
use crate::sources::keys::{AccessEntryFileSettings, access_entries_among};

/// Spellings of mapping entries, and ours.
const OLD_SPELLINGS: [(&str, &str); 2] = [("userid", "principalId"), ("notAfter", "expiresAt")];
/// The namespace whose service accounts administer the cluster.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// What only shows in an object as it is written.
pub(super) fn object(sheet: &Sheet<'_>, node: Node<'_>, found: &mut Found) {
    found.entry_objects = true;
    let Some(spec) = node.member("spec") else { return };
    let mut faults = Faults::new(Arc::clone(&sheet.file.name));
    let place = Place::Key(&Place::Root, "spec");
    old_spellings(spec, &place, &mut faults);
    let outer = Place::Key(&place, "policyAssociations");
    if let Some(Value::List(items)) = spec.member("policyAssociations").map(Node::value) {
        for (number, item) in items.enumerate() {
            old_spellings(item, &Place::Item(&outer, number), &mut faults);
        }
    }
    found.faults.extend(faults.into_list());
}

fn old_spellings(map: Node<'_>, place: &Place<'_>, faults: &mut Faults) {
    let Value::Map(members) = map.value() else { return };
    for member in members {
        let Some((_, ours)) = OLD_SPELLINGS.iter().find(|(old, _)| member.key.eq_ignore_ascii_case(old)) else {
            continue;
        };
        let what = format!("`{}` is read in a file, and dropped by the API server from an object", member.key);
        let cure = format!("write `{ours}`");
        faults.warning(member.at, &Place::Key(place, member.key), "old-spelling", what, &cure);
    }
}

/// Judges every access entry of a file.
pub(super) fn judge<'d>(sheet: &Sheet<'_>, several: &'d Several<'d>, found: &mut Found) {
    let settings =
        AccessEntryFileSettings { cluster_account: sheet.neighbours.cluster_account(), unknown: Severity::Error };
    let file = access_entries_among(&sheet.file.name, several, &settings);
    let entries: Vec<Entry> = file.entries.into_iter().map(|entry| entry.entry).collect();
    found.faults.extend(file.warnings);
    let mut faults = Faults::new(Arc::clone(&sheet.file.name));
    let now = Clock::system().now();
    for entry in &entries {
        Doubts { entry, at: entry.origin().at, faults: &mut faults }.tell(now);
    }
    unpinned(&entries, &mut faults);
    found.faults.extend(faults.into_list());
    if !entries.is_empty() {
        let source = if found.printed { SourceKind::AccessEntryFile } else { SourceKind::AccessEntry };
        found.tables.push(Table::new(&sheet.file.name, source, &[&entries], &[]));
    }
}

/// One line a file: whoever has pins knows, and most have none.
fn unpinned(entries: &[Entry], faults: &mut Faults) {
    let open = || entries.iter().filter(|entry| entry.pin().is_none() && entry.list() == EntryList::Roles);
    let Some(first) = open().next() else { return };
    let what = format!(
        "{} of {} entries have no principalId: a role made anew under the same name gets in, which EKS refuses",
        open().count(),
        entries.len()
    );
    let (file, at) = (Some(faults.file().as_ref().into()), Some(first.origin().at));
    let cure = "pin them with `iam-bridge entries pin`";
    faults.push(Diagnostic::keyless(Severity::Note, "unpinned-entries", file, at, what, cure));
}

/// The doubts about one entry.
struct Doubts<'d> {
    entry: &'d Entry,
    at: Position,
    faults: &'d mut Faults,
}

impl Doubts<'_> {
    fn tell(&mut self, now: UnixSeconds) {
        let entry = self.entry;
        let principal = entry.principal_text();
        let named = || entry.username().placeholders();
        let is_role = entry.list() == EntryList::Roles;
        match entry.access_type() {
            Some(AccessEntryType::FargateLinux | AccessEntryType::HybridLinux) => {
                let what = format!("whoever may assume `{principal}` picks the name of the node, by its session name");
                self.warn(
                    "username",
                    "node-name-by-caller",
                    what,
                    "let the role's trust policy admit the service alone",
                );
            }
            Some(AccessEntryType::Standard) if is_role && !named().any(is_session) => {
                let what = format!(
                    "all sessions of `{principal}` are `{}`: audit logs do not tell them apart",
                    entry.username()
                );
                self.warn("username", "one-name-for-all", what, "write a colon and {{SessionName}} into the username");
            }
            Some(_) | None => {}
        }
        if principal.ends_with(":root") {
            let what = format!("`{principal}` is the account's root user alone, not the account's users and roles");
            self.warn("principalArn", "root-arn", what, "write one entry for each role or user");
        }
        if entry.expires_at().is_some_and(|end| now >= end) {
            let what = format!("the entry of `{principal}` has expired: it refuses, and no later source is asked");
            self.warn("expiresAt", "expired-entry", what, "remove the entry, or set another end");
        }
        for grant in entry.grants() {
            self.grant(grant, now);
        }
    }

    fn grant(&mut self, grant: &Grant, now: UnixSeconds) {
        if grant.is_over(now) {
            let what = format!("{} has expired, and gives nothing", grant.policy);
            self.warn("policyAssociations", "expired-policy", what, "remove it, or set another end");
        }
        let is_strong = matches!(grant.policy, AccessPolicy::Admin | AccessPolicy::ClusterAdmin | AccessPolicy::Edit);
        if is_strong && matches!(grant.scope, AccessScope::Namespaces(_)) && grant.scope.reaches(SYSTEM_NAMESPACE) {
            let what = format!(
                "{} reaches kube-system, whose secrets and service accounts administer the cluster",
                grant.policy
            );
            self.warn("policyAssociations", "cluster-admin-in-effect", what, "name the namespaces that are meant");
        }
    }

    fn warn(&mut self, key: &str, code: &'static str, what: String, cure: &str) {
        self.faults.warning(self.at, &Place::Key(&Place::Root, key), code, what, cure);
    }
}

fn is_session(value: Placeholder) -> bool {
    matches!(value, Placeholder::SessionName | Placeholder::SessionNameRaw)
}
