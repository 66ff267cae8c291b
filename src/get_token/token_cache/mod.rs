//! Tokens kept between runs: one private file a key, so that two hundred kubectl calls are one signature.
//!
//! ```text
//! recall: key ─▶ one file ─▶ Entry, good and not refused ─▶ Outcome
//! else:   lock ─▶ recall again ─▶ (sign) ─▶ keep: Entry ─▶ temporary file ─▶ rename ─▶ sweep
//! ```
//!
//! The key says everything a token depends on; the file says when it ends. Reading needs no lock. A cache that cannot be
//! used is no cache: it never stops a login. A file that is not as we leave it is told of, not used, and replaced.

mod entry;
mod key;
mod listing;
mod lock;
mod parent;
pub(super) mod stamp;

use std::cell::{Cell, RefCell};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

pub use key::{Key, Kind, key};
pub use listing::{CacheError, Cached, Listing, clear, list};

use super::{Keys, Outcome, Settings, SignedToken};
use crate::clock::UnixSeconds;
use crate::private_file::{self, Fault, Found};
use entry::Entry;
use lock::Lock;

/// The cache, and the place in it that is ours.
#[derive(Debug)]
pub(super) struct TokenCache {
    directory: PathBuf,
    home: Option<PathBuf>,
    key: Key,
    proof: Option<String>,
    reads: bool,
    is_exec: bool,
    is_usable: Cell<bool>,
    /// A token that is there and must not be given out again.
    passed_over: RefCell<Option<SecretString>>,
    warnings: RefCell<Vec<String>>,
}

/// The right to sign for everybody who waits; or, if it could not be had in time, the right to go on alone.
#[derive(Debug)]
pub(super) struct Turn<'c> {
    cache: &'c TokenCache,
    lock: Option<Lock>,
}

impl TokenCache {
    /// The cache of these settings; `None` when it is switched off.
    pub(super) fn of(settings: &Settings) -> Option<Self> {
        let cache = settings.token_cache.as_ref()?;
        let key = key(Kind::Token(&settings.cluster_id), &settings.keys);
        let environment = settings.keys.environment_keys.as_ref();
        Some(Self {
            proof: environment.map(|keys| key.proof_of(keys.secret_access_key())),
            directory: cache.directory.clone(),
            home: settings.keys.home.clone(),
            key,
            reads: cache.reads,
            is_exec: cache.is_exec,
            is_usable: Cell::new(true),
            passed_over: RefCell::default(),
            warnings: RefCell::default(),
        })
    }

    /// The cached token, if it may be used.
    pub(super) fn recall(&self, now: UnixSeconds) -> Option<Outcome> {
        match private_file::is_directory(&self.directory) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(fault) => {
                self.give_up(&fault);
                return None;
            }
        }
        let (entry, file) = self.load(now)?;
        if !self.reads || (self.is_exec && parent::was_refused(&entry, &file, now)) {
            self.passed_over.replace(Some(entry.token));
            return None;
        }
        Some(self.outcome(entry))
    }

    /// Waits until no other process is about to sign the same token, but not for long.
    pub(super) fn wait_for_turn(&self) -> Turn<'_> {
        Turn { cache: self, lock: self.prepare().then(|| self.lock()).flatten() }
    }

    /// Whether there is a directory to write to; makes it.
    fn prepare(&self) -> bool {
        if !self.is_usable.get() {
            return false;
        }
        if private_file::is_homeless(&self.directory, self.home.as_deref()) {
            self.is_usable.set(false);
        } else if let Err(fault) = private_file::directory(&self.directory) {
            self.give_up(&fault);
        }
        self.is_usable.get()
    }

    fn lock(&self) -> Option<Lock> {
        let path = self.key.lock_in(&self.directory);
        Lock::wait(&path).unwrap_or_else(|fault| {
            if !fault.is_no_place() {
                self.warn(format!("lock file `{}` {fault}; going on without it; delete it", path.display()));
            }
            None
        })
    }

    /// The entry that is there, if it is good, and its file's metadata.
    fn load(&self, now: UnixSeconds) -> Option<(Entry, Metadata)> {
        let path = self.file();
        let Found { bytes, metadata } = match private_file::find(&path) {
            Ok(found) => found?,
            Err(fault) => {
                self.warn_of(&path, &fault);
                return None;
            }
        };
        match Entry::parse(&bytes, &self.key) {
            Ok(entry) => entry.is_good(self.proof.as_deref(), now).then_some((entry, metadata)),
            Err(error) => {
                self.warn_of(&path, &error);
                None
            }
        }
    }

    fn keep(&self, signed: &SignedToken, keys: &Keys, now: UnixSeconds) -> Result<bool, Fault> {
        let Some(entry) = Entry::of(signed, keys, self.proof.clone(), now) else { return Ok(false) };
        let Some(bytes) = entry.render(&self.key) else { return Ok(false) };
        private_file::write(&self.file(), &bytes).map(|()| true)
    }

    fn outcome(&self, entry: Entry) -> Outcome {
        let signed = SignedToken { token: entry.token, expires_at: entry.expires_at };
        Outcome { signed, notes: Vec::new(), warnings: self.warnings.take() }
    }

    fn file(&self) -> PathBuf {
        self.key.file_in(&self.directory)
    }

    fn give_up(&self, fault: &Fault) {
        self.is_usable.set(false);
        if fault.is_no_place() {
            return;
        }
        let directory = self.directory.display();
        let cure = match fault {
            Fault::Shared { .. } => format!("run `chmod 700 {directory}`, or name another with KUBECACHEDIR"),
            _ => "name another with --cache-dir or KUBECACHEDIR".to_owned(),
        };
        self.warn(format!("token cache directory `{directory}` {fault}; going on without it; {cure}"));
    }

    fn warn_of(&self, path: &Path, why: &dyn std::fmt::Display) {
        self.warn(format!("cached token `{}` {why}; it is not used, a new one takes its place", path.display()));
    }

    /// Each is said once.
    fn warn(&self, warning: String) {
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}

impl Turn<'_> {
    /// What another process has put there meanwhile. It was made after we began, so nobody has refused it to us.
    pub(super) fn recall(&self, now: UnixSeconds) -> Option<Outcome> {
        if !self.cache.is_usable.get() {
            return None;
        }
        let (entry, _) = self.cache.load(now)?;
        let is_old = self.cache.passed_over.borrow().as_ref().is_some_and(|token| entry.is(token));
        (!is_old).then(|| self.cache.outcome(entry))
    }

    /// Tells those who wait that a person is being asked: it may take a minute.
    pub(super) fn tell_asking(&self) {
        if let Some(lock) = &self.lock {
            lock.tell_asking();
        }
    }

    /// Keeps a token, if it may be kept; yields all that stood in the cache's way.
    pub(super) fn keep(&self, signed: &SignedToken, keys: &Keys, now: UnixSeconds) -> Vec<String> {
        let cache = self.cache;
        if cache.is_usable.get() {
            let kept = cache.keep(signed, keys, now);
            if !matches!(kept, Ok(true)) && cache.passed_over.borrow().is_some() {
                // Better none than one that is known to be refused.
                let _ = std::fs::remove_file(cache.file());
            }
            match kept {
                Err(fault) if !fault.is_no_place() => {
                    cache.warn(format!("the token cannot be kept: `{}` {fault}", cache.directory.display()));
                }
                Ok(_) | Err(_) => {}
            }
            listing::sweep(&cache.directory, now);
        }
        cache.warnings.take()
    }
}
