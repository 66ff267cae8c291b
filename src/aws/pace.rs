//! How fast a service is called: so many calls a second, so many at once, in the order they were wanted.

use std::fmt;
use std::future::pending;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Mutex;
use tokio::time::timeout;

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// The one pace of all calls to a service.
pub(super) struct Pace {
    limiter: Limiter,
    /// Whoever waits holds it, the next ones queue for it.
    head: Mutex<()>,
}

impl Pace {
    /// Less than one a second, or at once, is one.
    pub(super) fn new(qps: u32, burst: u32) -> Self {
        let least = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(least(qps)).allow_burst(least(burst));
        Self { limiter: RateLimiter::direct_with_clock(quota, MonotonicClock), head: Mutex::default() }
    }

    /// Waits until a call may be made, and counts it as made.
    pub(super) async fn turn(&self) {
        let _head = self.head.lock().await;
        while let Err(early) = self.limiter.check() {
            let wait = early.wait_time_from(MonotonicClock.now());
            let _elapsed = timeout(wait, pending::<()>()).await;
        }
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pace")
    }
}
