//! Files that are nobody else's business: 0600 in a directory 0700, both ours, never reached by a link.
//!
//! Owner, kind and mode are judged on the open descriptor, so that nothing can be put in its place between look and
//! read. Writing makes a new file beside the old one and renames it: whatever stood there is replaced, not written
//! through, and a reader sees the old file or the new one. Nothing is synced: what is kept here can be lost.
//!
//! Windows: the access list of the person's profile directory protects them; only links and kinds are judged.

use std::fmt;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// Most bytes that are read; more than nearly anything kept here needs.
pub const LARGEST: u64 = 1024 * 1024;

/// How the names of files begin and end that are not in their place yet.
pub const UNFINISHED: (&str, &str) = (".iam-bridge-", ".tmp");

/// Why a file or directory is not used. The words go on after its name.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Someone else's.
    #[error("belongs to user {owner}")]
    Foreign {
        /// Whose.
        owner: u32,
    },
    /// The system's refusal.
    #[error("cannot be used: {0}")]
    Io(io::Error),
    /// What it leads to may be anything.
    #[error("is a symbolic link")]
    Link,
    /// A file where a directory should be.
    #[error("is not a directory")]
    NotADirectory,
    /// A directory, pipe or device where a file should be.
    #[error("is not a regular file")]
    NotAFile,
    /// Group or other bits are set.
    #[error("is open to others (mode {mode:04o})")]
    Shared {
        /// Its permission bits.
        mode: u32,
    },
    /// Nothing of ours is that long.
    #[error("holds more than {most} bytes")]
    TooLarge {
        /// That may be.
        most: u64,
    },
}

/// A private file that was read.
pub struct Found {
    /// What it holds.
    pub bytes: Zeroizing<Vec<u8>>,
    /// What its descriptor said.
    pub metadata: Metadata,
}

impl Fault {
    /// Whether there is merely no place to write, as in a container with a read-only disk: nothing is wrong.
    #[must_use]
    pub fn is_no_place(&self) -> bool {
        use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
        matches!(self, Self::Io(error) if [NotFound, PermissionDenied, ReadOnlyFilesystem].contains(&error.kind()))
    }
}

impl fmt::Debug for Found {
    /// Its bytes may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

/// What a private file holds; `None` when there is none.
///
/// # Errors
/// [`Fault`]: the file is there and must not be used.
pub fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    Ok(find(path)?.map(|found| found.bytes))
}

/// As [`read`], of a file that may be longer than most.
///
/// # Errors
/// [`Fault`].
pub fn read_up_to(path: &Path, most: u64) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    Ok(find_up_to(path, most)?.map(|found| found.bytes))
}

/// As [`read`], and what the descriptor says about the file.
///
/// # Errors
/// [`Fault`].
pub fn find(path: &Path) -> Result<Option<Found>, Fault> {
    find_up_to(path, LARGEST)
}

fn find_up_to(path: &Path, most: u64) -> Result<Option<Found>, Fault> {
    let Some(file) = open_to_read(path)? else { return Ok(None) };
    let metadata = file.metadata().map_err(Fault::Io)?;
    if metadata.len() > most {
        return Err(Fault::TooLarge { most });
    }
    // Of its final length from the start: a buffer that grew would leave copies behind.
    let length = usize::try_from(metadata.len()).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.saturating_add(1)));
    file.take(most).read_to_end(&mut bytes).map_err(Fault::Io)?;
    Ok(Some(Found { bytes, metadata }))
}

/// Writes a private file whole, in place of whatever has this name.
///
/// # Errors
/// [`Fault::Io`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    let (prefix, suffix) = UNFINISHED;
    // tempfile creates exclusively, with 0600.
    let file = tempfile::Builder::new().prefix(prefix).suffix(suffix).tempfile_in(directory);
    let mut file = file.map_err(Fault::Io)?;
    file.write_all(bytes).map_err(Fault::Io)?;
    platform::put(file, path).map_err(Fault::Io)
}

/// Writes a private file whole that is not there yet; whatever has its name stays.
///
/// # Errors
/// [`Fault::Io`], of kind `AlreadyExists` if something has its name.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let (prefix, suffix) = UNFINISHED;
    let file = tempfile::Builder::new().prefix(prefix).suffix(suffix).tempfile_in(directory);
    let mut file = file.map_err(Fault::Io)?;
    file.write_all(bytes).map_err(Fault::Io)?;
    file.persist_noclobber(path).map(drop).map_err(|failed| Fault::Io(failed.error))
}

/// Opens a private file to read and write, and makes an empty one if there is none: for locks.
///
/// # Errors
/// [`Fault`].
pub fn open(path: &Path) -> Result<File, Fault> {
    let mut options = OpenOptions::new();
    let file = platform::without_links(options.read(true).write(true).create(true).truncate(false)).open(path);
    let file = file.map_err(|error| refused(path, error))?;
    judge_file(&file).map(|_| file)
}

/// Opens a private file to read; `None` when there is none.
///
/// # Errors
/// [`Fault`].
pub fn open_to_read(path: &Path) -> Result<Option<File>, Fault> {
    match platform::without_links(OpenOptions::new().read(true)).open(path) {
        Ok(file) => judge_file(&file).map(|_| Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(path, error)),
    }
}

