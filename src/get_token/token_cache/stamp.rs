//! What tells one version of a file from another without reading it.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Device, inode, size, and time of the last change, ns since 1970 in two parts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(in crate::get_token) struct Stamp(u64, u64, u64, i64, i64);

impl Stamp {
    /// The stamp of the file that `path` leads to, links followed; `None` while there is none.
    pub(in crate::get_token) fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|file| of(&file))
    }

    /// For the key.
    pub(super) fn numbers(self) -> [u64; 5] {
        let Self(device, inode, size, seconds, nanoseconds) = self;
        [device, inode, size, seconds.cast_unsigned(), nanoseconds.cast_unsigned()]
    }
}

/// Whose process this is.
#[cfg(unix)]
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whose process this is: not a number there, and the cache directory is in the person's own profile.
#[cfg(not(unix))]
pub(super) fn user() -> u32 {
    0
}

#[cfg(unix)]
fn of(file: &std::fs::Metadata) -> Stamp {
    use std::os::unix::fs::MetadataExt as _;
    Stamp(file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec())
}

#[cfg(not(unix))]
fn of(file: &std::fs::Metadata) -> Stamp {
    let modified =
        file.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
    let seconds = i64::try_from(modified.as_secs()).unwrap_or(i64::MAX);
    Stamp(0, 0, file.len(), seconds, modified.subsec_nanos().into())
}
