//! Flags of `entries diff`.

use std::path::PathBuf;

use clap::Args;

use crate::config::flags::DataFormat;

/// Flags of `entries diff`.
#[derive(Args, Clone, Debug, Default)]
pub struct DiffEntries {
    /// Mappings as they are: files of any kind that `entries convert` reads
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub before: Vec<PathBuf>,

    /// Mappings as they shall be
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub after: Vec<PathBuf>,

    /// Sources in the order they are asked, on both sides [default: server.backendMode of a config among the files, else entries first, then as the files stand]
    #[arg(long, value_name = "MODES", value_delimiter = ',')]
    pub backend_mode: Vec<String>,

    /// Judge as if it were this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,

    /// How to print it: table, json or yaml
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: DataFormat,
}
