//! `--cache`: the reference's credential cache file, which the reference's own binary reads and writes beside us.
//!
//! ```text
//! recall: file ─shared lock─▶ Document ─▶ keys with two minutes or more left
//! keep:   file ─exclusive lock─▶ Document ─▶ without what has ended ─▶ with our keys ─▶ written in place
//! ```
//!
//! What is kept are the base credentials, under the role that is assumed with them. A cache that cannot be used is no
//! cache: what stood in the way is a note, and never stops a login.

mod document;
mod locked_file;
mod node;

use std::path::{Path, PathBuf};

use aws_credential_types::Credentials;
use jiff::Timestamp;

use self::document::{Document, Unfit};
use self::locked_file::{FileError, LockedFile};
use super::CredentialCacheSettings;
use crate::clock::UnixSeconds;
use crate::private_file::{self, Fault};

/// Keys that end sooner than this are of no use, seconds: the token they sign would end with them.
const TOO_SHORT: i64 = 120;

/// What the file holds for these settings.
#[derive(Debug, Default)]
pub(super) struct Recalled {
    /// The keys, if they may be used.
    pub(super) keys: Option<Credentials>,
    /// What stood in the way, for standard error.
    pub(super) note: Option<String>,
    /// Whether new keys can be kept: not in a file that was refused, nor behind a lock that was waited for in vain.
    pub(super) keeps: bool,
}

/// Why there is no caching. The words are the reference's where it has some.
#[derive(Debug, thiserror::Error)]
enum CacheError {
    #[error("unable to use cache: cache file `{}` is not private (mode {mode:04o}); run `chmod 600` on it", .path.display())]
    NotPrivate { path: PathBuf, mode: u32 },
    #[error("unable to use cache: cache file `{}` {why}", .path.display())]
    File { path: PathBuf, why: FileError },
    #[error("unable to use cache: the directory of cache file `{}` {why}", .path.display())]
    Directory { path: PathBuf, why: Fault },
    #[error("unable to use cache: cache file `{}` holds no cached credentials but something else", .0.display())]
    Foreign(PathBuf),
    #[error("unable to use cache: cache file `{}` is damaged, the next credentials replace it", .0.display())]
    Damaged(PathBuf),
    #[error("cache file `{}` does not exist yet", .0.display())]
    Missing(PathBuf),
    #[error("unable to cache credentials: they do not expire")]
    Endless,
    #[error("unable to cache credentials: they cannot be written as YAML")]
    Unwritable,
}

/// The cached keys, if there are any that live long enough.
pub(super) fn recall(settings: &CredentialCacheSettings, now: UnixSeconds) -> Recalled {
    match read(settings, now) {
        Ok(keys) => Recalled { keys, note: None, keeps: true },
        Err(error) => {
            let keeps = matches!(error, CacheError::Missing(_) | CacheError::Damaged(_));
            Recalled { keys: None, note: Some(error.to_string()), keeps }
        }
    }
}

/// Keeps `keys` beside whatever else the file holds; what stood in the way is a note.
pub(super) fn keep(settings: &CredentialCacheSettings, keys: &Credentials, now: UnixSeconds) -> Option<String> {
    write(settings, keys, now).err().map(|error| error.to_string())
}

fn read(settings: &CredentialCacheSettings, now: UnixSeconds) -> Result<Option<Credentials>, CacheError> {
    let path = &settings.file;
    let content = locked_file::read(path).map_err(|why| refused(path, why))?;
    let content = content.ok_or_else(|| CacheError::Missing(path.clone()))?;
    let document = Document::parse(&content).map_err(|unfit| match unfit {
        Unfit::Torn | Unfit::Unreadable => CacheError::Damaged(path.clone()),
        Unfit::Foreign => CacheError::Foreign(path.clone()),
    })?;
    Ok(document.keys(settings).filter(|(_, end)| end.since(now) >= TOO_SHORT).map(|(keys, _)| keys))
}

fn write(settings: &CredentialCacheSettings, keys: &Credentials, now: UnixSeconds) -> Result<(), CacheError> {
    let path = &settings.file;
    let end = keys.expiry().and_then(|end| Timestamp::try_from(end).ok()).ok_or(CacheError::Endless)?;
    if UnixSeconds(end.as_second()).since(now) < TOO_SHORT {
        return Ok(());
    }
    private_file::make_way(path).map_err(|why| CacheError::Directory { path: path.clone(), why })?;
    let file = LockedFile::open(path).map_err(|why| refused(path, why))?;
    let mut document = match Document::parse(&file.content) {
        Ok(document) => document,
        Err(Unfit::Torn) => Document::default(),
        // The path may lead to a file that somebody still needs.
        Err(Unfit::Unreadable) => put_aside(path, &file.content)?,
        Err(Unfit::Foreign) => return Err(CacheError::Foreign(path.clone())),
    };
    document.drop_ended(now);
    document.put(settings, keys, end);
    let text = document.render(file.content.len()).ok_or(CacheError::Unwritable)?;
    file.write(&text).map_err(|why| refused(path, why))
}

/// Copies what cannot be read to `<file>.bad`, so that nothing is lost, and starts anew.
fn put_aside(path: &Path, content: &[u8]) -> Result<Document, CacheError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".bad");
    let copied = private_file::write(Path::new(&aside), content);
    copied.map(|()| Document::default()).map_err(|why| CacheError::File { path: aside.into(), why: why.into() })
}

fn refused(path: &Path, why: FileError) -> CacheError {
    let path = path.to_owned();
    match why {
        FileError::Private(Fault::Shared { mode }) => CacheError::NotPrivate { path, mode },
        why => CacheError::File { path, why },
    }
}
