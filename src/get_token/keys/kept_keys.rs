//! `--cache-credentials`: the keys of roles, kept between runs, one private file each in the cache directory.
//!
//! What is kept are the keys that sign: of a role that was assumed, of a role of IAM Identity Center, of a web identity.
//! They serve every cluster, and spare each of them the way there. Never kept are keys that were there without asking.
//! The file's name and place are the token cache's, and so are listing, clearing and sweeping.

use std::path::{Path, PathBuf};

use aws_credential_types::Credentials;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::UnixSeconds;
use crate::get_token::presign::seconds_since_epoch;
use crate::get_token::token_cache::stamp::Stamp;
use crate::get_token::token_cache::{Key, Kind, key};
use crate::get_token::{KeySettings, KeySource};
use crate::private_file::{self, Fault};

/// Version of the file's format.
const VERSION: u32 = 1;

/// Most bytes of a file.
const LARGEST: usize = 16 * 1024;

/// Keys are not given out when they end sooner than this, seconds.
const LEAST_LEFT: i64 = 300;

/// Keys kept later than this from now, seconds, tell of a clock that was set back.
const MOST_AHEAD: i64 = 5;

/// Longest life of a role's keys, seconds: an end later than that is none AWS gave.
const LONGEST_LIFE: i64 = 12 * 60 * 60 + 60;

/// How long keys are given out that were lent by others which can be replaced without a trace on this machine's disk.
const UNSEEN_LIFE: i64 = 300;

/// Where keys come from, as far as it decides whether they are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descent<'k> {
    /// The first keys of the chain.
    pub(super) source: KeySource,
    /// Whether a role was assumed with them, by `--role` or by a profile.
    pub(super) is_of_role: bool,
    /// Files of the login behind them: when one of them changes, the keys are dropped.
    pub(super) login_files: &'k [PathBuf],
}

/// What is kept under these settings.
#[derive(Debug, Default)]
pub(super) struct Recalled {
    /// The keys, if they may be used.
    pub(super) keys: Option<Credentials>,
    /// Files of the login behind them.
    pub(super) login_files: Vec<PathBuf>,
    /// What stood in the way, for standard error.
    pub(super) note: Option<String>,
}

/// Where the keys of certain settings are kept.
#[derive(Debug)]
pub(super) struct KeptKeys<'s> {
    directory: &'s Path,
    home: Option<&'s Path>,
    key: Key,
}

impl<'s> KeptKeys<'s> {
    /// The place; `None` unless keys are to be kept.
    ///
    /// It stands for the AWS config files as they are now. So it is made before these are read: keys that an old text led
    /// to are never taken for those of a new one.
    pub(super) fn of(settings: &'s KeySettings) -> Option<Self> {
        let directory = settings.kept_keys.as_deref()?;
        Some(Self { directory, home: settings.home.as_deref(), key: key(Kind::Credentials, settings) })
    }

    /// The kept keys, if there are any that live long enough.
    pub(super) fn recall(&self, now: UnixSeconds) -> Recalled {
        // What is wrong with the directory is told when it is to be written.
        if !matches!(private_file::is_directory(self.directory), Ok(true)) {
            return Recalled::default();
        }
        let path = self.key.file_in(self.directory);
        match load(&path, &self.key, now) {
            Ok(Some((keys, login_files))) => Recalled { keys: Some(keys), login_files, note: None },
            Ok(None) => Recalled::default(),
            Err(why) => {
                let file = path.display();
                let note = format!("kept credentials `{file}` {why}; they are not used, new ones take their place");
                Recalled { note: Some(note), ..Recalled::default() }
            }
        }
    }

    /// Keeps `keys`, if they are of a kind that is kept; what stood in the way is a note.
    pub(super) fn keep(&self, keys: &Credentials, descent: Descent<'_>, now: UnixSeconds) -> Option<String> {
        let bytes = Text::of(keys, descent, &self.key, now)?.render()?;
        if private_file::is_homeless(self.directory, self.home) {
            return None;
        }
        let written = private_file::directory(self.directory)
            .and_then(|()| private_file::write(&self.key.file_in(self.directory), &bytes));
        match written {
            Err(fault) if !fault.is_no_place() => {
                Some(format!("the credentials cannot be kept: cache directory `{}` {fault}", self.directory.display()))
            }
            Ok(()) | Err(_) => None,
        }
    }
}

