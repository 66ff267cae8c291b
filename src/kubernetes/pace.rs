//! How long to wait before the next try of what just failed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// The longest one.
const LONGEST: Duration = Duration::from_secs(30);
/// A fault that comes this long after the last pause is the first of its kind.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// Pauses of 1 s, 2 s, … 30 s (or another longest), each a quarter longer or shorter by chance, so that replicas fall out of step.
#[derive(Debug)]
pub struct Pace {
    longest: Duration,
    next: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// From the beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self::up_to(LONGEST)
    }

    /// From the beginning, with another longest pause.
    #[must_use]
    pub const fn up_to(longest: Duration) -> Self {
        Self { longest, next: FIRST, last: None }
    }

    /// Waits. Two minutes after the last pause it begins anew.
    pub async fn pause(&mut self) {
        wait(self.step()).await;
        self.last = Some(Instant::now());
    }

    /// The pause to make now, for who waits by other means.
    pub fn step(&mut self) -> Duration {
        if self.last.is_some_and(|last| last.elapsed() > FORGOTTEN) {
            self.reset();
        }
        let pause = self.next.mul_f64(0.75 + chance() / 2.0);
        self.next = self.next.saturating_mul(2).min(self.longest);
        self.last = Instant::now().checked_add(pause);
        pause
    }

    /// It works again: the next pause is the first.
    pub const fn reset(&mut self) {
        self.next = FIRST;
        self.last = None;
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets this time pass.
pub(super) async fn wait(pause: Duration) {
    let _elapsed = timeout(pause, std::future::pending::<()>()).await;
}

/// From 0 to 1, by chance.
pub(crate) fn chance() -> f64 {
    f64::from(u32::try_from(drawn() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

/// Any number, by chance.
pub(super) fn drawn() -> u64 {
    // Each RandomState has keys of its own.
    RandomState::new().build_hasher().finish()
}
