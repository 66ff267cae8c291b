//! Flags of `entries pin`.

use clap::Args;

/// Flags of `entries pin`.
#[derive(Args, Clone, Debug, Default)]
pub struct PinEntries {}
