//! `version`, and the line a server says first.

use serde::Serialize;

use super::{Exit, output};
use crate::config::flags::Version;

/// This build.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, when the builder told.
const COMMIT: &str = match option_env!("IAM_BRIDGE_COMMIT") {
    Some(commit) => commit,
    None => "",
};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Build {
    version: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    commit: &'static str,
}

/// Runs the command.
pub(super) fn run(flags: &Version) -> Exit {
    if flags.short {
        return output::data(&format!("{VERSION}\n"));
    }
    match flags.output.as_deref().unwrap_or("json") {
        "json" => match serde_json::to_string(&Build { version: VERSION, commit: COMMIT }) {
            Ok(text) => output::data(&format!("{text}\n")),
            Err(error) => output::fail(error),
        },
        "yaml" => output::data(&format!("version: {VERSION}\ncommit: {COMMIT:?}\ndate: \"\"\n")),
        _ => {
            // As the reference: said, and not held against the caller.
            output::line("unknown version option");
            Exit::Good
        }
    }
}

/// What `server` and `init` print first.
pub(super) fn banner() -> String {
    format!("Authenticator Version: {VERSION:?}, {COMMIT:?}\n")
}
