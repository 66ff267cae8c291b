//! A source's way out: its table, and what log, metrics and `/readyz` say of it.
//!
//! A source publishes whole tables; **a fault keeps the last good one**. Each fault is told once, however often it is
//! seen, and stands in the state until the newest input is served again.

use std::fmt::Display;
use std::sync::Arc;

use super::{SourceState, SourcesState};
use crate::diagnostic::{Diagnostic, Severity};
use crate::live::{Live, Publisher, live};
use crate::mapping::{MappingTable, SourceKind, TableSettings};
use crate::telemetry::Metrics;

/// Dropped entries and warnings of one load that get a line each in the log.
const MOST_TOLD: usize = 20;

/// Where one source publishes.
#[derive(Debug)]
pub(super) struct Outlet {
    kind: SourceKind,
    table: Publisher<MappingTable>,
    board: Board,
    metrics: Arc<Metrics>,
    published: bool,
    fault: Option<String>,
    /// What was told of the last load's entries.
    told: Vec<String>,
}

/// How all sources stand; each writes its own line.
#[derive(Clone, Debug)]
pub(super) struct Board(Arc<Publisher<SourcesState>>);

impl Outlet {
    /// The outlet of a source, and the table that requests read.
    pub(super) fn new(settings: TableSettings, board: &Board, metrics: &Arc<Metrics>) -> (Self, Live<MappingTable>) {
        let (table, tables) = live(MappingTable::unread(settings));
        let kind = settings.source;
        let (board, metrics) = (board.clone(), Arc::clone(metrics));
        (Self { kind, table, board, metrics, published: false, fault: None, told: Vec::new() }, tables)
    }

    /// Which source it is.
    pub(super) const fn kind(&self) -> SourceKind {
        self.kind
    }

    /// Whether a table was published.
    pub(super) const fn has_published(&self) -> bool {
        self.published
    }

    /// Replaces the table. Whether it is made of the newest input is said by [`Outlet::recover`] or [`Outlet::fail`],
    /// one of which must follow.
    pub(super) fn publish(&mut self, table: MappingTable, origin: &dyn Display) {
        let entries = table.len();
        // Whoever sees the table sees what the metrics say of it.
        self.metrics.source_loaded(self.kind.as_str(), entries);
        self.table.publish(table);
        self.published = true;
        tracing::info!(mapping.source = %self.kind, mapping.origin = %origin, entries, "mappings loaded");
    }

    /// Tells what the newest input holds that is dropped (errors) or probably not meant (warnings): once, not again
    /// while it stays the same.
    pub(super) fn tell(&mut self, found: &[Diagnostic]) {
        let dropped = found.iter().filter(|one| one.severity == Severity::Error).count();
        self.metrics.source_dropped(self.kind.as_str(), dropped);
        let lines: Vec<String> = found.iter().map(Diagnostic::to_string).collect();
        if lines != self.told {
            for (line, one) in lines.iter().zip(found).take(MOST_TOLD) {
                if one.severity == Severity::Error {
                    tracing::error!(mapping.source = %self.kind, error = %line, "mapping is dropped");
                } else {
                    tracing::warn!(mapping.source = %self.kind, "{line}");
                }
            }
            let more = lines.len().saturating_sub(MOST_TOLD);
            if more > 0 {
                tracing::warn!(mapping.source = %self.kind, more, "further mappings have faults; run check over the source");
            }
        }
        self.told = lines;
    }

    /// The newest input is served (again).
    pub(super) fn recover(&mut self) {
        if self.fault.take().is_some() {
            tracing::info!(mapping.source = %self.kind, "the source is good again");
        }
        self.metrics.source_stale(self.kind.as_str(), false);
        self.show(false);
    }

    /// Keeps what is served: the newest input cannot be read or used. Yields whether this is news.
    pub(super) fn fail(&mut self, fault: String) -> bool {
        self.hold(fault, false)
    }

    /// As [`Outlet::fail`], with the first error of several and their number.
    pub(super) fn fail_with(&mut self, faults: &[Diagnostic]) -> bool {
        let errors = || faults.iter().filter(|fault| fault.severity == Severity::Error);
        let more = errors().count().saturating_sub(1);
        let first = errors().next().map_or_else(|| "the input cannot be used".to_owned(), Diagnostic::to_string);
        self.fail(if more > 0 { format!("{first} (and {more} more)") } else { first })
    }

    /// As [`Outlet::fail`]: the API server has no such kind of object.
    pub(super) fn fail_for_want_of_kind(&mut self, fault: String) {
        self.hold(fault, true);
    }

    fn hold(&mut self, fault: String, kind_missing: bool) -> bool {
        self.metrics.source_failed(self.kind.as_str());
        self.metrics.source_stale(self.kind.as_str(), true);
        let news = self.fault.as_deref() != Some(&fault);
        if news {
            let kept = if self.published { "the last good mappings stay" } else { "there are no mappings yet" };
            tracing::error!(mapping.source = %self.kind, error = %fault, "source is not used as it is: {kept}");
        }
        self.fault = Some(fault);
        self.show(kind_missing);
        news
    }

    fn show(&self, kind_missing: bool) {
        self.board.line(self.kind, |line| {
            (line.published, line.fault, line.kind_missing) = (self.published, self.fault.clone(), kind_missing);
        });
    }
}

impl Board {
    /// A board without a line.
    pub(super) fn new() -> Self {
        Self(Arc::new(live(SourcesState::default()).0))
    }

    /// The state, always the newest.
    pub(super) fn subscribe(&self) -> Live<SourcesState> {
        self.0.subscribe()
    }

    /// A line for a source that has not published and that no request asks yet.
    pub(super) fn add(&self, kind: SourceKind) {
        self.edit(|state| {
            state.sources.push(SourceState { kind, asked: false, published: false, fault: None, kind_missing: false })
        });
    }

    /// The source runs no more.
    pub(super) fn remove(&self, kind: SourceKind) {
        self.edit(|state| state.sources.retain(|source| source.kind != kind));
    }

    /// These, in this order, are asked from now on; the others stand behind them.
    ///
    /// Every source that runs has a line. A mounted file without one has no config file: nothing is waited for.
    pub(super) fn ask(&self, kinds: &[SourceKind]) {
        self.edit(|state| {
            let mut known = std::mem::take(&mut state.sources);
            let line = |kind: &SourceKind| {
                let line = known.extract_if(.., |source| source.kind == *kind).next();
                let published = *kind == SourceKind::MountedFile;
                let line = line.unwrap_or(SourceState {
                    kind: *kind,
                    asked: true,
                    published,
                    fault: None,
                    kind_missing: false,
                });
                SourceState { asked: true, ..line }
            };
            state.sources = kinds.iter().map(line).collect();
            state.sources.extend(known.into_iter().map(|source| SourceState { asked: false, ..source }));
        });
    }

    /// Why the list of sources in force is not that of the backend-mode file; `None` when it is.
    pub(super) fn list_fault(&self, fault: Option<String>) {
        self.edit(|state| state.list_fault = fault);
    }

    /// The source is at fault, whatever it published.
    pub(super) fn fault(&self, kind: SourceKind, fault: String) {
        self.line(kind, |line| line.fault = Some(fault));
    }

    fn line(&self, kind: SourceKind, edit: impl FnOnce(&mut SourceState)) {
        self.edit(|state| {
            let _ = state.sources.iter_mut().find(|source| source.kind == kind).map(edit);
        });
    }

    fn edit(&self, edit: impl FnOnce(&mut SourcesState)) {
        self.0.update(|state| {
            let mut state = state.clone();
            edit(&mut state);
            state
        });
    }
}