/// Whether an open file still has its name: it may have been deleted or replaced meanwhile.
///
/// Windows: an open file keeps its name until it is closed, so it is asked whether any file has it.
///
/// # Errors
/// The system's refusal.
pub fn stands(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match path.symlink_metadata() {
        Ok(named) => Ok(platform::is_same(&open, &named)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the directories above a file that are missing, private ones; those that are there may be anybody's.
///
/// Root makes no way to a file in a place of someone else, which would then hold a file that they cannot use.
///
/// # Errors
/// [`Fault`], about the directory.
pub fn make_way(file: &Path) -> Result<(), Fault> {
    let above = file.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    match above.metadata() {
        Ok(there) => not_roots(&there).map_or(Ok(()), |owner| Err(Fault::Foreign { owner })),
        Err(_) => directory(above),
    }
}

/// Makes a private directory, with those above it that are missing, unless it is there; judges it in any case.
///
/// Root makes none in a place of someone else: under sudo, HOME may be another person's.
///
/// # Errors
/// [`Fault`].
pub fn directory(path: &Path) -> Result<(), Fault> {
    if is_directory(path)? {
        return Ok(());
    }
    let path = bare(path);
    if let Some(owner) = path.ancestors().find_map(|above| above.metadata().ok()).and_then(|there| not_roots(&there)) {
        return Err(Fault::Foreign { owner });
    }
    platform::private_builder().create(&path).map_err(Fault::Io)?;
    if is_directory(&path)? { Ok(()) } else { Err(Fault::Io(io::ErrorKind::NotFound.into())) }
}

/// Whether a directory lies in a home that is not there: HOME may be a word for nowhere, and whoever has none gets none
/// made.
#[must_use]
pub fn is_homeless(directory: &Path, home: Option<&Path>) -> bool {
    home.is_some_and(|home| directory.starts_with(home) && !home.is_dir())
}

/// Whether a private directory is there. Looks only.
///
/// # Errors
/// [`Fault`]: it is there and must not be used.
pub fn is_directory(path: &Path) -> Result<bool, Fault> {
    let metadata = match bare(path).symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Fault::Io(error)),
    };
    match (metadata.is_symlink(), metadata.is_dir()) {
        (true, _) => Err(Fault::Link),
        (false, false) => Err(Fault::NotADirectory),
        (false, true) => platform::judge(&metadata).map(|()| true),
    }
}

/// Without a slash at its end, which would lead through a link.
fn bare(path: &Path) -> PathBuf {
    path.components().collect()
}

fn judge_file(file: &File) -> Result<Metadata, Fault> {
    let metadata = file.metadata().map_err(Fault::Io)?;
    match (metadata.is_symlink(), metadata.is_file()) {
        (true, _) => Err(Fault::Link),
        (false, false) => Err(Fault::NotAFile),
        (false, true) => platform::judge(&metadata).map(|()| metadata),
    }
}

fn refused(path: &Path, error: io::Error) -> Fault {
    if path.is_symlink() { Fault::Link } else { Fault::Io(error) }
}

/// Owner of a place that root should leave alone.
fn not_roots(place: &Metadata) -> Option<u32> {
    match platform::judge(place) {
        Err(Fault::Foreign { owner }) if platform::is_root() => Some(owner),
        _ => None,
    }
}

#[cfg(unix)]
mod platform {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};

    use super::*;

    /// Without following a link, waiting for a pipe's other end or taking a terminal; what is made is 0600.
    pub(super) fn without_links(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
    }

    pub(super) fn private_builder() -> DirBuilder {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
    }

    pub(super) fn judge(metadata: &Metadata) -> Result<(), Fault> {
        let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
        if owner != rustix::process::geteuid().as_raw() {
            return Err(Fault::Foreign { owner });
        }
        if mode & 0o077 != 0 { Err(Fault::Shared { mode }) } else { Ok(()) }
    }

    pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }

    pub(super) fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    pub(super) fn put(file: NamedTempFile, path: &Path) -> io::Result<()> {
        file.persist(path).map(drop).map_err(|failed| failed.error)
    }
}

#[cfg(not(unix))]
mod platform {
    use std::time::Duration;

    use super::*;

    /// Others may have the old file open, a virus scanner among them: so often it is tried again.
    const ATTEMPTS: u32 = 5;

    #[cfg(windows)]
    pub(super) fn without_links(options: &mut OpenOptions) -> &mut OpenOptions {
        use std::os::windows::fs::OpenOptionsExt as _;
        /// Opens a link itself, which [`judge_file`] then refuses.
        const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
    }

    #[cfg(not(windows))]
    pub(super) fn without_links(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(super) fn private_builder() -> DirBuilder {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        builder
    }

    pub(super) fn judge(_metadata: &Metadata) -> Result<(), Fault> {
        Ok(())
    }

    pub(super) fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
        true
    }

    pub(super) fn is_root() -> bool {
        false
    }

    pub(super) fn put(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
        for _ in 1..ATTEMPTS {
            match file.persist(path) {
                Ok(_) => return Ok(()),
                Err(failed) => file = failed.file,
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        file.persist(path).map(drop).map_err(|failed| failed.error)
    }
}
