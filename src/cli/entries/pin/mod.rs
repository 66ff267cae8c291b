//! `entries pin`: the unique id that each principal has now, written into the entries.
//!
//! ```text
//! files ──all good?──▶ principals ──IAM, each once──▶ findings ──▶ texts with pins, and the report
//! ```
//!
//! Nothing is written unless every file is good and every question was answered; a pin that differs is never replaced
//! unasked. IAM answers for the account of the keys alone, so other entries are told and left as they are.

mod report;

use std::path::PathBuf;

use report::{FileReport, Report, Row};

use super::ask::{self, Answers, Unanswered};
use super::files::{Sheet, load};
use crate::cli::{Call, Exit, output, usage};
use crate::config::flags::{PinEntries, ReportFormat};
use crate::diagnostic::Diagnostic;
use crate::replaced_file;
use crate::sources::keys::Pins;

/// Runs the command.
pub(super) fn run(flags: &PinEntries, call: &Call) -> Exit {
    if flags.files.len() > 1 && !flags.in_place && flags.output == ReportFormat::Text {
        output::fail("several files cannot go to one standard output; give --in-place, or -o json");
        usage::show("entries");
        return Exit::Usage;
    }
    let Some(sheets) = sheets(&flags.files) else {
        return output::fail("nothing was asked and nothing written");
    };
    let mut desks = Vec::new();
    for sheet in &sheets {
        match Pins::find(&sheet.file.name, &sheet.text, sheet.file.format) {
            Ok(pins) => desks.push((sheet, pins)),
            Err(faults) => return told(&faults),
        }
    }
    let answers = match answers(&desks, flags, call) {
        Ok(answers) => answers,
        Err(exit) => return exit,
    };
    let mut report = Report::default();
    let mut texts = Vec::new();
    for (sheet, pins) in &desks {
        let rows: Vec<Row> =
            pins.entries().iter().map(|entry| Row::of(entry, &answers, flags.force, &sheet.file.name)).collect();
        let wanted: Vec<Option<String>> = rows.iter().map(Row::to_write).collect();
        let text = match pins.write(&wanted) {
            Ok(text) => text,
            Err(faults) => return told(&faults),
        };
        // What IAM tells must be what the server takes for a pin.
        if let Err(faults) = sheet.judge(&text) {
            return told(&faults);
        }
        report.files.push(FileReport {
            file: sheet.file.name.to_string(),
            changed: text != sheet.text,
            text: None,
            entries: rows,
        });
        texts.push(text);
    }
    finish(flags, report, texts)
}

/// Writes the texts, and tells the report.
fn finish(flags: &PinEntries, mut report: Report, texts: Vec<String>) -> Exit {
    let is_complete = report.is_complete();
    let mut exit = if is_complete { Exit::Good } else { Exit::Failed };
    if flags.in_place {
        for ((path, file), text) in
            flags.files.iter().zip(&report.files).zip(&texts).filter(|((_, file), _)| file.changed)
        {
            let written = replaced_file::target_of(path).and_then(|target| replaced_file::replace(&target, text));
            if let Err(error) = written {
                exit = output::fail(format_args!("`{}` cannot be written: {error}", file.file));
            }
        }
    }
    match flags.output {
        ReportFormat::Json => {
            if !flags.in_place {
                for (file, text) in report.files.iter_mut().zip(texts) {
                    file.text = Some(text);
                }
            }
            let shown = match serde_json::to_string_pretty(&report) {
                Ok(json) => output::data(&format!("{json}\n")),
                Err(error) => output::fail(error),
            };
            if shown == Exit::Good { exit } else { shown }
        }
        ReportFormat::Text => {
            report.lines().iter().for_each(output::line);
            let shown = if flags.in_place {
                Exit::Good
            } else {
                texts
                    .iter()
                    .map(|text| output::data(text))
                    .fold(Exit::Good, |all, one| if one == Exit::Good { all } else { one })
            };
            if shown == Exit::Good { exit } else { shown }
        }
    }
}

/// Every file, if all of them are good; their faults are told.
fn sheets(files: &[PathBuf]) -> Option<Vec<Sheet>> {
    let judged = files.iter().map(|path| {
        let sheet = load(path)?;
        let good = sheet.judge(&sheet.text).map_err(|faults| faults.iter().for_each(output::line)).is_ok();
        good.then_some(sheet)
    });
    judged.collect::<Vec<Option<Sheet>>>().into_iter().collect()
}

fn answers(desks: &[(&Sheet, Pins<'_>)], flags: &PinEntries, call: &Call) -> Result<Answers, Exit> {
    let wanted = desks.iter().flat_map(|(_, pins)| pins.entries()).map(|entry| entry.principal_arn.as_str());
    ask::answers(&flags.keys, call, wanted).map_err(|unanswered| {
        let (exit, hint) = match unanswered {
            Unanswered::NotAsked(why, hint) => (output::fail(why), hint),
            Unanswered::Iam(error) => {
                (output::fail(format_args!("{error}; nothing was written")), Some(error.remedy()))
            }
        };
        hint.iter().for_each(output::hint);
        exit
    })
}

fn told(faults: &[Diagnostic]) -> Exit {
    faults.iter().for_each(output::line);
    output::fail("nothing was written")
}
