//! Flags of `entries diff`.

use clap::Args;

/// Flags of `entries diff`.
#[derive(Args, Clone, Debug, Default)]
pub struct DiffEntries {}
