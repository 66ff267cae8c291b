//! `CRD`: objects of kind IAMIdentityMapping, watched.
//!
//! ```text
//! kubernetes::watch ──▶ Objects (judged one by one) ──at most each 100 ms──▶ MappingTable ──▶ Outlet
//!                          └─ whose status differs ──▶ Statuses ──the elected replica──▶ API server
//! ```
//!
//! What decides is `spec.arn`: the status says what was made of it, and is read by people only. An object that is no
//! mapping is told and touches no other. A list takes the place of what was known when it is complete, not before.

mod objects;
mod schema;
mod status;

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
use crate::kubernetes::{MappingObject, Pace, WatchEvent, WatchFault, connect, watch};
use crate::live::Live;
use objects::{Known, Objects, Seen, table_of};
use status::Statuses;

/// From one table to the next, while changes come.
const BETWEEN_TABLES: Duration = Duration::from_millis(100);
/// From one look for the CRD to the next, while it is not installed.
const UNTIL_INSTALLED: Duration = Duration::from_secs(4);
/// Told while it is not.
const NOT_INSTALLED: &str = "the API server knows no IAMIdentityMappings: their CustomResourceDefinition is not installed; \
                             apply deploy/iamidentitymapping.yaml";
/// No change is waited for longer than this at once.
const LONG: Duration = Duration::from_secs(3600);

/// Follows the objects until it is dropped.
pub(super) async fn run(ground: Ground, outlet: Outlet) {
    let (reports, mut reload) = (ground.settings.reports, ground.reload.clone());
    let mut source = Source::new(ground, outlet);
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
        let ended = tokio::select! {
            ended = source.follow(&client, &mut reload) => ended,
            () = schema::follow(&client, &listed, &metrics) => Ended::Anew,
            () = status::write(&client, &statuses, &clock), if reports => Ended::Anew,
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

struct Source {
    ground: Ground,
    outlet: Outlet,
    objects: Objects,
    statuses: Arc<Statuses>,
    /// Rung when a list is complete.
    listed: Arc<Notify>,
    /// A list was complete once: what comes now is news.
    started: bool,
    /// When the next table is made; `None` when there is nothing new.
    due: Option<Instant>,
    /// No table before this.
    rested: Option<Instant>,
}

impl Source {
    fn new(ground: Ground, outlet: Outlet) -> Self {
        let objects = Objects::new(ground.settings.key_settings());
        let (statuses, listed) = (Arc::default(), Arc::default());
        Self { ground, outlet, objects, statuses, listed, started: false, due: None, rested: None }
    }

    /// Until the source is told to read anew, or is refused.
    async fn follow(&mut self, client: &kube::Client, reload: &mut Live<u64>) -> Ended {
        loop {
            let events = watch(Api::<MappingObject>::all(client.clone()), watcher::Config::default());
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
    async fn read(&mut self, events: impl Stream<Item = Result<WatchEvent<MappingObject>, WatchFault>>) -> WatchFault {
        let mut events = pin!(events);
        loop {
            let due = self.due.unwrap_or_else(|| Instant::now() + LONG);
            match timeout_at(due, events.next()).await {
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

    async fn take(&mut self, event: WatchEvent<MappingObject>) {
        match event {
            WatchEvent::Init => self.objects.begin_list(),
            WatchEvent::InitApply(object) => {
                let seen = self.objects.list(object);
                self.report(&seen);
            }
            WatchEvent::InitDone => {
                if self.objects.end_list() || !self.outlet.has_published() {
                    self.due = Some(Instant::now());
                }
                self.publish().await;
                self.outlet.recover();
                self.started = true;
                self.statuses.keep(|name| self.objects.has(name));
                self.listed.notify_one();
            }
            WatchEvent::Apply(object) => {
                if let Some(seen) = self.objects.apply(object) {
                    self.report(&seen);
                    if seen.changed {
                        self.changed();
                    }
                }
            }
            WatchEvent::Delete(object) => {
                if self.objects.delete(&object) {
                    self.statuses.forget(object.name());
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
            self.outlet.fail_for_want_of_kind(NOT_INSTALLED.to_owned());
        } else {
            self.outlet.fail(fault.why.clone());
        }
        fault.missing || fault.refused
    }

    fn report(&self, seen: &Seen) {
        if self.ground.settings.reports {
            self.statuses.see(&seen.known, seen.status.as_deref(), self.started && seen.changed);
        }
    }

    fn changed(&mut self) {
        let now = Instant::now();
        self.due = self.due.or_else(|| Some(self.rested.map_or(now, |rested| rested.max(now))));
    }

    /// Makes a table of what is known, if that is not what is served. Away from the runtime's threads: 20 000 objects
    /// take a while.
    async fn publish(&mut self) {
        if self.due.take().is_none() {
            return;
        }
        let objects: Vec<Arc<Known>> = self.objects.all();
        let (paths, settings) = (self.ground.settings.role_paths, self.ground.table_settings(self.outlet.kind()));
        match tokio::task::spawn_blocking(move || table_of(objects, paths, settings)).await {
            Ok((table, told)) => {
                self.outlet.tell(&told);
                self.outlet.publish(table, &"iamidentitymappings");
                self.outlet.recover();
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
