//! `check`: every fault of config files.

use super::{Call, Exit, output};
use crate::check::{Options, check, failed, render_json, render_text};
use crate::config::flags::{Check, ReportFormat};

/// Runs the command.
pub(super) fn run(flags: &Check, call: &Call) -> Exit {
    let options = Options { compat: flags.compat, global: call.global.clone(), env: call.env.clone() };
    let found = check(&flags.files, &options);
    let text = match flags.output {
        ReportFormat::Text => Ok(render_text(&found)),
        ReportFormat::Json => render_json(&found),
    };
    let printed = match text {
        Ok(text) => output::data(&format!("{}\n", text.trim_end())),
        Err(error) => output::fail(error),
    };
    if failed(&found) { Exit::Failed } else { printed }
}
