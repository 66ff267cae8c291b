//! The cache file under its lock: flock on the file itself, shared to read and exclusive to write, as the reference does.
//!
//! So it is written in place: a renamed file would leave others with a lock on the old one. While a write is under way
//! the first byte is [`UNFINISHED`], which no YAML begins with; it is set right last. Whoever is killed in between leaves
//! a file that says so, not the beginning of a new one with the end of the old.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::private_file::{self, Fault};

/// First byte of a file whose writing has not ended.
pub(super) const UNFINISHED: u8 = b'@';

/// How long the lock is waited for, as in the reference.
const PATIENCE: Duration = Duration::from_secs(1);

/// Pause between attempts. The reference's is 250 ms; with twenty at once that leaves too few attempts for each.
const PAUSE: Duration = Duration::from_millis(20);

/// Most bytes of a file.
const LARGEST: u64 = private_file::LARGEST;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// Kind, owner, mode, or the system's refusal.
    #[error(transparent)]
    Private(#[from] Fault),
    /// Others held the lock all the time.
    #[error("is locked by another process for more than a second")]
    Busy,
    /// The file system knows no locks, for one.
    #[error("cannot be locked: {0}")]
    Lock(io::Error),
    /// Reading or writing failed.
    #[error("cannot be used: {0}")]
    Io(#[from] io::Error),
}

/// Content of the file at `path`, read under a shared lock; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    let Some(mut file) = private_file::open_to_read(path)? else { return Ok(None) };
    lock(Instant::now(), || file.try_lock_shared())?;
    content(&mut file).map(Some)
}

/// The file under an exclusive lock, to be written.
#[derive(Debug)]
pub(super) struct LockedFile {
    file: File,
    /// What stands in it.
    pub(super) content: Zeroizing<Vec<u8>>,
}

impl LockedFile {
    /// Opens and locks the file at `path`; makes it when it is missing.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let began = Instant::now();
        loop {
            let mut file = private_file::open(path)?;
            lock(began, || file.try_lock())?;
            if private_file::stands(&file, path)? {
                let content = content(&mut file)?;
                return Ok(Self { file, content });
            }
            // Deleted or replaced while we waited: what is written to this one would be lost.
            if began.elapsed() >= PATIENCE {
                return Err(FileError::Busy);
            }
        }
    }

    /// Writes the whole content anew.
    pub(super) fn write(mut self, text: &str) -> Result<(), FileError> {
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > LARGEST {
            return Err(Fault::TooLarge { most: LARGEST }.into());
        }
        let Some((first, rest)) = text.as_bytes().split_first() else { return Ok(self.file.set_len(0)?) };
        let written = self.write_around(*first, rest);
        if written.is_err() {
            // The disk is full, say. Nothing is better than a part, and costs one more login at most.
            let _ = self.file.set_len(0);
        }
        Ok(written?)
    }

    fn write_around(&mut self, first: u8, rest: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(&[UNFINISHED])?;
        self.file.write_all(rest)?;
        let length = self.file.stream_position()?;
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&[first])
    }
}

fn content(file: &mut File) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let length = file.metadata()?.len();
    if length > LARGEST {
        return Err(Fault::TooLarge { most: LARGEST }.into());
    }
    // Of its final length from the start: a buffer that grew would leave copies behind.
    let capacity = usize::try_from(length).unwrap_or_default().saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Tries until the lock is had, or until others have held it too long after `began`.
fn lock(began: Instant, attempt: impl Fn() -> Result<(), TryLockError>) -> Result<(), FileError> {
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(FileError::Lock(error)),
            Err(TryLockError::WouldBlock) if began.elapsed() >= PATIENCE => return Err(FileError::Busy),
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}
