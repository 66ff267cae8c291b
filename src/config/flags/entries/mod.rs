//! Flags of `entries`.

mod convert;
mod diff;
mod pin;
mod render;

use clap::{Args, Subcommand};

pub use convert::{ConvertEntries, EntriesForm, UsernameChoice};
pub use diff::DiffEntries;
pub use pin::PinEntries;
pub use render::RenderEntries;

/// Flags of `entries`.
#[derive(Args, Clone, Debug)]
pub struct Entries {
    /// What to do
    #[command(subcommand)]
    pub action: EntriesAction,
}

/// What `entries` does.
#[derive(Clone, Debug, Subcommand)]
pub enum EntriesAction {
    /// Make access entries of aws-auth, IAMIdentityMappings or a server config
    #[command(after_help = "Example:\n  iam-bridge entries convert aws-auth.yaml > access-entries.yaml")]
    Convert(Box<ConvertEntries>),
    /// Compare the users that mappings yield, before and after
    #[command(after_help = "Example:\n  iam-bridge entries diff --before aws-auth.yaml --after access-entries.yaml")]
    Diff(Box<DiffEntries>),
    /// Write into entries the unique id that each principal has now
    #[command(after_help = "Example:\n  iam-bridge entries pin access-entries.yaml")]
    Pin(Box<PinEntries>),
    /// Print the RoleBindings that the access policies of entries need
    #[command(after_help = "Example:\n  iam-bridge entries render access-entries.yaml --namespaces dev-a,dev-b")]
    Render(Box<RenderEntries>),
}
