//! Where mappings come from.
//!
//! [`start`] is one match over [`SourceKind`]: it starts each source of `server.backendMode`, waits for its first
//! table and yields the [`Chain`] that requests read. A source publishes an immutable table whenever its input
//! changes; **a fault keeps the old one**, is logged once with file, line and column, and shows in [`SourcesState`].
//!
//! ```text
//! file ──WatchedFile──▶ bytes ──document::parse──▶ tree ──keys──▶ entries ──▶ MappingTable ──publish──▶ Chain
//! ```
//!
//! [`keys`] holds the parsers of the mapping, deny, reserved-prefix and backendMode keys; `config` and `check` call
//! the same ones.

use std::path::PathBuf;
use std::sync::Arc;

mod file_text;
pub mod keys;
mod mounted_file;
mod watched_file;

pub use file_text::{FileText, format_of, read_regular};

use crate::diagnostic::Diagnostic;
use crate::iam::Partition;
use crate::live::Live;
use crate::mapping::{Chain, RolePaths, ScrubbedAccounts, SourceKind};
use crate::telemetry::Metrics;

/// What the sources need to start.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// `server.backendMode`, in the order they are asked.
    pub backend_modes: Vec<SourceKind>,
    /// The server's config file, which [`SourceKind::MountedFile`] re-reads; absent when all came from flags.
    pub config_file: Option<PathBuf>,
    /// `server.partition`: account lists match only in it.
    pub partition: Partition,
    /// `server.rolePaths`.
    pub role_paths: RolePaths,
    /// Feature gate `SSORoleMatch`: `false` loads SSO entries and never matches them.
    pub sso_roles: bool,
    /// `server.scrubbedAccounts`.
    pub scrubbed: ScrubbedAccounts,
}

/// Why the sources do not start.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Modes of `server.backendMode` that this version cannot run yet.
    #[error("backend mode {0} is not available in this version; use MountedFile")]
    NotAvailable(String),
    /// The config file's mapping, deny or reserved-prefix keys are bad.
    #[error("the config file has {} fault(s)", .0.len())]
    Faults(Vec<Diagnostic>),
    /// `MountedFile` without a config file.
    #[error("backend mode MountedFile needs a config file; name it with --config")]
    NoConfigFile,
}

/// How the sources stand; for `/readyz`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SourcesState {
    /// One a source, in `backendMode` order.
    pub sources: Vec<SourceState>,
}

/// How one source stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceState {
    /// Which.
    pub kind: SourceKind,
    /// Whether it has published a table.
    pub published: bool,
    /// Why its newest input is not served; absent when it is.
    pub fault: Option<String>,
}

impl SourcesState {
    /// Whether every source has published once. A later fault does not end readiness.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.sources.iter().all(|source| source.published)
    }
}

/// The running sources. Dropping it ends their tasks; the chain then keeps its last tables.
#[derive(Debug)]
pub struct Sources {}

/// Starts every source of `settings.backend_modes` and waits until each has published or failed to read its input.
///
/// # Errors
/// [`SourceError`]: a mode that does not exist yet, or bad keys at start. A file that cannot be *read* at start is
/// no error: that source is not ready until it can.
pub async fn start(_settings: &SourceSettings, _metrics: Arc<Metrics>) -> Result<(Chain, Sources), SourceError> {
    todo!()
}

impl Sources {
    /// Re-reads every input now, as SIGHUP asks. Does not wait.
    pub fn reload(&self) {
        todo!()
    }

    /// How they stand, always the newest.
    #[must_use]
    pub fn state(&self) -> Live<SourcesState> {
        todo!()
    }
}
