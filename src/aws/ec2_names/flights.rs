//! One flight an id: whoever asks for the same instance shares it, and it belongs to none of them.
//!
//! A flight ends by landing alone. Whoever holds its id lands it: the queue is the driver's, the ids of a call are the
//! call's. Here is no waiting but a waiter's own, and no lock is held during it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::NodeError;
use super::fault::CallFault;
use super::memory::Finding;

/// Callers that may wait, all together. Each is a request the listener has already taken.
const WAITERS: usize = 16_384;
/// Ids that may wait for a call.
const QUEUE: usize = 16_384;

/// How a flight stands.
#[derive(Debug)]
pub(super) enum Flight {
    /// Not landed; what stands in the way, if something does.
    InAir(Option<CallFault>),
    /// What came of it. Memory has been told before.
    Landed(Finding),
}

/// How one comes to an answer.
#[derive(Debug)]
pub(super) enum Boarding {
    /// There is no room to wait.
    Crowded,
    /// A flight is in the air. Whoever `starts` must start a driver, without waiting for anything before.
    InAir { landing: watch::Receiver<Flight>, starts: bool },
    /// One just landed, and memory can answer now.
    Known(Finding),
}

/// The flights in the air.
#[derive(Debug, Default)]
pub(super) struct Flights {
    state: Mutex<State>,
    newcomer: Notify,
    waiters: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    in_air: HashMap<Arc<str>, watch::Sender<Flight>>,
    /// Ids that no call holds, first come first.
    queue: VecDeque<Arc<str>>,
    /// There is a driver, which will look at the queue once more before it ends.
    driven: bool,
}

/// Room for one who waits.
#[derive(Debug)]
pub(super) struct Waiter<'f>(&'f AtomicUsize);

impl Flights {
    /// Room to wait, if there is any.
    pub(super) fn waiter(&self) -> Option<Waiter<'_>> {
        let waiter = Waiter(&self.waiters);
        (self.waiters.fetch_add(1, Ordering::Relaxed) < WAITERS).then_some(waiter)
    }

    /// Joins the flight in the air, else asks memory once more through `known`, else opens a flight.
    ///
    /// The lock spans all three: a flight that lands in between has filled memory before it leaves the map.
    pub(super) fn board(&self, id: &str, known: impl FnOnce() -> Option<Finding>) -> Boarding {
        let mut state = self.lock();
        if let Some(flight) = state.in_air.get(id) {
            return Boarding::InAir { landing: flight.subscribe(), starts: false };
        }
        if let Some(known) = known() {
            return Boarding::Known(known);
        }
        if state.queue.len() >= QUEUE {
            state.end_forsaken();
        }
        if state.queue.len() >= QUEUE {
            return Boarding::Crowded;
        }
        let (flight, landing) = watch::channel(Flight::InAir(None));
        let id: Arc<str> = id.into();
        state.in_air.insert(Arc::clone(&id), flight);
        state.queue.push_back(id);
        self.newcomer.notify_one();
        Boarding::InAir { landing, starts: state.is_to_be_driven() }
    }

    /// Ids for one call, at most so many. Those that nobody waits for any more are not asked about.
    pub(super) fn take(&self, most: usize) -> Vec<Arc<str>> {
        let mut state = self.lock();
        state.end_forsaken();
        let most = most.min(state.queue.len());
        state.queue.drain(..most).collect()
    }

    /// Gives ids back to the queue, because of a fault that passes. True when a driver must be started.
    pub(super) fn put_back(&self, ids: Vec<Arc<str>>, fault: &CallFault) -> bool {
        let mut state = self.lock();
        for id in ids.into_iter().rev() {
            if let Some(flight) = state.in_air.get(&id) {
                flight.send_replace(Flight::InAir(Some(fault.clone())));
                state.queue.push_front(id);
            }
        }
        state.end_forsaken();
        self.newcomer.notify_one();
        !state.queue.is_empty() && state.is_to_be_driven()
    }

    /// Tells everybody who waits for an id.
    pub(super) fn land(&self, id: &str, finding: Finding) {
        let flight = self.lock().in_air.remove(id);
        if let Some(flight) = flight {
            flight.send_replace(Flight::Landed(finding));
        }
    }

    /// The driver asks whether it may end; nobody is driven then, and the next newcomer starts another.
    pub(super) fn is_idle(&self) -> bool {
        let mut state = self.lock();
        state.end_forsaken();
        state.driven = !state.queue.is_empty();
        !state.driven
    }

    /// The driver ends before its time: so do those who are queued.
    pub(super) fn abandon(&self) {
        let left = {
            let mut state = self.lock();
            state.driven = false;
            std::mem::take(&mut state.queue)
        };
        for id in left {
            self.land(&id, broken_off());
        }
    }

    /// Waits until `most` ids are queued; no longer than `gather`, nor than `quiet` for the next one.
    pub(super) async fn gather(&self, most: usize, gather: Duration, quiet: Duration) {
        let all = async {
            while self.lock().queue.len() < most {
                if timeout(quiet, self.newcomer.notified()).await.is_err() {
                    return;
                }
            }
        };
        let _elapsed = timeout(gather, all).await;
    }

    /// Ids in the air.
    pub(super) fn in_air(&self) -> usize {
        self.lock().in_air.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Marks the queue as driven; true when it was not.
    const fn is_to_be_driven(&mut self) -> bool {
        !std::mem::replace(&mut self.driven, true)
    }

    /// Ends the queued flights that nobody waits for. Nobody can join one meanwhile: that takes the lock.
    fn end_forsaken(&mut self) {
        let in_air = &mut self.in_air;
        self.queue.retain(|id| {
            let is_awaited = in_air.get(id).is_some_and(|flight| !flight.is_closed());
            if !is_awaited {
                in_air.remove(id);
            }
            is_awaited
        });
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for a landing, for the budget of one who asks.
pub(super) async fn landing(mut landing: watch::Receiver<Flight>, budget: Duration) -> Finding {
    let landed = timeout(budget, landing.wait_for(|flight| matches!(flight, Flight::Landed(_)))).await;
    match landed.map(|seen| seen.map(|flight| flight.finding())) {
        Ok(Ok(Some(finding))) => return finding,
        Ok(Ok(None) | Err(_)) => return broken_off(),
        Err(_elapsed) => {}
    }
    let trouble = match &*landing.borrow() {
        Flight::Landed(finding) => return finding.clone(),
        Flight::InAir(fault) => fault.as_ref().map(ToString::to_string),
    };
    let late = || format!("EC2 did not answer within {} ms", budget.as_millis());
    Err(NodeError::Unavailable(trouble.unwrap_or_else(late)))
}

/// Whoever was to land a flight is gone.
pub(super) fn broken_off() -> Finding {
    Err(NodeError::Unavailable("the look-up was broken off".to_owned()))
}

impl Flight {
    fn finding(&self) -> Option<Finding> {
        match self {
            Self::InAir(_) => None,
            Self::Landed(finding) => Some(finding.clone()),
        }
    }
}
