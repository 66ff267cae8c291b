//! `entries`: access entries, made of other mappings, compared, rendered, pinned.

mod ask;
mod convert;
mod diff;
mod files;
mod live;
mod pin;
mod render;
mod texts;

use super::{Call, Exit};
use crate::config::flags::{Entries, EntriesAction};

/// Runs the command.
pub(super) fn run(flags: &Entries, call: &Call) -> Exit {
    match &flags.action {
        EntriesAction::Convert(flags) => convert::run(flags, call),
        EntriesAction::Diff(flags) => diff::run(flags, call),
        EntriesAction::Pin(flags) => pin::run(flags, call),
        EntriesAction::Render(flags) => render::run(flags, call),
    }
}
