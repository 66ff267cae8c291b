//! Where mappings come from.
//!
//! [`start`] starts each source of `server.backendMode` and yields the [`Chain`] that requests read. What is read from
//! files is there when it returns; what comes from a network joins when it can, and delays nothing. A source publishes
//! an immutable table whenever its input changes; **a fault keeps the old one**, is logged once with its place, and
//! shows in [`SourcesState`].
//!
//! ```text
//! config file ─mounted_file────────┐                       ┌─backend_mode: a file that changes the list
//! JSON file ──dynamic_file─────────┤
//! access entries access_entry_file ┤
//! aws-auth ───config_map───────────┤──Outlet──▶ MappingTable ──Fleet──▶ Chain
//! objects ────crd──────────────────┤          ▲
//! objects ────access_entry_crd─────┤          └── keys: text ──document──▶ tree ──▶ entries
//! EKS ────────eks_access_entries───┘
//! ```
//!
//! [`keys`] holds the parsers of all of these formats; `config`, `check`, `add` and `explain` call the same ones.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

mod access_entry_crd;
mod access_entry_file;
mod backend_mode;
mod config_map;
mod crd;
mod dynamic_file;
mod eks_access_entries;
mod file_text;
mod fleet;
pub mod keys;
mod mounted_file;
mod objects;
mod outlet;
mod watched_file;
mod whole_file;

pub use eks_access_entries::{EksMirror, Pins};
pub use file_text::{FileText, format_of, read_regular};
pub use mounted_file::{FirstReading, Reading};

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::diagnostic::{Diagnostic, Severity};
use crate::iam::{AccountId, Partition};
use crate::kubernetes::ClusterAccess;
use crate::live::{Live, Publisher, live};
use crate::mapping::{
    AccessPolicyMode, AuthenticationMode, Chain, DenyList, MissedCallers, PolicyReadiness, ReservedPrefixes, RolePaths,
    ScrubbedAccounts, SourceKind,
};
use crate::telemetry::Metrics;
use backend_mode::ModeFile;
use fleet::{Fleet, Ground};
use keys::{KeySettings, ModeNeeds};
use mounted_file::{MountedFile, Outlets};
use outlet::{Board, Outlet};

/// What the sources need to start.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// `server.backendMode`, in the order they are asked.
    pub backend_modes: Vec<SourceKind>,
    /// The server's config file, which [`SourceKind::MountedFile`] re-reads; absent when all came from flags.
    pub config_file: Option<PathBuf>,
    /// `server.dynamicBackendModePath`: a file that changes the list of sources while the server runs.
    pub backend_mode_file: Option<PathBuf>,
    /// `server.dynamicfilepath`, which [`SourceKind::DynamicFile`] follows.
    pub dynamic_file: Option<PathBuf>,
    /// `server.dynamicfileUserIDStrict`: entries of the dynamic file are looked up by their `userid`.
    pub dynamic_user_id_strict: bool,
    /// `server.accessEntryFile`, which [`SourceKind::AccessEntryFile`] follows.
    pub access_entry_file: Option<PathBuf>,
    /// `server.eksAccessEntries`, which [`SourceKind::EksAccessEntries`] mirrors.
    pub eks: Option<EksMirror>,
    /// `server.cluster.accountId`: roles of nodes belong to it.
    pub cluster_account: Option<AccountId>,
    /// `server.authenticationMode`.
    pub authentication_mode: ModeFrom,
    /// `server.accessPolicies.mode`.
    pub policies: AccessPolicyMode,
    /// How the objects of access policies stand, for the statuses of access entries.
    pub policy_readiness: Live<PolicyReadiness>,
    /// `server.kubeconfig`, `server.master`: where the API server is, for the sources that live there.
    pub cluster: ClusterAccess,
    /// Whether faults and successes are told to the API server too: Events, statuses of `iamidentitymappings`.
    pub reports: bool,
    /// `server.partition`: account lists match only in it.
    pub partition: Partition,
    /// `server.rolePaths`.
    pub role_paths: RolePaths,
    /// Feature gate `SSORoleMatch`: `false` loads SSO entries and never matches them.
    pub sso_roles: bool,
    /// How an unknown key counts when a file is read again: `--strict-config` makes it an error.
    pub unknown_keys: Severity,
    /// `server.scrubbedAccounts`.
    pub scrubbed: ScrubbedAccounts,
    /// What `config` has read already.
    pub first_reading: FirstReading,
}

/// Where the authentication mode comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ModeFrom {
    /// `server.authenticationMode`, or its default.
    Config(AuthenticationMode),
    /// `mirror`: what the mirrored EKS cluster says.
    Mirror,
}

impl Default for ModeFrom {
    fn default() -> Self {
        Self::Config(AuthenticationMode::default())
    }
}

/// Why the sources do not start.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The config file's mapping, deny or reserved-prefix keys are bad.
    #[error("the config file has {} fault(s)", .0.len())]
    Faults(Vec<Diagnostic>),
}

/// How the sources stand; for `/readyz`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SourcesState {
    /// Those that requests ask, in `backendMode` order. Behind them those that are not asked: of a changed list that waits
    /// for their first tables, and the config file, whose deny list counts whatever the list says.
    pub sources: Vec<SourceState>,
    /// Why the list in force is not that of the backend-mode file; absent when it is, or when there is no such file.
    pub list_fault: Option<String>,
}

/// How one source stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceState {
    /// Which.
    pub kind: SourceKind,
    /// Whether requests ask it: not before a changed list is in force.
    pub asked: bool,
    /// Whether it has published a table.
    pub published: bool,
    /// Why its newest input is not served; absent when it is.
    pub fault: Option<String>,
    /// Whether that is because the API server has no such kind of object.
    pub kind_missing: bool,
}

