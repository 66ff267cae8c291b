//! Tokens kept between runs: one private file a key, so that two hundred kubectl calls are one signature.
//!
//! The key says everything a token depends on; the file says when it ends. A cache that cannot be used is no cache: it
//! never stops a login.

mod key;
pub(super) mod stamp;

use std::path::PathBuf;

pub use key::{Key, Kind, key};
use serde::Serialize;

use super::{Keys, Outcome, Settings, SignedToken};
use crate::clock::UnixSeconds;

/// The cache, and the place in it that is ours.
#[derive(Debug)]
pub(super) struct TokenCache {
    _directory: PathBuf,
}

/// The right to sign for everybody who waits; or, if it could not be had in time, the right to go on alone.
#[derive(Debug)]
pub(super) struct Turn<'c> {
    cache: &'c TokenCache,
}

/// One cached thing, without what is secret of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
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
    /// The directory cannot be used.
    #[error("cache directory `{directory}` cannot be used: {why}; {cure}")]
    Directory {
        /// Which.
        directory: String,
        /// Why.
        why: String,
        /// What to do.
        cure: &'static str,
    },
}

impl TokenCache {
    /// The cache of these settings; `None` when it is switched off or nothing can be kept.
    pub(super) fn of(settings: &Settings) -> Option<Self> {
        let _ = settings.token_cache.as_ref()?;
        None
    }

    /// The cached token, if it may be used.
    pub(super) fn recall(&self, now: UnixSeconds) -> Option<Outcome> {
        let _ = now;
        None
    }

    /// Waits until no other process is about to sign the same token, but not for long.
    pub(super) fn wait_for_turn(&self) -> Turn<'_> {
        Turn { cache: self }
    }
}

impl Turn<'_> {
    /// What another process has put there meanwhile.
    pub(super) fn recall(&self, now: UnixSeconds) -> Option<Outcome> {
        self.cache.recall(now)
    }

    /// Tells those who wait that a person is being asked: it may take a minute.
    pub(super) fn tell_asking(&self) {}

    /// Keeps a token; what stood in the way is a note.
    pub(super) fn keep(&self, signed: &SignedToken, keys: &Keys, now: UnixSeconds) -> Option<String> {
        let _ = (signed, keys, now);
        None
    }
}

/// What is cached, sorted by file name.
///
/// # Errors
/// [`CacheError`].
pub fn list(directory: &std::path::Path, now: UnixSeconds) -> Result<Vec<Listed>, CacheError> {
    let _ = (directory, now);
    todo!()
}

/// Deletes everything that is cached; says how many files.
///
/// # Errors
/// [`CacheError`].
pub fn clear(directory: &std::path::Path) -> Result<usize, CacheError> {
    let _ = directory;
    todo!()
}
