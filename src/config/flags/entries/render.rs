//! Flags of `entries render`.

use clap::Args;

/// Flags of `entries render`.
#[derive(Args, Clone, Debug, Default)]
pub struct RenderEntries {}
