//! Many ask, few calls are made.
//!
//! ```text
//! ask ──▶ Flights: queue ──drive: rest, place, pace, gather──▶ Call of ≤ 200 ids ──verify, remember──▶ land
//!            ▲                                                    │ a fault that passes
//!            └────────────────────────────────────────────────────┘
//! ```
//!
//! The driver runs while there is a queue, and nothing runs while there is none. Calls run beside each other: one that
//! hangs holds up nobody but its own ids. Whoever hangs up ends nothing; when the desk's owner goes, all of it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::NodeError;
use super::answer::Instance;
use super::describe::{Describe, MOST_IDS};
use super::fault::CallFault;
use super::flights::{Boarding, Flights, broken_off, landing};
use super::memory::{Finding, Memory};
use super::verify::{Requirements, by_id};
use crate::aws::pace::Pace;
use crate::live::Live;
use crate::telemetry::Metrics;

/// Calls under way.
const CALLS: usize = 16;
/// The first id of a call waits so long for others, and no longer than [`QUIET`] for the next one.
const GATHER: Duration = Duration::from_millis(100);
const QUIET: Duration = Duration::from_millis(20);
/// The same for a call that follows another within [`BUSY`]: a crowd arrives over seconds, and EC2 counts calls, not ids.
const BUSY_GATHER: Duration = Duration::from_millis(400);
const BUSY_QUIET: Duration = Duration::from_millis(100);
const BUSY: Duration = Duration::from_secs(1);
/// Between attempts while EC2 asks to slow down; doubled each time, with jitter.
const SHORTEST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Where ids are handed in.
#[derive(Debug)]
pub(super) struct Desk {
    flights: Flights,
    rest: Rest,
    /// When the last call began.
    last: Mutex<Option<Instant>>,
    calls: Arc<Semaphore>,
    parts: Parts,
    end: CancellationToken,
}

/// What a desk works with.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) memory: Arc<Memory>,
    pub(super) describe: Describe,
    pub(super) pace: Arc<Pace>,
    pub(super) requirements: Requirements,
    pub(super) region: Live<Option<String>>,
    /// Of a waiter, and of a call.
    pub(super) budget: Duration,
    pub(super) metrics: Arc<Metrics>,
}

/// The one task that takes from the queue.
struct Driver {
    desk: Arc<Desk>,
    is_done: bool,
}

/// The ids of one call, which are landed when it is dropped at the latest.
struct Call {
    desk: Arc<Desk>,
    ids: Vec<Arc<str>>,
}

impl Desk {
    /// All ends with `end`.
    pub(super) fn new(parts: Parts, end: CancellationToken) -> Self {
        let calls = Arc::new(Semaphore::new(CALLS));
        Self { flights: Flights::default(), rest: Rest::default(), last: Mutex::default(), calls, parts, end }
    }

    /// What there is to know about an instance, within the budget.
    pub(super) async fn ask(self: &Arc<Self>, id: &str) -> Finding {
        let crowded = || Err(NodeError::Unavailable("too many instances are looked up at once".to_owned()));
        let Some(_waiter) = self.flights.waiter() else { return crowded() };
        match self.flights.board(id, || self.parts.memory.recall(id)) {
            Boarding::Crowded => crowded(),
            Boarding::InAir { landing: flight, starts } => {
                if starts {
                    self.start();
                }
                landing(flight, self.parts.budget).await
            }
            Boarding::Known(finding) => finding,
        }
    }

    /// Ids being looked up.
    pub(super) fn in_flight(&self) -> usize {
        self.flights.in_air()
    }

    fn start(self: &Arc<Self>) {
        let driver = Driver { desk: Arc::clone(self), is_done: false };
        tokio::spawn(driver.run());
    }

    async fn drive(self: &Arc<Self>) {
        while !self.flights.is_idle() {
            self.rest.over().await;
            let place = Arc::clone(&self.calls).acquire_owned().await.ok(); // the semaphore is never closed
            self.parts.pace.turn().await;
            let is_busy = self.last_call().is_some_and(|last| last.elapsed() < BUSY);
            let (gather, quiet) = if is_busy { (BUSY_GATHER, BUSY_QUIET) } else { (GATHER, QUIET) };
            self.flights.gather(MOST_IDS, gather, quiet).await;
            let ids = self.flights.take(MOST_IDS);
            if !ids.is_empty() {
                *self.last_call() = Some(Instant::now());
                tokio::spawn(Call { desk: Arc::clone(self), ids }.run(place));
            }
        }
    }

