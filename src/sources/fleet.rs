//! The sources that run now, and how their list changes while they run.
//!
//! A changed list starts what is new, waits for its first tables, publishes the chain, and then ends what is gone. A
//! source that stands in both lists goes on as it is. What was ended writes, if it still does, to a table that no chain
//! holds.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use super::outlet::{Board, Outlet};
use super::watched_file::Tally;
use super::{
    SourceSettings, SourceState, access_entry_crd, access_entry_file, config_map, crd, dynamic_file, eks_access_entries,
};
use crate::clock::Clock;
use crate::kubernetes::ClusterAccess;
use crate::live::{Live, Publisher};
use crate::mapping::{AuthenticationMode, Chain, MappingTable, MissedCallers, SourceKind, TableSettings};
use crate::telemetry::Metrics;

/// What every source is given.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) settings: Arc<SourceSettings>,
    pub(super) board: Board,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    /// Changes whenever every input is to be read anew.
    pub(super) reload: Live<u64>,
    /// What the mirrored cluster says of entries and aws-auth, where `server.authenticationMode` leaves it to that.
    pub(super) mode: Arc<Publisher<AuthenticationMode>>,
    /// Whom no source knew.
    pub(super) missed: MissedCallers,
}

/// The sources that run.
#[derive(Debug)]
pub(super) struct Fleet {
    ground: Ground,
    /// The config file's table, which is kept up whatever the list says.
    mounted: Live<MappingTable>,
    running: Vec<Running>,
    chain: Publisher<Chain>,
}

/// One of them. Dropping it ends it.
#[derive(Debug)]
struct Running {
    kind: SourceKind,
    table: Live<MappingTable>,
    task: JoinSet<()>,
}

impl Ground {
    pub(super) fn table_settings(&self, source: SourceKind) -> TableSettings {
        TableSettings { source, partition: self.settings.partition }
    }

    /// How the watch of a file is told of.
    pub(super) fn tally(&self, source: &'static str) -> Tally {
        // The reference has no files of access entries: its metric is not theirs.
        let own = [SourceKind::MountedFile, SourceKind::AccessEntryFile].map(SourceKind::as_str);
        let dynamic = !own.contains(&source);
        Tally { metrics: Arc::clone(&self.metrics), source, dynamic }
    }

    /// Where the API server is.
    pub(super) fn cluster(&self) -> &ClusterAccess {
        &self.settings.cluster
    }
}

impl Fleet {
    pub(super) fn new(ground: Ground, mounted: Live<MappingTable>, chain: Publisher<Chain>) -> Self {
        Self { ground, mounted, running: Vec::new(), chain }
    }

    /// Starts the list of the server's start and publishes it at once: what is read from files is there when this
    /// returns, what comes from a network joins later.
    pub(super) async fn launch(&mut self, kinds: &[SourceKind]) {
        self.start_missing(kinds);
        self.publish(kinds);
        let of_a_file = |kind| matches!(kind, SourceKind::AccessEntryFile | SourceKind::DynamicFile);
        let local = |source: &SourceState| of_a_file(source.kind) && !source.is_settled();
        self.until_none(local).await;
    }

    /// Begins a change of the list: starts what is new. What was begun for another list that never came into force is
    /// ended, or reused.
    pub(super) async fn begin(&mut self, kinds: &[SourceKind]) {
        let in_force = self.kinds();
        self.end(|kind| !kinds.contains(&kind) && !in_force.contains(&kind)).await;
        self.start_missing(kinds);
    }

    /// Waits until what was begun has published its first tables. May be dropped: the list in force stays.
    pub(super) async fn first_tables(&self, kinds: &[SourceKind]) {
        self.until_none(|source| kinds.contains(&source.kind) && !source.asked && !source.published).await;
    }

    /// Puts a list that was begun in force, then ends the sources that are not on it.
    pub(super) async fn put_in_force(&mut self, kinds: &[SourceKind]) {
        self.publish(kinds);
        self.end(|kind| !kinds.contains(&kind)).await;
    }

    /// The list in force.
    pub(super) fn kinds(&self) -> Vec<SourceKind> {
        self.chain.subscribe().now().tables.iter().map(|table| table.now().source()).collect()
    }

    async fn until_none(&self, wanting: impl Fn(&SourceState) -> bool) {
        let mut state = self.ground.board.subscribe();
        while state.now().sources.iter().any(&wanting) && state.changed().await {}
    }

    /// Returns once nothing of them runs, so that none writes to the metrics or the board of a later one of its kind.
    async fn end(&mut self, goes: impl Fn(SourceKind) -> bool) {
        let gone: Vec<Running> = self.running.extract_if(.., |running| goes(running.kind)).collect();
        for mut gone in gone {
            gone.task.shutdown().await;
            self.ground.metrics.source_ended(gone.kind.as_str());
            self.ground.board.remove(gone.kind);
        }
    }

    fn publish(&self, kinds: &[SourceKind]) {
        let table = |kind: &SourceKind| match self.running.iter().find(|running| running.kind == *kind) {
            Some(running) => running.table.clone(),
            None => self.mounted.clone(),
        };
        self.chain.update(|chain| Chain { tables: kinds.iter().map(table).collect(), ..chain.clone() });
        self.ground.board.ask(kinds);
        let dynamic = kinds.contains(&SourceKind::DynamicFile);
        self.ground.metrics.dynamic_file(dynamic, dynamic && kinds.len() == 1);
    }

    fn start_missing(&mut self, kinds: &[SourceKind]) {
        for kind in kinds {
            if !self.running.iter().any(|running| running.kind == *kind) {
                self.running.extend(self.start(*kind));
            }
        }
    }

    /// `None` for the mounted file, which runs always, and for kinds that [`super::start`] refuses.
    fn start(&self, kind: SourceKind) -> Option<Running> {
        let ground = self.ground.clone();
        let (outlet, table) = Outlet::new(ground.table_settings(kind), &ground.board, &ground.metrics);
        let work: Pin<Box<dyn Future<Output = ()> + Send>> = match kind {
            SourceKind::Crd => Box::pin(crd::run(ground, outlet)),
            SourceKind::DynamicFile => Box::pin(dynamic_file::run(ground, outlet)),
            SourceKind::EksConfigMap => Box::pin(config_map::run(ground, outlet)),
            SourceKind::AccessEntry => Box::pin(access_entry_crd::run(ground, outlet)),
            SourceKind::AccessEntryFile => Box::pin(access_entry_file::run(ground, outlet)),
            SourceKind::EksAccessEntries => Box::pin(eks_access_entries::run(ground, outlet)),
            SourceKind::MountedFile => return None,
        };
        let (board, metrics) = (self.ground.board.clone(), Arc::clone(&self.ground.metrics));
        board.add(kind);
        let mut task = JoinSet::new();
        task.spawn(async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!(mapping.source = %kind, "the source ended in a panic; what it served stays until a restart");
                metrics.source_stale(kind.as_str(), true);
                board.fault(kind, "it ended in a panic; restart the server and report it".to_owned());
            }
        });
        Some(Running { kind, table, task })
    }
}
