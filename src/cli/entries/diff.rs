//! `entries diff`: who becomes another user between two sets of mappings.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::texts::{self, TextFile};
use crate::cli::{Call, Exit, output};
use crate::clock::{Clock, UnixSeconds};
use crate::config::flags::DiffEntries;
use crate::convert::{Intake, Side, compare, read};
use crate::diagnostic::{Diagnostic, Severity};
use crate::mapping::SourceKind;
use crate::sources::keys::parse_mode;

/// Runs the command.
pub(super) fn run(flags: &DiffEntries, _call: &Call) -> Exit {
    let at = match flags.at.as_deref().map(str::parse::<Timestamp>).transpose() {
        Ok(at) => at.map_or_else(|| Clock::system().now(), |at| UnixSeconds(at.as_second())),
        Err(error) => {
            output::fail(format_args!("--at is no time like 2031-05-06T07:08:09Z: {error}"));
            return Exit::Usage;
        }
    };
    let mut modes = Vec::new();
    for name in &flags.backend_mode {
        match parse_mode(name) {
            Ok(mode) => modes.push(mode.kind),
            Err(error) => {
                output::fail(format_args!("--backend-mode: {error}"));
                return Exit::Usage;
            }
        }
    }
    let sides = side(&flags.before, &modes).and_then(|before| Ok((before, side(&flags.after, &modes)?)));
    let (before, after) = match sides {
        Ok(sides) => sides,
        Err(faults) => {
            return faults.iter().map(output::fail).fold(Exit::Failed, |_, exit| exit);
        }
    };
    let differences = compare(&before, &after, at);
    let answer = json!({ "differences": differences });
    let printed = output::shown(&answer, flags.output, || texts::differences(&differences));
    if differences.is_empty() { printed } else { Exit::Failed }
}

/// The mappings of files, asked as `modes` say, else as a config among the files does.
fn side(paths: &[PathBuf], modes: &[SourceKind]) -> Result<Side, Vec<Diagnostic>> {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        match TextFile::load(path) {
            Ok(file) => files.push(file),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let intake = read(&files.iter().map(TextFile::input).collect::<Vec<_>>());
    // A source leaves out what is bad and serves the rest; who compares wants to know.
    for fault in intake.faults.iter().filter(|fault| fault.severity != Severity::Note) {
        output::warning(fault);
    }
    let order = order(&intake, modes);
    for source in intake.sources().into_iter().filter(|source| !order.contains(source)) {
        output::warning(format_args!("the files of {source} are not asked: the list of sources does not name it"));
    }
    Ok(Side::new(&intake, &order))
}

/// Sources in the order they are asked. All sources of entries are one here: a file tells what EKS or objects would.
fn order(intake: &Intake, modes: &[SourceKind]) -> Vec<SourceKind> {
    let told = if modes.is_empty() { &intake.backend_modes } else { modes };
    let is_entries = |kind: SourceKind| {
        matches!(kind, SourceKind::AccessEntry | SourceKind::AccessEntryFile | SourceKind::EksAccessEntries)
    };
    let mut order = Vec::new();
    let mut add = |kind: SourceKind| {
        let kind = if is_entries(kind) { SourceKind::AccessEntryFile } else { kind };
        if !order.contains(&kind) {
            order.push(kind);
        }
    };
    if told.is_empty() {
        let (entries, others): (Vec<_>, Vec<_>) = intake.sources().into_iter().partition(|kind| is_entries(*kind));
        entries.into_iter().chain(others).for_each(&mut add);
    } else {
        told.iter().copied().for_each(&mut add);
    }
    order
}
