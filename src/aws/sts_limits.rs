//! Places, lanes and breakers: who may call STS now.
//!
//! ```text
//! Ask ──take──▶ breaker? ──▶ places of its lane, key id, host and errand free? ──▶ Place ──end──▶ the next waiter
//!                                  └─ no: queue of 256, ≤ 2 s, first come first served among those who fit
//! ```
//!
//! Half of the places are for known key ids, at most 8 each; beyond these a known caller competes like any other.
//! Every map here is bounded: hosts by the closed set of labels, key ids by the places they hold.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::breaker::{Breaker, Gate};
use super::{Errand, StsError};
use crate::clock::Clock;
use crate::telemetry::Metrics;
use crate::token::StsRegion;

/// Calls that may wait.
const QUEUE: usize = 256;
/// How long they may wait.
const WAIT: Duration = Duration::from_secs(2);
/// Places of the known lane that one key id may hold: an id is no secret and can be borrowed.
const PER_KEY_ID: usize = 8;
/// Places at a host without a success within [`WARM_FOR`].
const COLD_HOST: usize = 8;
/// Places at all hosts whose region is not on the known list.
const UNKNOWN_REGIONS: usize = 4;
/// Label all those share.
const OTHER: &str = "other";
/// How long a success keeps a host warm.
const WARM_FOR: Duration = Duration::from_secs(15 * 60);
/// Revalidations take at most one in this many of the places, and of the queue.
const REVALIDATION_SHARE: usize = 4;

/// Who asks, and for what.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) region: StsRegion,
    pub(super) access_key_id: Arc<str>,
    pub(super) known: bool,
    pub(super) errand: Errand,
}

/// A waiter's turn: its place, or the word that its host is left alone.
type Turn = Result<Place, StsError>;

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// STS answered, and proved nobody.
    Answered,
    /// No connection, no answer, or half of one.
    Failed,
    /// STS proved a caller.
    Proved,
}

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    state: Mutex<State>,
    limits: Limits,
    clock: Clock,
    metrics: Arc<Metrics>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    all: usize,
    known: usize,
    revalidations: usize,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    known: usize,
    revalidations: usize,
    hosts: HashMap<&'static str, Host>,
    /// Places of the known lane by key id.
    by_key_id: HashMap<Arc<str>, usize>,
    queue: VecDeque<Waiter>,
    tickets: u64,
}

#[derive(Debug, Default)]
struct Host {
    in_flight: usize,
    last_success: Option<Duration>,
    breaker: Breaker,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    ask: Ask,
    turn: oneshot::Sender<Turn>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lane {
    Known,
    Open,
}

/// The right to make one call. Given back when it is dropped, at the latest.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    ask: Ask,
    lane: Lane,
    gate: Gate,
    ended: bool,
}

/// Takes a waiter out of the queue when its asker has stopped waiting.
struct Leaves<'p> {
    places: &'p Places,
    ticket: u64,
}

impl Places {
    pub(super) fn new(all: usize, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let all = all.max(1);
        let limits = Limits { all, known: all / 2, revalidations: (all / REVALIDATION_SHARE).max(1) };
        Self { state: Mutex::default(), limits, clock, metrics }
    }

