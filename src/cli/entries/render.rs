//! `entries render`.

use crate::cli::{Call, Exit, output};
use crate::config::flags::RenderEntries;

/// Runs the command.
pub(super) fn run(_flags: &RenderEntries, _call: &Call) -> Exit {
    output::fail("nothing to do")
}
