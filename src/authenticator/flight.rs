//! One flight a token: equal tokens share one call to STS, which outlives its first asker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::cache::Proof;
use crate::aws::StsError;
use crate::token::TokenFingerprint;

/// Askers that may wait on flights, all together. Each is a request the listener has already taken.
const WAITERS: usize = 16_384;

/// What a flight brought; `None` while it is in the air.
pub(super) type Landing = Option<Result<Arc<Proof>, StsError>>;

/// The flights in the air.
#[derive(Debug, Default)]
pub(super) struct Flights {
    in_air: Mutex<HashMap<TokenFingerprint, watch::Receiver<Landing>>>,
    waiters: AtomicUsize,
}

/// The pilot's end: whoever holds it must land, and does so by dropping it at the latest (a panic included).
#[derive(Debug)]
pub(super) struct Pilot {
    flights: Arc<Flights>,
    fingerprint: TokenFingerprint,
    landing: watch::Sender<Landing>,
}

/// A passenger's end.
#[derive(Clone, Debug)]
pub(super) struct Ticket(watch::Receiver<Landing>);

/// How one comes to an answer.
#[derive(Debug)]
pub(super) enum Boarding {
    /// A flight for this token is in the air.
    Joined(Ticket),
    /// One just landed, and memory can answer now.
    Landed(Result<Arc<Proof>, StsError>),
    /// The caller flies it.
    Ours(Pilot, Ticket),
}

impl Flights {
    /// Joins the flight in the air, else asks memory once more through `known`, else opens a flight.
    ///
    /// The lock spans all three: a flight that lands in between has filled memory before it leaves the map.
    pub(super) fn board(self: &Arc<Self>, fingerprint: TokenFingerprint, known: impl FnOnce() -> Landing) -> Boarding {
        let mut in_air = self.lock();
        if let Some(landing) = in_air.get(&fingerprint) {
            return Boarding::Joined(Ticket(landing.clone()));
        }
        if let Some(known) = known() {
            return Boarding::Landed(known);
        }
        let (landing, landed) = watch::channel(None);
        in_air.insert(fingerprint, landed.clone());
        Boarding::Ours(Pilot { flights: Arc::clone(self), fingerprint, landing }, Ticket(landed))
    }

    /// Waits for a landing, if there is room to wait.
    pub(super) async fn landing(&self, Ticket(mut landing): Ticket) -> Result<Arc<Proof>, StsError> {
        let _waiter = self.waiter()?;
        match landing.wait_for(Option::is_some).await.map(|landed| landed.clone()) {
            Ok(Some(result)) => result,
            // the task ended without a word: it panicked, or the runtime is going down
            Ok(None) | Err(_) => Err(StsError::Overloaded),
        }
    }

    fn waiter(&self) -> Result<Waiter<'_>, StsError> {
        let waiter = Waiter(&self.waiters);
        if self.waiters.fetch_add(1, Ordering::Relaxed) < WAITERS { Ok(waiter) } else { Err(StsError::Overloaded) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenFingerprint, watch::Receiver<Landing>>> {
        self.in_air.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pilot {
    /// Tells every passenger. Memory must have been told before.
    pub(super) fn land(self, result: Result<Arc<Proof>, StsError>) {
        self.landing.send_replace(Some(result));
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.fingerprint);
    }
}

struct Waiter<'f>(&'f AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