    /// A place, waiting no longer than [`WAIT`] and `at_most`.
    pub(super) async fn take(self: &Arc<Self>, ask: Ask, at_most: Duration) -> Result<Place, StsError> {
        let (ticket, turn) = {
            let mut state = self.lock();
            if let Some(place) = self.seat(&mut state, &ask) {
                return place;
            }
            self.queue(&mut state, ask)?
        };
        let _leaves = Leaves { places: self, ticket };
        match tokio::time::timeout(WAIT.min(at_most), turn).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) | Err(_) => Err(self.overloaded()),
        }
    }

    fn queue(&self, state: &mut State, ask: Ask) -> Result<(u64, oneshot::Receiver<Turn>), StsError> {
        let revalidations = state.queue.iter().filter(|waiter| waiter.ask.errand == Errand::Revalidation).count();
        let full = match ask.errand {
            Errand::Proof => state.queue.len() >= QUEUE,
            Errand::Revalidation => state.queue.len() >= QUEUE || revalidations >= QUEUE / REVALIDATION_SHARE,
        };
        if full {
            return Err(self.overloaded());
        }
        let (turn, turned) = oneshot::channel();
        state.tickets = state.tickets.wrapping_add(1);
        let ticket = state.tickets;
        state.queue.push_back(Waiter { ticket, ask, turn });
        Ok((ticket, turned))
    }

    fn overloaded(&self) -> StsError {
        self.metrics.sts_overloaded();
        StsError::Overloaded
    }

    /// A place if there is one now, or the word that its host is left alone.
    fn seat(self: &Arc<Self>, state: &mut State, ask: &Ask) -> Option<Turn> {
        let now = self.clock.moment().monotonic;
        let lane = state.lane_for(ask, self.limits, now);
        let host = state.hosts.entry(ask.region.as_str()).or_default();
        let gate = match lane {
            // a call without a place must not use up the probe
            None if host.breaker.is_shut(now) => Gate::Shut,
            None => return None,
            Some(_) => host.breaker.gate(now),
        };
        let Some(lane) = lane.filter(|_| gate != Gate::Shut) else {
            return Some(Err(StsError::BreakerOpen { region: ask.region }));
        };
        state.occupy(ask, lane);
        self.metrics.sts_in_flight(state.in_flight());
        Some(Ok(Place { places: Arc::clone(self), ask: ask.clone(), lane, gate, ended: false }))
    }

    /// Books how a call ended, frees its place, and lets those in who fit now.
    fn give_back(self: &Arc<Self>, place: &Place, ending: Option<Ending>) {
        let turns = {
            let mut state = self.lock();
            self.book(&mut state, place, ending);
            self.metrics.sts_in_flight(state.in_flight());
            self.next_turns(&mut state)
        };
        for (turn, place) in turns {
            // a waiter that just left hands its place back, which comes here again
            drop(turn.send(place));
        }
    }

    fn book(&self, state: &mut State, place: &Place, ending: Option<Ending>) {
        state.vacate(&place.ask, place.lane);
        let now = self.clock.moment().monotonic;
        let region = place.ask.region.as_str();
        let (Some(host), Some(ending)) = (state.hosts.get_mut(region), ending) else {
            return;
        };
        if ending == Ending::Proved {
            host.last_success = Some(now);
        }
        let was_open = host.breaker.is_open();
        host.breaker.ended(place.gate, ending == Ending::Failed, now);
        if host.breaker.is_open() != was_open {
            self.metrics.sts_breaker(region, host.breaker.is_open());
        }
    }

    fn next_turns(self: &Arc<Self>, state: &mut State) -> Vec<(oneshot::Sender<Turn>, Turn)> {
        let mut turns = Vec::new();
        let mut waiting = std::mem::take(&mut state.queue);
        while let Some(waiter) = waiting.pop_front() {
            match self.seat(state, &waiter.ask) {
                Some(place) => turns.push((waiter.turn, place)),
                None => state.queue.push_back(waiter),
            }
        }
        turns
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn in_flight(&self) -> usize {
        self.open + self.known
    }

    fn lane_for(&self, ask: &Ask, limits: Limits, now: Duration) -> Option<Lane> {
        let host = self.hosts.get(ask.region.as_str());
        let warm =
            host.and_then(|host| host.last_success).is_some_and(|success| now.saturating_sub(success) < WARM_FOR);
        let at_host = match (ask.region.as_str(), warm) {
            (OTHER, _) => UNKNOWN_REGIONS,
            (_, true) => limits.all,
            (_, false) => COLD_HOST,
        };
        let revalidations_full = ask.errand == Errand::Revalidation && self.revalidations >= limits.revalidations;
        if revalidations_full || host.is_some_and(|host| host.in_flight >= at_host) {
            return None;
        }
        let of_key_id = self.by_key_id.get(&ask.access_key_id).copied().unwrap_or(0);
        if ask.known && self.known < limits.known && of_key_id < PER_KEY_ID {
            Some(Lane::Known)
        } else if self.open < limits.all.saturating_sub(limits.known) {
            Some(Lane::Open)
        } else {
            None
        }
    }

    fn occupy(&mut self, ask: &Ask, lane: Lane) {
        match lane {
            Lane::Known => {
                self.known += 1;
                *self.by_key_id.entry(Arc::clone(&ask.access_key_id)).or_default() += 1;
            }
            Lane::Open => self.open += 1,
        }
        self.hosts.entry(ask.region.as_str()).or_default().in_flight += 1;
        if ask.errand == Errand::Revalidation {
            self.revalidations += 1;
        }
    }

    fn vacate(&mut self, ask: &Ask, lane: Lane) {
        match lane {
            Lane::Known => {
                self.known = self.known.saturating_sub(1);
                if let Some(places) = self.by_key_id.get_mut(&ask.access_key_id) {
                    *places = places.saturating_sub(1);
                    if *places == 0 {
                        self.by_key_id.remove(&ask.access_key_id);
                    }
                }
            }
            Lane::Open => self.open = self.open.saturating_sub(1),
        }
        if let Some(host) = self.hosts.get_mut(ask.region.as_str()) {
            host.in_flight = host.in_flight.saturating_sub(1);
        }
        if ask.errand == Errand::Revalidation {
            self.revalidations = self.revalidations.saturating_sub(1);
        }
    }
}

impl Place {
    /// The call is over.
    pub(super) fn end(mut self, ending: Ending) {
        self.ended = true;
        Arc::clone(&self.places).give_back(&self, Some(ending));
    }

    /// Whether the call is the one that finds out if its host is back.
    pub(super) fn is_probe(&self) -> bool {
        self.gate == Gate::Probe
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.ended {
            Arc::clone(&self.places).give_back(self, None);
        }
    }
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.places.lock().queue.retain(|waiter| waiter.ticket != self.ticket);
    }
}
