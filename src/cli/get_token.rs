//! `get-token`, and `token` as the reference calls it.

use secrecy::ExposeSecret;

use super::{Call, Exit, output, usage};
use crate::clock::Clock;
use crate::config::flags::GetToken;
use crate::config::get_token::{Plan, PlanError, plan};
use crate::get_token::{ApiVersion, Shape, get_token, render};

/// Runs the command, which was called `word`.
pub(super) fn run(flags: &GetToken, word: &str, call: &Call) -> Exit {
    let Plan { settings, shape } = match plan(&call.global, flags, &call.env) {
        Ok(plan) => plan,
        Err(error) if error.is_usage() => {
            output::line(format_args!("Error: {error}"));
            usage::show(word);
            return if word == "token" { Exit::Failed } else { Exit::Usage };
        }
        Err(PlanError::File(faults)) => {
            for fault in &faults {
                output::line(fault);
            }
            return failed(
                &"the config file cannot be used",
                "mend it where the lines above say; `iam-bridge check FILE`",
            );
        }
        Err(error) => return failed(&error, "give another one; `iam-bridge get-token --help` shows how"),
    };
    let outcome = match get_token(&settings, &Clock::system()) {
        Ok(outcome) => outcome,
        Err(error) => return failed(&output::chain(&error), &error.remedy()),
    };
    for warning in &outcome.warnings {
        output::warning(warning);
    }
    for note in &outcome.notes {
        output::line(format_args!("note: {note}"));
    }
    let (version, note) = ApiVersion::choose(call.env.exec_info.as_deref());
    if let (Some(note), Shape::Json) = (note, shape) {
        output::line(format_args!("note: {note}"));
    }
    match render(&outcome.signed, version, shape) {
        Ok(text) => output::data(text.expose_secret()),
        Err(error) => failed(&error, "set this machine's clock: `date -u` shows it"),
    }
}

/// Two lines: what and why, then what to do.
fn failed(why: &dyn std::fmt::Display, remedy: &str) -> Exit {
    output::line(format_args!("could not get token: {why}"));
    output::hint(remedy);
    Exit::Failed
}
