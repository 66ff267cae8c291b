//! `whoami`: both ends side by side.

use super::{Call, Exit};
use crate::config::flags::Whoami;

/// Runs the command.
pub(super) fn run(flags: &Whoami, call: &Call) -> Exit {
    let _ = (flags, call);
    todo!()
}
