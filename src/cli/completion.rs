//! `completion`: a script for the shell.

use clap::CommandFactory;

use super::{Exit, output};
use crate::config::flags::{Completion, Flags};

/// Runs the command.
pub(super) fn run(flags: Completion) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Flags::command(), "iam-bridge", &mut script);
    output::data(&String::from_utf8_lossy(&script))
}
