//! A file that people keep and we change: replaced whole by rename, its mode and owner kept, a link followed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// How the names of files begin that are not in their place yet.
const UNFINISHED: &str = ".iam-bridge-";

/// Where the link leads; the path itself when it is none, or leads nowhere yet.
///
/// # Errors
/// The system's refusal.
pub fn target_of(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {}
        Ok(_) => return Ok(path.to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path.to_owned()),
        Err(error) => return Err(error),
    }
    match fs::canonicalize(path) {
        Ok(target) => Ok(target),
        // A link to a file that is not there yet.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let link = fs::read_link(path)?;
            Ok(path.parent().map_or_else(|| link.clone(), |parent| parent.join(&link)))
        }
        Err(error) => Err(error),
    }
}

/// The directory a file stands in.
#[must_use]
pub fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Writes `text` in the place of the file `target`, which is no link; a file that is not there is made, 0600. It is on the disk when
/// this returns.
///
/// # Errors
/// The system's refusal; what was there is still there then.
pub fn replace(target: &Path, text: &str) -> io::Result<()> {
    let mut file = NamedTempFile::with_prefix_in(UNFINISHED, directory_of(target))?;
    file.write_all(text.as_bytes())?;
    match fs::metadata(target) {
        Ok(old) => keep_mode(&old, file.as_file())?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    Ok(())
}

/// Owner and mode of the file that is replaced. A group that its owner may not give is let go, and with it what the
/// mode gave to the group.
#[cfg(unix)]
fn keep_mode(old: &fs::Metadata, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let made = new.metadata()?;
    let mut permissions = old.permissions();
    if (old.uid(), old.gid()) != (made.uid(), made.gid())
        && let Err(error) = fchown(new, Some(old.uid()), Some(old.gid()))
    {
        if old.uid() != made.uid() {
            return Err(error);
        }
        permissions.set_mode(permissions.mode() & !0o070);
    }
    new.set_permissions(permissions)
}

/// The directory's ACL is what protects the file.
#[cfg(not(unix))]
fn keep_mode(old: &fs::Metadata, new: &File) -> io::Result<()> {
    new.set_permissions(old.permissions())
}
