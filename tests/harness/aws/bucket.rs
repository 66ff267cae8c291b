//! How many calls a service takes.

use std::time::Instant;

/// So many calls at once, and so many more each second.
pub(super) struct Bucket {
    burst: f64,
    rate: f64,
    left: f64,
    since: Instant,
}

impl Bucket {
    pub(super) fn new(rate: u32, burst: u32) -> Self {
        let (rate, burst) = (f64::from(rate), f64::from(burst));
        Self { burst, rate, left: burst, since: Instant::now() }
    }

    /// Whether one more call is let through.
    pub(super) fn take(&mut self) -> bool {
        let now = Instant::now();
        self.left = self.burst.min(self.left + now.duration_since(self.since).as_secs_f64() * self.rate);
        self.since = now;
        let has_one = self.left >= 1.0;
        if has_one {
            self.left -= 1.0;
        }
        has_one
    }
}
