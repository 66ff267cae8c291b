//! One file: locked as client-go locks it, replaced by rename, its mode and owner kept, a link followed.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use backon::{BlockingRetryable, ConstantBuilder};

use super::{Change, EditError, edit};
use crate::document;
use crate::replaced_file;

/// Pause between two looks at somebody else's lock, and how many there are: 5 s in all. kubectl holds it for milliseconds.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
const LOCK_LOOKS: usize = 100;

/// Why a kubeconfig cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// What is in it cannot be edited.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Reading or writing failed.
    #[error("kubeconfig `{file}` cannot be {doing}: {why}")]
    Io {
        /// Which.
        file: String,
        /// `read`, `locked`, `written`.
        doing: &'static str,
        /// Why.
        why: io::Error,
    },
    /// Another program has the lock, or left it behind.
    #[error(
        "kubeconfig `{file}` is locked by `{lock}`{age}: another program is writing it, or ended without removing the \
         lock; if none is, remove it: rm {lock}"
    )]
    Locked {
        /// Which.
        file: String,
        /// The lock.
        lock: String,
        /// `, made … ago`, or nothing.
        age: String,
    },
    /// A directory, a device, a pipe.
    #[error("kubeconfig `{0}` is no regular file; name another with --kubeconfig")]
    NotRegular(String),
}

/// What became of a file, or would.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Update {
    /// The file as it was named.
    pub file: PathBuf,
    /// Whether anything is different.
    pub is_changed: bool,
    /// What stands in it now, or would.
    pub text: String,
}

/// Makes the changes in the file; creates it (0600), and its directory (0700), when missing. Does not touch it when it
/// says already what is wanted.
///
/// # Errors
/// [`FileError`].
pub fn update(path: &Path, changes: &[Change]) -> Result<Update, FileError> {
    let target = replaced_file::target_of(path).map_err(fault(path, "read"))?;
    create_directory(replaced_file::directory_of(&target)).map_err(fault(path, "written"))?;
    // client-go locks the name it was given; who comes by another name must wait as well.
    let _named = Lock::take(path)?;
    let _target = if target == path { None } else { Some(Lock::take(&target)?) };
    let update = preview(path, changes)?;
    if update.is_changed {
        replaced_file::replace(&target, &update.text).map_err(fault(path, "written"))?;
    }
    Ok(update)
}

/// What [`update`] would do. Neither locks nor writes.
///
/// # Errors
/// [`FileError`].
pub fn preview(path: &Path, changes: &[Change]) -> Result<Update, FileError> {
    let old = load(path)?;
    let text = edit(&path.display().to_string(), old.as_deref().unwrap_or_default(), changes)?;
    Ok(Update { file: path.to_owned(), is_changed: old.as_ref() != Some(&text), text })
}

/// The file's text, byte-order mark included; `None` when there is none.
///
/// # Errors
/// [`FileError`].
pub(super) fn load(path: &Path) -> Result<Option<String>, FileError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Err(FileError::NotRegular(path.display().to_string())),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(path, "read")(error)),
    }
    let bytes = fs::read(path).map_err(fault(path, "read"))?;
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let faults = document::utf8(&path.display().to_string(), error.as_bytes()).err();
        EditError::Faults(faults.into_iter().collect()).into()
    })
}

fn fault(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> FileError {
    move |why| FileError::Io { file: path.display().to_string(), doing, why }
}

/// `<file>.lock`, there while it lives.
#[derive(Debug)]
struct Lock(PathBuf);

impl Lock {
    fn take(path: &Path) -> Result<Self, FileError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        if let Some(directory) = lock.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            create_directory(directory).map_err(fault(path, "locked"))?;
        }
        let waits = ConstantBuilder::new().with_delay(LOCK_PAUSE).with_max_times(LOCK_LOOKS);
        let taken = (|| OpenOptions::new().write(true).create_new(true).open(&lock))
            .retry(waits)
            .sleep(std::thread::sleep)
            .when(|error: &io::Error| error.kind() == ErrorKind::AlreadyExists)
            .call();
        match taken {
            Ok(_) => Ok(Self(lock)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(FileError::Locked {
                file: path.display().to_string(),
                age: age_of(&lock).map(|age| format!(", made {age} ago")).unwrap_or_default(),
                lock: lock.display().to_string(),
            }),
            Err(error) => Err(fault(path, "locked")(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Whoever removed it before us wanted it gone.
        let _ = fs::remove_file(&self.0);
    }
}

/// How long ago the lock was made, by the clock of its file system.
fn age_of(lock: &Path) -> Option<String> {
    let made = fs::metadata(lock).and_then(|metadata| metadata.modified()).ok()?;
    // A file made now tells the time there.
    let now = tempfile::tempfile_in(lock.parent()?).and_then(|file| file.metadata()?.modified()).ok()?;
    Some(words_for(since(made, now)))
}

fn since(made: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(made).unwrap_or_default()
}

fn words_for(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(unix)]
fn create_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn create_directory(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).create(directory)
}
