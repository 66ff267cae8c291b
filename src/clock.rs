//! What time it is, as an argument: rooms receive a [`Clock`] or an instant, never ask the system.
//!
//! The wall clock counts for tokens, windows and certificates; the monotonic one bounds how long a
//! cached proof lives when the wall clock is set back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixSeconds(pub i64);

impl UnixSeconds {
    /// This instant, `seconds` later (earlier when negative); saturates at the ends of the range.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this instant; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Both hands of the clock, read at one instant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    /// The wall clock.
    pub wall: UnixSeconds,
    /// Time since the clock was made; never goes back.
    pub monotonic: Duration,
}

/// Where time comes from: the system, or a hand that a test moves.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System(Instant),
    Manual(Arc<ManualHands>),
}

#[derive(Debug)]
struct ManualHands {
    wall: AtomicI64,
    monotonic_ms: AtomicU64,
}

/// Moves a clock made by [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct ClockHand(Arc<ManualHands>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// A clock that stands at `start` until its hand is moved.
    #[must_use]
    pub fn manual(start: UnixSeconds) -> (Self, ClockHand) {
        let hands = Arc::new(ManualHands { wall: AtomicI64::new(start.0), monotonic_ms: AtomicU64::new(0) });
        (Self(Source::Manual(Arc::clone(&hands))), ClockHand(hands))
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.moment().wall
    }

    /// Both hands at once.
    #[must_use]
    pub fn moment(&self) -> Moment {
        match &self.0 {
            Source::System(start) => Moment { wall: system_now(), monotonic: start.elapsed() },
            Source::Manual(hands) => Moment {
                wall: UnixSeconds(hands.wall.load(Ordering::SeqCst)),
                monotonic: Duration::from_millis(hands.monotonic_ms.load(Ordering::SeqCst)),
            },
        }
    }
}

impl ClockHand {
    /// Moves both hands forward.
    pub fn advance(&self, seconds: u32) {
        self.0.wall.fetch_add(i64::from(seconds), Ordering::SeqCst);
        self.0.monotonic_ms.fetch_add(u64::from(seconds).saturating_mul(1000), Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an operator or NTP does.
    pub fn set_wall(&self, wall: UnixSeconds) {
        self.0.wall.store(wall.0, Ordering::SeqCst);
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System(_) => "Clock(system)",
            Source::Manual(_) => "Clock(manual)",
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
fn system_now() -> UnixSeconds {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}
