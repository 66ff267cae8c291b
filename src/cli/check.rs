//! `check`: every fault of the files that decide who gets in, and the table of those that can be used.

use super::{Call, Exit, output};
use crate::check::{Options, check, failed, render_json, render_text};
use crate::config::flags::{Check, ReportFormat};

/// Runs the command.
pub(super) fn run(flags: &Check, call: &Call) -> Exit {
    let options = Options {
        compat: flags.compat,
        user_id_strict: flags.user_id_strict,
        global: call.global.clone(),
        env: call.env.clone(),
    };
    let checked = check(&flags.files, &options);
    let text = match flags.output {
        ReportFormat::Text => Ok(render_text(&checked)),
        ReportFormat::Json => render_json(&checked),
    };
    let printed = match text {
        Ok(text) => output::data(&format!("{}\n", text.trim_end())),
        Err(error) => output::fail(error),
    };
    if failed(&checked) { Exit::Failed } else { printed }
}
