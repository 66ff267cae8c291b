//! How fast EC2 is called: `ec2DescribeInstancesQps` a second, `ec2DescribeInstancesBurst` at once.

use std::fmt;
use std::future::pending;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::timeout;

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// The one pace of all calls.
pub(super) struct Pace(Limiter);

impl Pace {
    /// Less than one a second, or at once, is one.
    pub(super) fn new(qps: u32, burst: u32) -> Self {
        let least = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(least(qps)).allow_burst(least(burst));
        Self(RateLimiter::direct_with_clock(quota, MonotonicClock))
    }

    /// Waits until a call may be made, and counts it as made.
    pub(super) async fn turn(&self) {
        while let Err(early) = self.0.check() {
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
