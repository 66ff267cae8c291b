//! `entries convert`.

use crate::cli::{Call, Exit, output};
use crate::config::flags::ConvertEntries;

/// Runs the command.
pub(super) fn run(_flags: &ConvertEntries, _call: &Call) -> Exit {
    output::fail("nothing to do")
}