impl SourceState {
    /// Whether it has read its input for the first time, with whatever success.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.published || self.fault.is_some()
    }
}

impl SourcesState {
    /// Whether every source that is asked has published once. A later fault does not end readiness.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.sources.iter().filter(|source| source.asked).all(|source| source.published)
    }
}

/// The running sources. Dropping it ends their tasks; the chain then keeps its last tables.
#[derive(Debug)]
pub struct Sources {
    reload: Publisher<u64>,
    state: Live<SourcesState>,
    cancel: CancellationToken,
    /// Ends the tasks when it is dropped.
    _tasks: JoinSet<()>,
}

/// Starts every source of `settings.backend_modes` and returns once those of files have been read.
///
/// # Errors
/// [`SourceError`]: bad keys of the config file. An input that cannot be read at start is no error: that source is not
/// ready until it can.
pub async fn start(
    settings: &SourceSettings,
    metrics: Arc<Metrics>,
    clock: Clock,
) -> Result<(Live<Chain>, Sources), SourceError> {
    let (reload, reloads) = live(0);
    let board = Board::new();
    let mode = match settings.authentication_mode {
        ModeFrom::Config(mode) => mode,
        // Until the mirrored cluster has said it: aws-auth counts only if it does there.
        ModeFrom::Mirror => AuthenticationMode::Api,
    };
    let (mode, modes) = live(mode);
    let missed = MissedCallers::default();
    let ground = Ground {
        settings: Arc::new(settings.clone()),
        board,
        metrics,
        clock,
        reload: reloads,
        mode: Arc::new(mode),
        missed: missed.clone(),
    };
    let (deny, deny_list) = live(DenyList::default());
    let (reserved, prefixes) = live(ReservedPrefixes::default());
    let (outlet, mounted) = Outlet::new(ground.table_settings(SourceKind::MountedFile), &ground.board, &ground.metrics);
    let chain = Chain {
        deny: deny_list,
        reserved: prefixes,
        tables: Vec::new(),
        scrubbed: settings.scrubbed.clone(),
        policies: settings.policies,
        mode: modes,
        missed,
    };
    let (chain, chains) = live(chain);
    let (state, cancel, mut tasks) = (ground.board.subscribe(), CancellationToken::new(), JoinSet::new());
    let mut fleet = Fleet::new(ground.clone(), mounted, chain);
    if let Some(path) = &settings.config_file {
        ground.board.add(SourceKind::MountedFile);
        let outlets = Outlets { outlet, deny, reserved };
        let tally = ground.tally(SourceKind::MountedFile.as_str());
        let first = settings.first_reading.take();
        let started = MountedFile::start(path, settings.key_settings(), first, outlets, tally).await;
        let (source, file) = started.map_err(SourceError::Faults)?;
        tasks.spawn(source.run(file, ground.reload.clone(), cancel.clone()));
    }
    let until = cancel.clone();
    match &settings.backend_mode_file {
        Some(path) => {
            let (file, list) = ModeFile::start(path, ground).await;
            fleet.launch(&list).await;
            tasks.spawn(async move {
                until.run_until_cancelled(Box::pin(file.follow(fleet))).await.unwrap_or(());
            });
        }
        None => {
            fleet.launch(&settings.backend_modes).await;
            tasks.spawn(async move {
                until.cancelled().await;
                drop(fleet);
            });
        }
    }
    Ok((chains, Sources { reload, state, cancel, _tasks: tasks }))
}

impl SourceSettings {
    /// The file's mappings under default settings: what tests and the demo start with.
    #[must_use]
    pub fn mounted_file(path: PathBuf) -> Self {
        Self {
            backend_modes: vec![SourceKind::MountedFile],
            config_file: Some(path),
            backend_mode_file: None,
            dynamic_file: None,
            dynamic_user_id_strict: false,
            access_entry_file: None,
            eks: None,
            cluster_account: None,
            authentication_mode: ModeFrom::default(),
            policies: AccessPolicyMode::default(),
            policy_readiness: Live::fixed(PolicyReadiness::default()),
            cluster: ClusterAccess::default(),
            reports: true,
            partition: Partition::Aws,
            role_paths: RolePaths::default(),
            sso_roles: true,
            unknown_keys: Severity::Warning,
            scrubbed: ScrubbedAccounts::default(),
            first_reading: FirstReading::default(),
        }
    }

    /// Which sources the backend-mode file may name.
    #[must_use]
    pub fn mode_needs(&self) -> ModeNeeds {
        ModeNeeds {
            dynamic_file: self.dynamic_file.is_some(),
            access_entry_file: self.access_entry_file.is_some(),
            eks: self.eks.is_some(),
            mode: match self.authentication_mode {
                ModeFrom::Config(mode) => Some(mode),
                ModeFrom::Mirror => None,
            },
        }
    }

    /// What judging the keys of files and objects depends on.
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
        self.reload.update(|times| times.wrapping_add(1));
    }

    /// How they stand, always the newest.
    #[must_use]
    pub fn state(&self) -> Live<SourcesState> {
        self.state.clone()
    }

    /// Waits until every source has read its input for the first time, with whatever success, at most `limit`.
    pub async fn first_tables(&self, limit: Duration) -> Arc<SourcesState> {
        let mut state = self.state.clone();
        let settled =
            async { while !state.now().sources.iter().all(SourceState::is_settled) && state.changed().await {} };
        let _in_time = timeout(limit, settled).await;
        self.state.now()
    }

    /// Ends the tasks; the chain keeps its last tables.
    pub fn stop(&self) {
        self.cancel.cancel();
    }
}
