//! The sources that run now, and how their list changes while they run.
//!
//! A changed list starts what is new, waits for its first tables, publishes the chain, and then ends what is gone. A
//! source that stands in both lists goes on as it is. What was ended writes, if it still does, to a table that no chain
//! holds.

use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::outlet::{Board, Outlet};
use super::{SourceSettings, SourceState, config_map, crd, dynamic_file};
use crate::clock::Clock;
use crate::kubernetes::ClusterAccess;
use crate::live::{Live, Publisher};
use crate::mapping::{Chain, MappingTable, SourceKind, TableSettings};
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
    cancel: CancellationToken,
    _tasks: JoinSet<()>,
}

impl Ground {
    pub(super) fn table_settings(&self, source: SourceKind) -> TableSettings {
        TableSettings { source, partition: self.settings.partition }
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
        let mut state = self.ground.board.subscribe();
        let local = |kind| matches!(kind, SourceKind::DynamicFile);
        while state.now().sources.iter().any(|source| local(source.kind) && !source.is_settled()) {
            if !state.changed().await {
                return;
            }
        }
    }

    /// Changes the list; returns when it is in force. Dropped before, the old list stays in force.
    pub(super) async fn switch(&mut self, kinds: &[SourceKind]) {
        self.start_missing(kinds);
        let mut state = self.ground.board.subscribe();
        let to_come = |source: &SourceState| kinds.contains(&source.kind) && !source.asked && !source.published;
        while state.now().sources.iter().any(to_come) {
            if !state.changed().await {
                return;
            }
        }
        self.publish(kinds);
        for gone in self.running.extract_if(.., |running| !kinds.contains(&running.kind)) {
            gone.cancel.cancel();
            self.ground.metrics.source_ended(gone.kind.as_str());
        }
    }

    /// The list in force.
    pub(super) fn kinds(&self) -> Vec<SourceKind> {
        self.chain.subscribe().now().tables.iter().map(|table| table.now().source()).collect()
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
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let until = cancel.clone();
        let work: Pin<Box<dyn Future<Output = ()> + Send>> = match kind {
            SourceKind::Crd => Box::pin(crd::run(ground, outlet)),
            SourceKind::DynamicFile => Box::pin(dynamic_file::run(ground, outlet)),
            SourceKind::EksConfigMap => Box::pin(config_map::run(ground, outlet)),
            SourceKind::AccessEntry
            | SourceKind::AccessEntryFile
            | SourceKind::EksAccessEntries
            | SourceKind::MountedFile => return None,
        };
        tasks.spawn(async move { until.run_until_cancelled(work).await.unwrap_or(()) });
        self.ground.board.add(kind);
        Some(Running { kind, table, cancel, _tasks: tasks })
    }
}
