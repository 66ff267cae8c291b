//! Flags of `entries convert`.

use clap::Args;

/// Flags of `entries convert`.
#[derive(Args, Clone, Debug, Default)]
pub struct ConvertEntries {}
