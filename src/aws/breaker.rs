//! Opens when most calls to a host fail, so that callers are told at once and the host is left alone.

use std::time::Duration;

/// How long it stays open before one call may try; also a probe's own limit.
pub(super) const OPEN_FOR: Duration = Duration::from_secs(5);
/// Calls it looks back on.
const LOOK_BACK: u32 = 20;

/// One host's breaker. Instants are those of the monotonic hand.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// One bit a call, newest lowest; 1 is a transport failure.
    failures: u32,
    /// Calls in `failures`, up to [`LOOK_BACK`].
    seen: u32,
    /// When the next probe may go; set while open.
    probe_at: Option<Duration>,
}

/// May a call go?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gate {
    /// Closed: calls flow.
    Flow,
    /// Open, and this call may try.
    Probe,
    /// Open.
    Shut,
}

impl Breaker {
    /// Asked for each call that has a place. A probe is let through every [`OPEN_FOR`]; its own limit is no longer,
    /// so there is one at a time, and a host that is back is found within that time whatever became of the last probe.
    pub(super) fn gate(&mut self, now: Duration) -> Gate {
        match self.probe_at {
            None => Gate::Flow,
            Some(at) if now >= at => {
                self.probe_at = Some(now.saturating_add(OPEN_FOR));
                Gate::Probe
            }
            Some(_) => Gate::Shut,
        }
    }

    /// Whether it is open.
    pub(super) const fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }

    /// Whether no call may go now, not even a probe.
    pub(super) fn is_shut(&self, now: Duration) -> bool {
        self.probe_at.is_some_and(|at| now < at)
    }

    /// Told how a call ended. Calls that began before it opened say nothing about the time since.
    pub(super) fn ended(&mut self, gate: Gate, failed: bool, now: Duration) {
        match (self.probe_at, gate, failed) {
            (Some(_), Gate::Probe, false) => *self = Self::default(),
            (Some(_), _, _) => {}
            (None, _, _) => {
                let mask = (1_u32 << LOOK_BACK) - 1;
                self.failures = ((self.failures << 1) | u32::from(failed)) & mask;
                self.seen = LOOK_BACK.min(self.seen.saturating_add(1));
                // An answer opens nothing, however bad the past: the host has just spoken.
                if failed && self.seen == LOOK_BACK && self.failures.count_ones() * 2 >= LOOK_BACK {
                    self.probe_at = Some(now.saturating_add(OPEN_FOR));
                }
            }
        }
    }
}
