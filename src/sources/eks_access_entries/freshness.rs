//! How old what is known is, and how long no call is made after a fault.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Moment, UnixSeconds};
use crate::kubernetes::Pace;

/// The longest rest after a fault.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Since when something is known. Its age is the larger of what the two hands of the clock say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freshness {
    wall: UnixSeconds,
    /// Age when it was noted.
    age: Duration,
    noted: Moment,
}

/// Rests of 1 s doubling to 60 s, and none after a success.
#[derive(Debug)]
pub(super) struct Rest {
    pace: Pace,
    /// When the last one began.
    began: Option<Instant>,
    until: Instant,
}

impl Freshness {
    /// Of something known at `wall`, noted `now`. What is from the future is new.
    pub(super) fn since(wall: UnixSeconds, now: Moment) -> Self {
        let seconds = u64::try_from(now.wall.since(wall)).unwrap_or(0);
        Self { wall, age: Duration::from_secs(seconds), noted: now }
    }

    /// When it was known.
    pub(super) const fn wall(&self) -> UnixSeconds {
        self.wall
    }

    pub(super) fn age(&self, now: Moment) -> Duration {
        let by_wall = Duration::from_secs(u64::try_from(now.wall.since(self.noted.wall)).unwrap_or(0));
        let by_monotonic = now.monotonic.saturating_sub(self.noted.monotonic);
        self.age.saturating_add(by_wall.max(by_monotonic))
    }
}

impl Rest {
    pub(super) fn new() -> Self {
        Self { pace: Pace::up_to(LONGEST_REST), began: None, until: Instant::now() }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until <= now
    }

    pub(super) const fn until(&self) -> Instant {
        self.until
    }

    /// A call that was made at `called` failed. Those that were made before the last rest say nothing new.
    pub(super) fn begin(&mut self, called: Instant, now: Instant) {
        if self.began.is_none_or(|began| called >= began) {
            (self.began, self.until) = (Some(now), now + self.pace.step());
        }
    }

    /// A call that was made at `called` went well.
    pub(super) fn end(&mut self, called: Instant) {
        if self.began.is_none_or(|began| called >= began) {
            self.pace.reset();
        }
    }
}