/// Why a file is not used. Holds nothing of its text.
#[derive(Debug, thiserror::Error)]
enum KeptError {
    #[error(transparent)]
    File(#[from] Fault),
    #[error("are not what iam-bridge writes")]
    Format,
    #[error("were made for something else")]
    OtherKey,
    #[error("are of another version")]
    Version,
}

/// The file. `expiration` is what listing and sweeping look at.
#[derive(Deserialize, Serialize)]
struct Text<'t> {
    v: u32,
    key: &'t str,
    access_key_id: &'t str,
    secret_access_key: &'t str,
    session_token: &'t str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<&'t str>,
    expiration: i64,
    kept_at: i64,
    reuse_until: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<(PathBuf, Stamp)>,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl<'t> Text<'t> {
    /// What to write; `None` when it is not worth it, or must not be.
    fn of(keys: &'t Credentials, descent: Descent<'_>, key: &'t Key, now: UnixSeconds) -> Option<Self> {
        let is_lent = descent.is_of_role || matches!(descent.source, KeySource::Sso | KeySource::WebIdentity);
        let session_token = keys.session_token().filter(|token| !token.is_empty())?;
        let end = UnixSeconds(seconds_since_epoch(keys.expiry()?));
        let last = end.plus(-LEAST_LEFT);
        // A login whose file is not there has been ended meanwhile.
        let stamped = |path: &PathBuf| Some((path.clone(), Stamp::of(path)?));
        let files = descent.login_files.iter().map(stamped).collect::<Option<Vec<_>>>()?;
        (is_lent && now < last).then(|| Self {
            v: VERSION,
            key: key.as_str(),
            access_key_id: keys.access_key_id(),
            secret_access_key: keys.secret_access_key(),
            session_token,
            account_id: keys.account_id().map(|account| account.as_str()),
            expiration: end.0,
            kept_at: now.0,
            reuse_until: if descent.source.may_change_unseen() { last.min(now.plus(UNSEEN_LIFE)) } else { last }.0,
            files,
        })
    }

    fn parse(bytes: &'t [u8], key: &Key) -> Result<Self, KeptError> {
        let text: Self = serde_json::from_slice(bytes).map_err(|_| match serde_json::from_slice(bytes) {
            Ok(Version { v }) if v != VERSION => KeptError::Version,
            Ok(_) | Err(_) => KeptError::Format,
        })?;
        if text.v != VERSION {
            return Err(KeptError::Version);
        }
        if text.key != key.as_str() {
            return Err(KeptError::OtherKey);
        }
        let life = UnixSeconds(text.expiration).since(UnixSeconds(text.kept_at));
        let is_whole = [text.access_key_id, text.secret_access_key, text.session_token].iter().all(|t| !t.is_empty());
        let is_possible = (0..=LONGEST_LIFE).contains(&life) && text.reuse_until <= text.expiration;
        if is_whole && is_possible { Ok(text) } else { Err(KeptError::Format) }
    }

    /// The file's bytes; `None` when they would be too many, or a path cannot be written in JSON.
    fn render(&self) -> Option<Zeroizing<Vec<u8>>> {
        // Never grows: a buffer that grew would leave copies of the keys behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST.saturating_mul(2)));
        serde_json::to_writer(&mut *bytes, self).ok()?;
        (bytes.len() <= LARGEST).then_some(bytes)
    }

    /// Whether the keys may be given out: they live long enough, the clock was not set back, the login is still there.
    fn is_good(&self, now: UnixSeconds) -> bool {
        UnixSeconds(self.expiration).since(now) > LEAST_LEFT
            && now.0 < self.reuse_until
            && self.kept_at <= now.plus(MOST_AHEAD).0
            && self.files.iter().all(|(path, stamp)| Stamp::of(path) == Some(*stamp))
    }
}

fn load(path: &Path, key: &Key, now: UnixSeconds) -> Result<Option<(Credentials, Vec<PathBuf>)>, KeptError> {
    let Some(bytes) = private_file::read(path)? else { return Ok(None) };
    if bytes.len() > LARGEST {
        return Err(KeptError::Format);
    }
    let text = Text::parse(&bytes, key)?;
    if !text.is_good(now) {
        return Ok(None);
    }
    let end = jiff::Timestamp::from_second(text.expiration).map_err(|_| KeptError::Format)?;
    let mut builder = Credentials::builder()
        .access_key_id(text.access_key_id)
        .secret_access_key(text.secret_access_key)
        .session_token(text.session_token)
        .expiry(end.into())
        .provider_name("KeptKeys");
    builder.set_account_id(text.account_id.map(Into::into));
    Ok(Some((builder.build(), text.files.into_iter().map(|(path, _)| path).collect())))
}