    fn last_call(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn describe(&self, ids: &[Arc<str>], region: Option<&str>) -> Result<Vec<Instance>, CallFault> {
        self.parts.describe.instances(ids, region.ok_or(CallFault::NoRegion)?, self.parts.budget).await
    }
}

impl Driver {
    async fn run(mut self) {
        let desk = Arc::clone(&self.desk);
        self.is_done = desk.end.run_until_cancelled(desk.drive()).await.is_some();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.is_done {
            self.desk.flights.abandon();
        }
    }
}

impl Call {
    async fn run(mut self, _place: Option<OwnedSemaphorePermit>) {
        let desk = Arc::clone(&self.desk);
        let region = desk.parts.region.now();
        let asking = desk.describe(&self.ids, region.as_deref());
        let Some(answer) = desk.end.run_until_cancelled(asking).await else { return };
        match answer {
            Ok(instances) => {
                desk.rest.end();
                self.land_found(&instances, region.as_deref().unwrap_or_default());
            }
            Err(fault) if fault.passes() => {
                if fault.calls_for_rest() {
                    desk.rest.begin();
                }
                tracing::warn!(error = %fault, instances = self.ids.len(), "EC2 is asked again");
                if desk.flights.put_back(std::mem::take(&mut self.ids), &fault) {
                    desk.start();
                }
            }
            Err(fault) => {
                tracing::error!(error = %fault, instances = self.ids.len(), "EC2 cannot be asked for nodes");
                self.land(|_id| Err(NodeError::Unavailable(fault.to_string())));
            }
        }
    }

    fn land_found(&mut self, instances: &[Instance], region: &str) {
        let (parts, found) = (&Arc::clone(&self.desk).parts, by_id(instances));
        self.land(|id| {
            let told = found.get(&**id).map(Vec::as_slice).unwrap_or_default();
            let finding = parts.requirements.judge(told, region).map_err(NodeError::NotVerified);
            parts.memory.remember(id, &finding); // before anybody hears of it
            finding
        });
        parts.metrics.node_names(parts.memory.nodes());
    }

    /// Lands id by id: each stays ours until it has landed.
    fn land(&mut self, mut finding: impl FnMut(&Arc<str>) -> Finding) {
        while let Some(id) = self.ids.last() {
            self.desk.flights.land(id, finding(id));
            self.ids.pop();
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.land(|_id| broken_off());
    }
}

/// Nobody is called while EC2 asks to slow down.
#[derive(Debug, Default)]
struct Rest(Mutex<Option<Resting>>);

#[derive(Debug)]
struct Resting {
    backoff: ExponentialBackoff,
    until: Instant,
}

impl Rest {
    /// A call came back with a fault that passes. Those that were on their way at the same time count once.
    fn begin(&self) {
        let (mut rest, now) = (self.lock(), Instant::now());
        let resting = rest.get_or_insert_with(|| Resting { backoff: backoff(), until: now });
        if resting.until <= now {
            resting.until = now + resting.backoff.next().unwrap_or(LONGEST_REST);
        }
    }

    /// A call was answered: the next rest is a short one again.
    fn end(&self) {
        let mut rest = self.lock();
        if rest.as_ref().is_some_and(|resting| resting.until <= Instant::now()) {
            *rest = None;
        }
    }

    async fn over(&self) {
        loop {
            let until = self.lock().as_ref().map(|resting| resting.until);
            let Some(until) = until.filter(|until| *until > Instant::now()) else { return };
            let _elapsed = timeout_at(until, std::future::pending::<()>()).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Resting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn backoff() -> ExponentialBackoff {
    let builder = ExponentialBuilder::new().with_min_delay(SHORTEST_REST).with_max_delay(LONGEST_REST);
    builder.with_jitter().without_max_times().build()
}
