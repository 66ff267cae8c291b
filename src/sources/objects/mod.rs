//! Objects of a CRD, watched: what the sources of every such kind have in common.
//!
//! ```text
//! kubernetes::watch ──▶ Objects (judged one by one) ──at most each 100 ms──▶ MappingTable ──▶ Outlet
//!                          └─ whose status differs ──▶ Statuses ──the elected replica──▶ API server
//! ```
//!
//! What decides is `spec`: the status says what was made of it, and is read by people only. An object that is at fault is
//! told and touches no other. A list takes the place of what was known when it is complete, not before. What differs
//! from kind to kind is a [`Kind`].

mod list;
mod schema;
mod status;

use std::fmt;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use kube::Api;
use kube::runtime::watcher;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::fleet::Ground;
use super::outlet::Outlet;
use crate::diagnostic::Diagnostic;
use crate::kubernetes::{InstalledKind, LeanObject, LeanParts, Pace, WatchEvent, WatchFault, connect, watch};
use crate::live::Live;
use crate::mapping::MappingTable;
use list::Seen;
pub(super) use list::{AllKnown, Known, Objects};
pub(super) use status::{Report, Statuses};

/// From one table to the next, while changes come.
const BETWEEN_TABLES: Duration = Duration::from_millis(100);
/// From one look for the CRD to the next, while it is not installed.
const UNTIL_INSTALLED: Duration = Duration::from_secs(4);
/// No change is waited for longer than this at once.
const LONG: Duration = Duration::from_secs(3600);

/// What is said of a kind.
#[derive(Debug)]
pub(super) struct Terms {
    /// Its name, for people.
    pub(super) kind: &'static str,
    /// As the API server names its objects.
    pub(super) plural: &'static str,
    /// The manifest that installs it.
    pub(super) manifest: &'static str,
    /// What is dropped with a key that the installed CRD lacks.
    pub(super) lost: &'static str,
    pub(super) installed: InstalledKind,
    /// The Lease in `kube-system` that the writer of statuses holds.
    pub(super) lease: &'static str,
    /// The Event on an object that is in force.
    pub(super) synced: &'static str,
}

/// All objects as a table, and what is to be told of those at fault.
pub(super) struct Indexed<V> {
    pub(super) table: MappingTable,
    pub(super) told: Vec<Diagnostic>,
    /// What the objects together say of single ones.
    pub(super) verdicts: V,
}

/// Where the reports of a kind come from and go to.
pub(super) struct Reporting<'s, K: Kind> {
    pub(super) objects: &'s Objects<K>,
    pub(super) statuses: &'s Statuses<K::Report>,
}

