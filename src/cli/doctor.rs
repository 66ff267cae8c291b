//! `doctor`: one line a check.

use super::{Call, Exit};
use crate::config::flags::Doctor;

/// Runs the command.
pub(super) fn run(flags: &Doctor, call: &Call) -> Exit {
    let _ = (flags, call);
    todo!()
}
