//! `entries pin`.

use crate::cli::{Call, Exit, output};
use crate::config::flags::PinEntries;

/// Runs the command.
pub(super) fn run(_flags: &PinEntries, _call: &Call) -> Exit {
    output::fail("nothing to do")
}
