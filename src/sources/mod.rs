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

pub use mounted_file::{FirstReading, Reading};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Severity};
use crate::iam::Partition;
use crate::live::{Live, live};
use crate::mapping::{
    Chain, DenyList, MappingTable, ReservedPrefixes, RolePaths, ScrubbedAccounts, SourceKind, TableSettings,
};
use crate::telemetry::Metrics;
use keys::KeySettings;
use mounted_file::{MountedFile, Outlets};

/// What the sources need to start.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// `server.backendMode`, in the order they are asked.
    pub backend_modes: Vec<SourceKind>,
    /// The server's config file, which [`SourceKind::MountedFile`] re-reads; absent when all came from flags.
    pub config_file: Option<PathBuf>,
    /// `server.dynamicBackendModePath`; no version can follow it yet, so the start refuses it.
    pub backend_mode_file: Option<PathBuf>,
    /// `server.partition`: account lists match only in it.
    pub partition: Partition,
    /// `server.rolePaths`.
    pub role_paths: RolePaths,
    /// Feature gate `SSORoleMatch`: `false` loads SSO entries and never matches them.
    pub sso_roles: bool,
    /// How an unknown key counts when the file is read again: `--strict-config` makes it an error.
    pub unknown_keys: Severity,
    /// `server.scrubbedAccounts`.
    pub scrubbed: ScrubbedAccounts,
    /// What `config` has read already.
    pub first_reading: FirstReading,
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
    /// `server.dynamicBackendModePath`: the file would choose the sources while the server runs.
    #[error("server.dynamicBackendModePath `{}` is not available in this version; remove it", .0.display())]
    NoModeFile(PathBuf),
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
pub struct Sources {
    reload: Arc<Notify>,
    state: Live<SourcesState>,
    cancel: CancellationToken,
    /// Ends the tasks when it is dropped.
    _tasks: JoinSet<()>,
}

/// Starts every source of `settings.backend_modes` and waits until each has published or failed to read its input.
///
/// # Errors
/// [`SourceError`]: a mode that does not exist yet, or bad keys at start. A file that cannot be *read* at start is
/// no error: that source is not ready until it can.
pub async fn start(settings: &SourceSettings, metrics: Arc<Metrics>) -> Result<(Chain, Sources), SourceError> {
    refuse_what_is_to_come(settings)?;
    let table = TableSettings { source: SourceKind::MountedFile, partition: settings.partition };
    let (table, tables) = live(MappingTable::empty(table));
    let (deny, deny_list) = live(DenyList::default());
    let (reserved, prefixes) = live(ReservedPrefixes::default());
    let published = settings.config_file.is_none();
    let first = SourceState { kind: SourceKind::MountedFile, published, fault: None };
    let (state, states) = live(SourcesState { sources: vec![first] });
    let (reload, cancel, mut tasks) = (Arc::new(Notify::new()), CancellationToken::new(), JoinSet::new());
    if let Some(path) = &settings.config_file {
        let outlets = Outlets { table, deny, reserved, state, metrics };
        let keys = settings.key_settings();
        let started = MountedFile::start(path, keys, settings.first_reading.take(), outlets).await;
        let (source, file) = started.map_err(SourceError::Faults)?;
        tasks.spawn(source.run(file, Arc::clone(&reload), cancel.clone()));
    }
    let scrubbed = settings.scrubbed.clone();
    let chain = Chain { deny: deny_list, reserved: prefixes, tables: vec![tables], scrubbed };
    Ok((chain, Sources { reload, state: states, cancel, _tasks: tasks }))
}

fn refuse_what_is_to_come(settings: &SourceSettings) -> Result<(), SourceError> {
    let to_come: Vec<&str> = settings
        .backend_modes
        .iter()
        .filter_map(|kind| match kind {
            SourceKind::MountedFile => None,
            SourceKind::AccessEntry
            | SourceKind::AccessEntryFile
            | SourceKind::Crd
            | SourceKind::DynamicFile
            | SourceKind::EksAccessEntries
            | SourceKind::EksConfigMap => Some(kind.as_str()),
        })
        .collect();
    if !to_come.is_empty() {
        return Err(SourceError::NotAvailable(to_come.join(", ")));
    }
    match &settings.backend_mode_file {
        Some(path) => Err(SourceError::NoModeFile(path.clone())),
        None => Ok(()),
    }
}

impl SourceSettings {
    /// The file's mappings under default settings: what tests and the demo start with.
    #[must_use]
    pub fn mounted_file(path: PathBuf) -> Self {
        Self {
            backend_modes: vec![SourceKind::MountedFile],
            config_file: Some(path),
            backend_mode_file: None,
            partition: Partition::Aws,
            role_paths: RolePaths::default(),
            sso_roles: true,
            unknown_keys: Severity::Warning,
            scrubbed: ScrubbedAccounts::default(),
            first_reading: FirstReading::default(),
        }
    }

    /// What judging the file's keys depends on.
    #[must_use]
    pub const fn key_settings(&self) -> KeySettings {
        KeySettings {
            partition: self.partition,
            role_paths: self.role_paths,
            sso_roles: self.sso_roles,
            unknown: self.unknown_keys,
        }
    }
}

impl Sources {
    /// Re-reads every input now, as SIGHUP asks. Does not wait.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// How they stand, always the newest.
    #[must_use]
    pub fn state(&self) -> Live<SourcesState> {
        self.state.clone()
    }

    /// Ends the tasks; the chain keeps its last tables.
    pub fn stop(&self) {
        self.cancel.cancel();
    }
}