/// A kind of object that mappings are made of.
pub(super) trait Kind: fmt::Debug + Send + Sync + Sized + 'static {
    /// What is read of an object.
    type Parts: LeanParts;
    /// Its `spec`, as it came.
    type Text: Hash + Send;
    /// What it shows of us: its status.
    type Shown: Send;
    /// What is kept of it.
    type Judged: fmt::Debug + Send + Sync + 'static;
    /// See [`Indexed`].
    type Verdicts: Send + 'static;
    /// What is to be written to an object.
    type Report: Report;

    /// Its words.
    const TERMS: Terms;

    /// Takes an object apart.
    fn take(object: LeanObject<Self::Parts>) -> (Self::Text, Self::Shown);

    /// Judges one object alone.
    fn judge(&self, name: &str, text: Self::Text) -> Self::Judged;

    /// What makes a table of all of them, away from the runtime's threads: 20 000 objects take a while.
    fn indexer(&self, ground: &Ground) -> impl FnOnce(AllKnown<Self>) -> Indexed<Self::Verdicts> + Send + 'static;

    /// An object came, and showed this. `changed`: it is new, or another than before, and a table will follow; `news`:
    /// it was not so when we started.
    fn see(
        &mut self,
        known: &Arc<Known<Self::Judged>>,
        shown: Self::Shown,
        changed: bool,
        news: bool,
        statuses: &Statuses<Self::Report>,
    );

    /// The object is gone.
    fn forget(&mut self, _name: &str) {}

    /// Only these objects are still there.
    fn keep(&mut self, _there: impl Fn(&str) -> bool) {}

    /// A table was made.
    fn indexed(&mut self, _verdicts: Self::Verdicts, _to: Reporting<'_, Self>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Waits until what is reported may differ although no object does.
    fn turn(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Reports anew what differs by now.
    fn review(&mut self, _to: Reporting<'_, Self>) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Follows the objects until it is dropped.
pub(super) async fn run<K: Kind>(kind: K, ground: Ground, outlet: Outlet) {
    let (reports, mut reload) = (ground.settings.reports, ground.reload.clone());
    let mut source = Source::new(kind, ground, outlet);
    let mut pace = Pace::new();
    loop {
        let client = match connect(source.ground.cluster()).await {
            Ok(client) => client,
            Err(error) => {
                source.outlet.fail(error.to_string());
                rest(&mut pace, &mut reload).await;
                continue;
            }
        };
        let (listed, statuses) = (Arc::clone(&source.listed), Arc::clone(&source.statuses));
        let (metrics, clock) = (Arc::clone(&source.ground.metrics), source.ground.clock.clone());
        let name = source.outlet.kind().as_str();
        let ended = tokio::select! {
            ended = source.follow(&client, &mut reload) => ended,
            () = schema::follow(&client, name, &K::TERMS, &listed, &metrics) => Ended::Anew,
            () = status::write::<K::Parts, _>(&client, name, &K::TERMS, &statuses, &clock), if reports => Ended::Anew,
        };
        match ended {
            Ended::Anew => pace.reset(),
            // Perhaps the kubeconfig has other credentials by now.
            Ended::Refused => rest(&mut pace, &mut reload).await,
        }
    }
}

/// Why a client is made anew.
enum Ended {
    /// Every input is to be read anew.
    Anew,
    /// The API server refuses what this one asks.
    Refused,
}

struct Source<K: Kind> {
    ground: Ground,
    outlet: Outlet,
    kind: K,
    objects: Objects<K>,
    statuses: Arc<Statuses<K::Report>>,
    /// Rung when a list is complete.
    listed: Arc<Notify>,
    /// A list was complete once: what comes now is news.
    started: bool,
    /// When the next table is made; `None` when there is nothing new.
    due: Option<Instant>,
    /// No table before this.
    rested: Option<Instant>,
}

impl<K: Kind> Source<K> {
    fn new(kind: K, ground: Ground, outlet: Outlet) -> Self {
        let objects = Objects::new();
        let (statuses, listed) = (Arc::default(), Arc::default());
        Self { ground, outlet, kind, objects, statuses, listed, started: false, due: None, rested: None }
    }

    /// Until the source is told to read anew, or is refused.
    async fn follow(&mut self, client: &kube::Client, reload: &mut Live<u64>) -> Ended {
        loop {
            let events = watch(Api::<LeanObject<K::Parts>>::all(client.clone()), watcher::Config::default());
            tokio::select! {
                true = reload.changed() => return Ended::Anew,
                fault = self.read(events) => if fault.refused {
                    return Ended::Refused;
                },
            }
            if timeout(UNTIL_INSTALLED, reload.changed()).await.is_ok() {
                return Ended::Anew;
            }
        }
    }

    /// Reads changes until a fault that wants more than another try.
    async fn read(
        &mut self,
        events: impl Stream<Item = Result<WatchEvent<LeanObject<K::Parts>>, WatchFault>>,
    ) -> WatchFault {
        let mut events = pin!(events);
        loop {
            let due = self.due.unwrap_or_else(|| Instant::now() + LONG);
            let event = tokio::select! {
                event = timeout_at(due, events.next()) => event,
                () = self.kind.turn(), if self.ground.settings.reports => {
                    self.kind.review(Reporting { objects: &self.objects, statuses: &self.statuses }).await;
                    continue;
                }
            };
            match event {
                Err(_due) => self.publish().await,
                Ok(Some(Ok(event))) => self.take(event).await,
                Ok(Some(Err(fault))) => {
                    if self.fail(&fault).await {
                        return fault;
                    }
                }
                Ok(None) => return WatchFault { why: "the watch ended".to_owned(), refused: false, missing: false },
            }
        }
    }

    async fn take(&mut self, event: WatchEvent<LeanObject<K::Parts>>) {
        match event {
            WatchEvent::Init => self.objects.begin_list(),
            WatchEvent::InitApply(object) => {
                let seen = self.objects.list(&self.kind, object);
                self.report(seen);
            }
            WatchEvent::InitDone => {
                if self.objects.end_list() || !self.outlet.has_published() {
                    self.due = Some(Instant::now());
                }
                self.statuses.keep(|name| self.objects.has(name));
                self.kind.keep(|name| self.objects.has(name));
                self.publish().await;
                self.outlet.recover();
                self.started = true;
                self.listed.notify_one();
            }
            WatchEvent::Apply(object) => {
                if let Some(seen) = self.objects.apply(&self.kind, object) {
                    if seen.changed {
                        self.changed();
                    }
                    self.report(seen);
                }
            }
            WatchEvent::Delete(object) => {
                if self.objects.delete(&object) {
                    self.statuses.forget(object.name());
                    self.kind.forget(object.name());
                    self.changed();
                }
            }
        }
    }

    /// Says why what is known may be old. Yields whether another try of the same watch is of no use.
    async fn fail(&mut self, fault: &WatchFault) -> bool {
        self.publish().await;
        self.ground.metrics.watch_failed(self.outlet.kind().as_str());
        if fault.missing {
            let Terms { kind, manifest, .. } = K::TERMS;
            let why = format!(
                "the API server knows no {kind} objects: their CustomResourceDefinition is not installed; apply {manifest}"
            );
            self.outlet.fail_for_want_of_kind(why);
        } else {
            self.outlet.fail(fault.why.clone());
        }
        fault.missing || fault.refused
    }

    fn report(&mut self, seen: Seen<K>) {
        if self.ground.settings.reports {
            let Seen { known, changed, shown } = seen;
            self.kind.see(&known, shown, changed, self.started && changed, &self.statuses);
        }
    }

    fn changed(&mut self) {
        let now = Instant::now();
        self.due = self.due.or_else(|| Some(self.rested.map_or(now, |rested| rested.max(now))));
    }

    /// Makes a table of what is known, if that is not what is served.
    async fn publish(&mut self) {
        if self.due.take().is_none() {
            return;
        }
        let objects = self.objects.all();
        let index = self.kind.indexer(&self.ground);
        match tokio::task::spawn_blocking(move || index(objects)).await {
            Ok(Indexed { table, told, verdicts }) => {
                self.outlet.tell(&told);
                self.outlet.publish(table, &K::TERMS.plural);
                self.outlet.recover();
                if self.ground.settings.reports {
                    let to = Reporting { objects: &self.objects, statuses: &self.statuses };
                    self.kind.indexed(verdicts, to).await;
                }
            }
            Err(ended) => {
                self.outlet.fail(format!("indexing the mappings ended early: {ended}"));
            }
        }
        self.rested = Instant::now().checked_add(BETWEEN_TABLES);
    }
}

async fn rest(pace: &mut Pace, reload: &mut Live<u64>) {
    tokio::select! {
        true = reload.changed() => pace.reset(),
        () = pace.pause() => {}
    }
}
