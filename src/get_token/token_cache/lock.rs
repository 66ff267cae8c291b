//! Whose turn it is to sign: an exclusive lock on a file beside the token's.
//!
//! The kernel frees it when its holder ends, however that comes about. It is polled: waiting for it has a limit, which
//! std's own waiting has not. The lock file is deleted only by one who holds it, and whoever got the lock of a file that
//! is not in its place any more starts again: so two never hold the lock of one key.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::private_file::{self, Fault};

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// Longest wait for a holder that signs.
const LIMIT: Duration = Duration::from_secs(2);

/// Longest wait for a holder that asks a person.
const LIMIT_ASKING: Duration = Duration::from_secs(60);

/// Written into the file while a person is asked. Its length alone counts: on Windows a locked file cannot be read.
const ASKING: &[u8] = b"asking a person\n";

/// The lock, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Waits for the lock; `None` when the limit has passed.
    pub(super) fn wait(path: &Path) -> Result<Option<Self>, Fault> {
        let began = Instant::now();
        let mut file = private_file::open(path)?;
        loop {
            match file.try_lock() {
                Ok(()) if stands(&file, path) => {
                    // What a holder that was killed had noted.
                    file.set_len(0).map_err(Fault::Io)?;
                    return Ok(Some(Self(file)));
                }
                Ok(()) => file = private_file::open(path)?,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(Fault::Io(error)),
            }
            let asks = file.metadata().is_ok_and(|metadata| metadata.len() > 0);
            if began.elapsed() >= if asks { LIMIT_ASKING } else { LIMIT } {
                return Ok(None);
            }
            // Nothing else is to be done meanwhile, and there is no event to wait for.
            std::thread::sleep(PAUSE);
        }
    }

    /// Tells those who wait that a person is being asked.
    pub(super) fn tell_asking(&self) {
        // Without the note they wait less long: no harm.
        let _ = (&self.0).write_all(ASKING);
    }
}

/// Deletes a lock file that nobody holds; says whether it did.
pub(super) fn delete(path: &Path) -> bool {
    // One that was missing is made and deleted again.
    private_file::open(path)
        .is_ok_and(|file| file.try_lock().is_ok() && stands(&file, path) && std::fs::remove_file(path).is_ok())
}

/// Whether the open file still has its name; no, when it cannot be told. On Windows it cannot be told which file has it: at
/// worst two processes sign, and the later token stays.
fn stands(file: &File, path: &Path) -> bool {
    private_file::stands(file, path).unwrap_or_default()
}
