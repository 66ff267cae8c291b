//! Files of the state directory: private ones 0600 from their first byte, written whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::CertificateError;

/// More than any chain or CA bundle needs; a bound, so that no path can make us read without end.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Who may read a file we write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Audience {
    /// 0600.
    Owner,
    /// 0644.
    Everybody,
}

/// The text of a file that everybody may read.
pub(super) fn load(path: &Path) -> Result<String, CertificateError> {
    open(path).and_then(|file| text_of(file, path))
}

/// The text of a private key file. Group or other bits are refused: whoever reads the key can answer in our place.
pub(super) fn load_private(path: &Path) -> Result<String, CertificateError> {
    let file = open(path)?;
    let metadata = file.metadata().map_err(|source| unreadable(path, source))?;
    match shared_mode(&metadata) {
        Some(mode) => Err(CertificateError::KeyNotPrivate { path: path.to_owned(), mode }),
        None => text_of(file, path),
    }
}

/// Writes a file whole: exclusive create of a temporary one beside it, sync, rename.
pub(super) fn write(path: &Path, text: &str, audience: Audience) -> Result<(), CertificateError> {
    let directory = directory_of(path);
    if !directory.is_dir() {
        return Err(CertificateError::NoDirectory(directory));
    }
    persist(path, &directory, text, audience)
        .map_err(|source| CertificateError::Unwritable { path: path.to_owned(), source })
}

/// What tells one version of a file from another; `None` while it is missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct FileStamp(Option<(u64, u64, i64, i64, i64, i64)>);

impl FileStamp {
    /// The stamp of the file that `path` leads to now.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(
            path.metadata().ok().map(|file| {
                (file.ino(), file.size(), file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec())
            }),
        )
    }

    /// The stamp of the file that `path` leads to now.
    #[cfg(not(unix))]
    pub(super) fn of(path: &Path) -> Self {
        let seconds = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(path.metadata().ok().and_then(|file| {
            let modified = seconds(file.modified().ok()?);
            Some((0, file.len(), i64::try_from(modified.as_secs()).ok()?, i64::from(modified.subsec_nanos()), 0, 0))
        }))
    }
}

fn open(path: &Path) -> Result<File, CertificateError> {
    // Opening a fifo would wait for a writer: look first.
    match path.metadata() {
        Ok(file) if file.is_file() => File::open(path).map_err(|source| unreadable(path, source)),
        Ok(_) => Err(unreadable(path, io::Error::other("not a regular file"))),
        Err(source) => Err(unreadable(path, source)),
    }
}

fn text_of(file: File, path: &Path) -> Result<String, CertificateError> {
    let mut text = String::new();
    let read = file.take(LARGEST).read_to_string(&mut text);
    read.map(|_bytes| text).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: io::Error) -> CertificateError {
    CertificateError::Unreadable { path: path.to_owned(), source }
}

/// The directory of `path`; `.` for a bare name.
fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn persist(path: &Path, directory: &Path, text: &str, audience: Audience) -> io::Result<()> {
    // tempfile creates exclusively, with 0600.
    let mut file = tempfile::Builder::new().prefix(".iam-bridge-").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    if audience == Audience::Everybody
        && let Some(permissions) = readable_by_everybody()
    {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// The new name lasts, too.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// A directory cannot be opened here; NTFS keeps its names in a journal.
#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn shared_mode(file: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn shared_mode(_file: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(unix)]
fn readable_by_everybody() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_everybody() -> Option<Permissions> {
    None
}
