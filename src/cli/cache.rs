//! `cache list` and `cache clear`.

use super::{Call, Exit};
use crate::config::flags::Cache;

/// Runs the command.
pub(super) fn run(flags: &Cache, call: &Call) -> Exit {
    let _ = (flags, call);
    todo!()
}
