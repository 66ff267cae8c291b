//! Waiting for a condition instead of for a time.

use std::time::{Duration, Instant};

/// Looks again every 20 ms until `look` yields something; panics with `what` after `limit`.
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// As [`until`], of something that says what is still missing, which is told when it stays so.
pub(crate) fn until_ok<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        let missing = match look() {
            Ok(found) => return found,
            Err(missing) => missing,
        };
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}: {missing}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
