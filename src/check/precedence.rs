//! Principals that several files of a run name, where one of them is an access entry.

use std::collections::HashMap;

use super::Checked;
use super::table::{Row, Table};
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::mapping::SourceKind;

/// Tells access entries that an earlier source decides for, and those whose principal stands in aws-auth too. `order` is
/// that of the one server config of the run.
pub(super) fn judge(checked: &mut Checked, order: Option<&[SourceKind]>) {
    let mut first: HashMap<(SourceKind, String), (&Table, &Row)> = HashMap::new();
    for table in &checked.tables {
        for row in &table.entries {
            first.entry((table.source, key_of(&row.principal))).or_insert((table, row));
        }
    }
    let mut faults = Vec::new();
    for table in checked.tables.iter().filter(|table| is_of_entries(table.source)) {
        let place = |kind| order.and_then(|order| order.iter().position(|other| *other == kind));
        for row in &table.entries {
            let key = key_of(&row.principal);
            let other = |kind: SourceKind| first.get(&(kind, key.clone()));
            let earlier = |kind: &SourceKind| match (place(*kind), place(table.source)) {
                (Some(other), Some(own)) => other < own,
                _ => false,
            };
            let shadow =
                SourceKind::ALL.into_iter().filter(earlier).find_map(|kind| other(kind).map(|found| (kind, found)));
            if let Some((kind, (theirs, other))) = shadow {
                let what = format!(
                    "`{}` stands in {} at line {} too, and {kind} is asked first: this entry is never reached",
                    row.principal, theirs.file, other.line
                );
                let cure = format!("write {} before {kind} in backendMode, or remove one of the two", table.source);
                faults.push(fault(table, row, "shadowed-entry", what, &cure));
            } else if let Some((theirs, other)) = other(SourceKind::EksConfigMap) {
                let what = format!(
                    "`{}` stands in the aws-auth of {} at line {} too; nothing of the two is merged",
                    row.principal, theirs.file, other.line
                );
                let cure = "ask entries before EKSConfigMap, as EKS does, and remove the line of aws-auth";
                faults.push(fault(table, row, "principal-in-aws-auth", what, cure));
            }
        }
    }
    checked.faults.extend(faults);
}

const fn is_of_entries(kind: SourceKind) -> bool {
    matches!(kind, SourceKind::AccessEntry | SourceKind::AccessEntryFile | SourceKind::EksAccessEntries)
}

fn fault(table: &Table, row: &Row, code: &'static str, what: String, cure: &str) -> Diagnostic {
    let at = Position { line: row.line, column: 1 };
    Diagnostic::keyless(Severity::Warning, code, Some(table.file.clone()), Some(at), what, cure)
}

/// A principal as entries are found: in lower case, a role without its path.
fn key_of(principal: &str) -> String {
    let lower = principal.to_ascii_lowercase();
    match lower.split_once(":role/") {
        Some((account, path)) => format!("{account}:role/{}", path.rsplit('/').next().unwrap_or_default()),
        None => lower,
    }
}
