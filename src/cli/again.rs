//! The same command line once more, as a child with the variables that an exec entry sets.
//!
//! The AWS SDK reads its variables itself, so only a process that has them sees what the plugin would see.

use std::process::Command;

use super::{Exit, output};
use crate::config::env;
use crate::kubernetes::ExecEntry;

/// Set for the child: whatever its variables lead it to, it runs itself no further.
const GUARD: (&str, &str) = ("IAM_BRIDGE_AGAIN", "1");

/// Runs it if the entry sets a variable otherwise than it is now; `None` when nothing would change.
pub(super) fn with_variables_of(entry: &ExecEntry) -> Option<Exit> {
    let variables = effective(&entry.env);
    if env::holds(GUARD.0, GUARD.1) || variables.iter().all(|(name, value)| env::holds(name, value)) {
        return None;
    }
    let child = std::env::current_exe().and_then(|program| {
        Command::new(program).args(std::env::args_os().skip(1)).envs(variables).env(GUARD.0, GUARD.1).status()
    });
    Some(match child {
        Ok(status) if status.success() => Exit::Good,
        Ok(status) if status.code() == Some(2) => Exit::Usage,
        Ok(_) => Exit::Failed,
        Err(error) => output::fail(format_args!("this program cannot run itself: {error}")),
    })
}

/// Of two values the last one counts. What cannot be a variable is left out, and what would put code into this program.
fn effective(env: &[(String, String)]) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for (name, value) in env {
        let is_loaders = name.starts_with("LD_") || name.starts_with("DYLD_");
        if is_loaders || name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            continue;
        }
        let is_same = |known: &str| known == name || (cfg!(windows) && known.eq_ignore_ascii_case(name));
        variables.retain(|(known, _)| !is_same(known));
        variables.push((name.clone(), value.clone()));
    }
    variables
}
