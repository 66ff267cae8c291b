//! What lies in the cache directory: shown, cleared, and swept of what has ended.
//!
//! Only names of our own form are touched, so that a directory named by mistake loses nothing. A lock is deleted by one
//! who holds it, or not at all.

use std::fs::DirEntry;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lock;
use crate::clock::UnixSeconds;
use crate::private_file::{self, UNFINISHED};

/// Most files one sweep deletes.
const MOST_SWEPT: usize = 32;

/// No token lives longer than this after its file was written; and no lock, and no unfinished file.
const LONGEST_LIFE: Duration = Duration::from_secs(15 * 60);

/// Hex digits of a key.
const DIGITS: usize = 64;

/// What is cached.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Sorted by file name.
    pub cached: Vec<Cached>,
    /// What cannot be used, and why.
    pub notes: Vec<String>,
}

/// One cached thing, without what is secret of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cached {
    /// `token` or `credentials`.
    pub kind: &'static str,
    /// Name of the file.
    pub file: String,
    /// When it ends, RFC 3339.
    pub expires_at: String,
    /// Whether it has ended.
    pub is_expired: bool,
}

/// Why a cache cannot be listed or cleared.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The directory cannot be read.
    #[error("cache directory `{directory}` cannot be read: {why}; name another with --cache-dir")]
    Directory {
        /// Which.
        directory: String,
        /// The system's words.
        why: io::Error,
    },
    /// A file stays.
    #[error("`{file}` cannot be deleted: {why}; delete it by hand")]
    Delete {
        /// Which.
        file: String,
        /// The system's words.
        why: io::Error,
    },
}

/// What is cached. A directory that is not there is an empty cache.
///
/// # Errors
/// [`CacheError::Directory`].
pub fn list(directory: &Path, now: UnixSeconds) -> Result<Listing, CacheError> {
    let mut listing = Listing::default();
    if let Err(fault) = private_file::is_directory(directory) {
        listing.notes.push(format!("cache directory `{}` {fault}: nothing in it is used", directory.display()));
    }
    for (name, form, entry) in ours(directory)? {
        let Form::Cached(kind) = form else { continue };
        match expiration(&entry.path()) {
            Ok(None) => {}
            Ok(Some(end)) => listing.cached.push(Cached {
                kind,
                file: name,
                expires_at: Timestamp::from_second(end.0).unwrap_or(Timestamp::MAX).to_string(),
                is_expired: end <= now,
            }),
            Err(why) => listing.notes.push(format!("`{name}` {why}: it is not used")),
        }
    }
    listing.cached.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(listing)
}

/// Deletes everything that is cached; says how many tokens and credentials these were.
///
/// # Errors
/// [`CacheError`]; what could be deleted is.
pub fn clear(directory: &Path) -> Result<usize, CacheError> {
    let mut deleted = 0_usize;
    let mut failed = None;
    for (name, form, entry) in ours(directory)? {
        if form == Form::Lock {
            lock::delete(&entry.path());
            continue;
        }
        match std::fs::remove_file(entry.path()) {
            Ok(()) => deleted = deleted.saturating_add(usize::from(matches!(form, Form::Cached(_)))),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => failed = Some(CacheError::Delete { file: name, why }),
        }
    }
    failed.map_or(Ok(deleted), Err)
}

/// Deletes some of what has ended. What goes wrong is left to the next time.
pub(super) fn sweep(directory: &Path, now: UnixSeconds) {
    let old = ours(directory).unwrap_or_default().into_iter().filter(|(_, _, entry)| is_old(entry));
    let ended = old.filter(|(_, form, entry)| match form {
        Form::Cached("token") | Form::Lock | Form::Unfinished => true,
        Form::Cached(_) => !matches!(expiration(&entry.path()), Ok(Some(end)) if end > now),
    });
    for (_, form, entry) in ended.take(MOST_SWEPT) {
        match form {
            Form::Lock => drop(lock::delete(&entry.path())),
            Form::Cached(_) | Form::Unfinished => drop(std::fs::remove_file(entry.path())),
        }
    }
}

/// What a name of ours stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// `token` or `credentials`.
    Cached(&'static str),
    Lock,
    /// Left behind by a process that was killed.
    Unfinished,
}

impl Form {
    fn of(name: &str) -> Option<Self> {
        if name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1) {
            return Some(Self::Unfinished);
        }
        let (digits, rest) = name.split_at_checked(DIGITS)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return None;
        }
        match rest {
            ".credentials.json" => Some(Self::Cached("credentials")),
            ".lock" => Some(Self::Lock),
            ".token.json" => Some(Self::Cached("token")),
            _ => None,
        }
    }
}

/// The files of our names.
fn ours(directory: &Path) -> Result<Vec<(String, Form, DirEntry)>, CacheError> {
    let failed = |why| CacheError::Directory { directory: directory.display().to_string(), why };
    let entries = match directory.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut ours = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if let Ok(name) = entry.file_name().into_string()
            && let Some(form) = Form::of(&name)
        {
            ours.push((name, form, entry));
        }
    }
    Ok(ours)
}

/// When a cached thing ends: what the files of both kinds have in common. `None` when it has just gone.
fn expiration(file: &Path) -> Result<Option<UnixSeconds>, String> {
    #[derive(Deserialize)]
    struct End {
        expiration: i64,
    }
    let Some(bytes) = private_file::read(file).map_err(|fault| fault.to_string())? else { return Ok(None) };
    let end = serde_json::from_slice::<End>(&bytes).map_err(|_| "is not what iam-bridge writes".to_owned())?;
    Ok(Some(UnixSeconds(end.expiration)))
}

fn is_old(entry: &DirEntry) -> bool {
    let age = entry.metadata().and_then(|file| file.modified()).ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age > LONGEST_LIFE)
}
