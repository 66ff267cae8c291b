//! Who started this process: client-go asks again within one process only when a token has ended or was refused.
//!
//! So a token that was made for the very process that asks now, and has not ended, was answered with 401: it must not be
//! given out again. Linux tells processes of one number apart by their start; elsewhere only a young token counts. What
//! was made after this process began was not refused before it: calls that begin side by side share one token.

use std::fs::Metadata;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::clock::UnixSeconds;

/// Where a start is not known, the same number is the same process for so long, seconds.
const SAME_NUMBER: i64 = 60;

/// Unit of process starts in `/proc`, and of the up time there.
const MILLIS_A_TICK: u64 = 10;

/// A process.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Parent {
    pid: u32,
    /// Ticks since the machine's start, from `/proc`.
    #[serde(default)]
    start: Option<u64>,
}

impl Parent {
    /// The one that started this process; `None` where the system does not say.
    pub(super) fn of_this_process() -> Option<Self> {
        let pid = parent_pid()?;
        Some(Self { pid, start: start_of(&pid.to_string()) })
    }
}

/// Whether the server must have refused the entry, since it is asked for again. Its file's metadata tell when it was made.
pub(super) fn was_refused(entry: &Entry, file: &Metadata, now: UnixSeconds) -> bool {
    let (Some(maker), Some(pid)) = (entry.parent, parent_pid()) else { return false };
    if maker.pid != pid {
        return false;
    }
    match (maker.start, start_of(&pid.to_string())) {
        (Some(then), Some(start)) => then == start && !is_younger_than_this_process(file),
        _ => now.since(entry.signed_at) < SAME_NUMBER,
    }
}

/// Whether the file was surely written after this process began; no, when it cannot be told.
fn is_younger_than_this_process(file: &Metadata) -> bool {
    let younger = || {
        let age = file.modified().ok()?.elapsed().ok()?;
        // Both figures are rounded down to ticks: this process may be a tick younger than it looks.
        Some(age < up_time()?.checked_sub(ticks(start_of("self")?)?)?.checked_sub(ticks(1)?)?)
    };
    younger().unwrap_or_default()
}

/// Field 22 of `/proc/…/stat`. The second field, the program's name, may hold blanks and parentheses.
fn start_of(process: &str) -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let stat = std::fs::read(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = std::str::from_utf8(stat.rsplit(|byte| *byte == b')').next()?).ok()?.split_once(' ')?;
    rest.split(' ').nth(19)?.trim().parse().ok()
}

fn up_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split(' ').next()?.split_once('.')?;
    Some(Duration::from_secs(seconds.parse().ok()?).saturating_add(ticks(hundredths.parse().ok()?)?))
}

fn ticks(count: u64) -> Option<Duration> {
    count.checked_mul(MILLIS_A_TICK).map(Duration::from_millis)
}

#[cfg(unix)]
fn parent_pid() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

#[cfg(not(unix))]
fn parent_pid() -> Option<u32> {
    None
}
