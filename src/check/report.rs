//! What was found, as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Checked, Table};
use crate::diagnostic::{Diagnostic, Severity};

/// Whether anything found is an error: the command then ends with exit code 1.
#[must_use]
pub fn failed(checked: &Checked) -> bool {
    checked.faults.iter().any(|fault| fault.severity == Severity::Error)
}

/// The tables, then one line a fault, `file:line:column: code: key: what; cure`, with `[warning]` or `[note]` behind
/// what is no error, and a last line that counts them.
#[must_use]
pub fn render_text(checked: &Checked) -> String {
    let mut text = String::new();
    for table in &checked.tables {
        table.render(&mut text);
        text.push('\n');
    }
    let found = &checked.faults;
    for fault in found {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{fault}{}", mark(fault.severity));
    }
    let _ = writeln!(
        text,
        "{} errors, {} warnings, {} notes",
        count(found, Severity::Error),
        count(found, Severity::Warning),
        count(found, Severity::Note)
    );
    text
}

/// One object: `faults` in the order of the text form, `errors`, `warnings`, `notes` counted, and `tables` if there are
/// any.
///
/// # Errors
/// None that can happen: the types have only text and numbers.
pub fn render_json(checked: &Checked) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Report<'a> {
        errors: usize,
        warnings: usize,
        notes: usize,
        faults: &'a [Diagnostic],
        #[serde(skip_serializing_if = "<[Table]>::is_empty")]
        tables: &'a [Table],
    }
    let found = &checked.faults;
    let report = Report {
        errors: count(found, Severity::Error),
        warnings: count(found, Severity::Warning),
        notes: count(found, Severity::Note),
        faults: found,
        tables: &checked.tables,
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

fn count(found: &[Diagnostic], severity: Severity) -> usize {
    found.iter().filter(|fault| fault.severity == severity).count()
}

const fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "",
        Severity::Warning => " [warning]",
        Severity::Note => " [note]",
    }
}
