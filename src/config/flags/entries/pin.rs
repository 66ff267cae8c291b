//! Flags of `entries pin`.

use std::path::PathBuf;

use clap::Args;

use crate::config::flags::{Keys, ReportFormat};

/// Flags of `entries pin`.
#[derive(Args, Clone, Debug, Default)]
pub struct PinEntries {
    /// Files of access entries, YAML or JSON
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Write each file in its place; without it, the one file goes to standard output
    #[arg(long)]
    pub in_place: bool,

    /// Replace pins that differ from what IAM says, too
    #[arg(long)]
    pub force: bool,

    /// How the report is printed: text or json
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: ReportFormat,

    /// Whose keys ask IAM.
    #[command(flatten)]
    pub keys: Keys,
}
