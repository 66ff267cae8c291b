//! `AccessEntry`: objects `accessentries.iam-bridge.dev`, watched.
//!
//! ```text
//! spec ──JSON text──▶ document ──keys::parse_access_entry──▶ Entry ──the oldest of one principal──▶ MappingTable
//!                                                   └─ faults, duplicates, windows, policies ──▶ conditions
//! ```
//!
//! The API server has judged most of it already, by the rules of the CRD; each object is judged again, since an object
//! may be older than a rule. One that is at fault is left out alone. Its status tells so, and decides nothing.

mod conditions;

use std::collections::HashMap;
use std::sync::Arc;

use super::fleet::Ground;
use super::keys;
use super::objects::{self, Indexed, Kind, Reporting, Statuses, Terms};
use super::outlet::Outlet;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{self, Faults, Format, Place};
use crate::kubernetes::{AccessEntryObject, AccessEntryParts, InstalledKind};
use crate::mapping::{AccessEntryForm, AccessEntryRules, Entry, MappingTable, Origin, SourceKind, repeated_entries};
use conditions::{Conditions, EntryReport, Shown};

/// Stands before an object's name in faults and logs.
const PLACE: &str = "accessentry/";

/// Follows the objects until it is dropped.
pub(super) async fn run(ground: Ground, outlet: Outlet) {
    let settings = &ground.settings;
    let rules = AccessEntryRules { form: AccessEntryForm::Object, cluster_account: settings.cluster_account };
    let conditions = Conditions::new(ground.clock.clone(), settings.policies, settings.policy_readiness.clone());
    objects::run(AccessEntries { rules, conditions }, ground, outlet).await;
}

#[derive(Debug)]
struct AccessEntries {
    rules: AccessEntryRules,
    conditions: Conditions,
}

/// What was made of an object.
type Judged = Result<Entry, Vec<Diagnostic>>;

type Known = objects::Known<Judged>;

/// Names of objects that are not in force because another of their principal is, with that one's name.
type Duplicates = HashMap<Arc<str>, Arc<str>>;

impl Kind for AccessEntries {
    type Parts = AccessEntryParts;
    type Text = String;
    type Shown = Shown;
    type Judged = Judged;
    type Verdicts = Duplicates;
    type Report = EntryReport;

    const TERMS: Terms = Terms {
        kind: "AccessEntry",
        plural: "accessentries",
        manifest: "deploy/accessentry.yaml",
        lost: "an entry may reach further than its author wrote",
        installed: InstalledKind::ACCESS_ENTRY,
        lease: "iam-bridge-accessentry-status",
        synced: "Access entry synced successfully",
    };

    fn take(mut object: AccessEntryObject) -> (String, Shown) {
        let shown = Shown { generation: object.generation(), status: object.take_status() };
        (object.into_spec_text(), shown)
    }

    fn judge(&self, name: &str, text: String) -> Judged {
        let place: Arc<str> = format!("{PLACE}{name}").into();
        let mut faults = Faults::new(Arc::clone(&place));
        let parsed = match document::parse(&place, &text, Format::Json) {
            Ok(spec) => {
                let origin = Origin { place: Arc::clone(&place), at: Position::default() };
                let here = Place::Key(&Place::Root, "spec");
                keys::parse_access_entry(spec.root(), &self.rules, origin, &here, Severity::Error, &mut faults)
            }
            Err(found) => {
                found.into_iter().for_each(|fault| faults.push(fault));
                None
            }
        };
        match parsed {
            Some(entry) if !faults.any_error() => Ok(entry.entry),
            // An object of the API server has no lines.
            _ => Err(faults.into_list().into_iter().map(|fault| Diagnostic { at: None, ..fault }).collect()),
        }
    }

    fn indexer(&self, _ground: &Ground) -> impl FnOnce(Vec<Arc<Known>>) -> Indexed<Duplicates> + Send + 'static {
        table_of
    }

    fn see(&mut self, known: &Arc<Known>, shown: Shown, changed: bool, news: bool, statuses: &Statuses<EntryReport>) {
        self.conditions.see(known, shown, changed, news, statuses);
    }

    fn forget(&mut self, name: &str) {
        self.conditions.forget(name);
    }

    fn keep(&mut self, there: impl Fn(&str) -> bool) {
        self.conditions.keep(there);
    }

    async fn indexed(&mut self, duplicates: Duplicates, to: Reporting<'_, Self>) {
        self.conditions.judge_anew(duplicates);
        self.review(to).await;
    }

    async fn turn(&mut self) {
        self.conditions.turn().await;
    }

    async fn review(&mut self, to: Reporting<'_, Self>) {
        self.conditions.review(to.objects.all(), to.statuses).await;
    }
}

/// The table of all good objects, of one principal the oldest, and what is to be told of the others.
fn table_of(mut objects: Vec<Arc<Known>>) -> Indexed<Duplicates> {
    objects.sort_unstable_by(|one, other| one.age().cmp(&other.age()));
    let (mut entries, mut told) = (Vec::with_capacity(objects.len()), Vec::new());
    for object in &objects {
        match &object.judged {
            Ok(entry) => entries.push(entry.clone()),
            Err(faults) => {
                // One object is one that is left out, whatever number of faults it has.
                let severity = |at| if at == 0 { Severity::Error } else { Severity::Warning };
                told.extend(
                    faults.iter().enumerate().map(|(at, one)| Diagnostic { severity: severity(at), ..one.clone() }),
                );
            }
        }
    }
    let mut duplicates = Duplicates::new();
    for repeated in repeated_entries(&entries) {
        let first = name_in(&repeated.first);
        // Of three, the third is a duplicate of the first too.
        let winner = duplicates.get(first).cloned().unwrap_or_else(|| first.into());
        told.push(duplicate(&repeated.again, &repeated.principal, &winner));
        duplicates.insert(name_in(&repeated.again).into(), winner);
    }
    entries.retain(|entry| !duplicates.contains_key(name_in(entry.origin())));
    Indexed { table: MappingTable::of_access_entries(SourceKind::AccessEntry, entries), told, verdicts: duplicates }
}

fn name_in(origin: &Origin) -> &str {
    origin.place.strip_prefix(PLACE).unwrap_or_default()
}

fn duplicate(again: &Origin, principal: &str, winner: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        code: "duplicate-principal",
        file: Some(again.place.as_ref().into()),
        at: None,
        key: "spec.principalArn".to_owned(),
        what: format!("`{principal}` has the entry {PLACE}{winner} too, which is older and in force"),
        cure: "remove one of the two".to_owned(),
    }
}
