//! `entries diff`.

use crate::cli::{Call, Exit, output};
use crate::config::flags::DiffEntries;

/// Runs the command.
pub(super) fn run(_flags: &DiffEntries, _call: &Call) -> Exit {
    output::fail("nothing to do")
}
