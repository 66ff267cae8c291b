//! One kept token: its file's text, and when it may be used.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Key;
use super::parent::Parent;
use super::stamp::Stamp;
use crate::clock::UnixSeconds;
use crate::get_token::{KeySource, Keys, SignedToken};

/// Version of the file's format.
const VERSION: u32 = 1;

/// Most bytes of a file.
const LARGEST: usize = 16 * 1024;

/// A token is not given out when it ends sooner than this, seconds.
const LEAST_LEFT: i64 = 120;

/// A token signed later than this from now, seconds, tells of a clock that was set back.
const MOST_AHEAD: i64 = 5;

/// Longest a token lives, seconds: an end later than that is none we wrote.
const LONGEST_LIFE: i64 = 15 * 60;

/// How long a token is given out whose keys can be replaced without a trace on this machine's disk, seconds.
const UNSEEN_LIFE: i64 = 5 * 60;

/// Keys that end sooner than this, seconds, make nothing worth keeping.
const LEAST_LEFT_OF_KEYS: i64 = 180;

/// A kept token.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) token: SecretString,
    /// What `expirationTimestamp` says.
    pub(super) expires_at: UnixSeconds,
    pub(super) signed_at: UnixSeconds,
    /// From when on it is not given out, however long it lives.
    reuse_until: UnixSeconds,
    /// Who got it when it was made.
    pub(super) parent: Option<Parent>,
    /// [`Key::proof_of`] the environment's secret access key, if that was there.
    proof: Option<String>,
    /// Files of the login behind it, as they stood.
    files: Vec<(PathBuf, Stamp)>,
}

/// Why a file's text is none of ours. Holds nothing of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum EntryError {
    #[error("is not what iam-bridge writes")]
    Format,
    #[error("was made for something else")]
    OtherKey,
    #[error("is longer than {LARGEST} bytes")]
    TooLong,
    #[error("is of another version")]
    Version,
}

#[derive(Deserialize, Serialize)]
struct Text<'t> {
    v: u32,
    key: &'t str,
    token: &'t str,
    expiration: i64,
    signed_at: i64,
    reuse_until: i64,
    #[serde(default)]
    parent: Option<Parent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<(PathBuf, Stamp)>,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Entry {
    /// What to keep of a token made `at` this time; `None` when it is not worth it, or must not be.
    pub(super) fn of(signed: &SignedToken, keys: &Keys, proof: Option<String>, at: UnixSeconds) -> Option<Self> {
        let keys_left = keys
            .credentials
            .expiry()
            .map_or(i64::MAX, |end| UnixSeconds(crate::get_token::presign::seconds_since_epoch(end)).since(at));
        // Keys of the environment do not come from the profile's login.
        let is_root = keys.is_root_login && keys.source != KeySource::Environment;
        if is_root || keys_left < LEAST_LEFT_OF_KEYS || signed.expires_at.since(at) <= LEAST_LEFT {
            return None;
        }
        let last = signed.expires_at.plus(-LEAST_LEFT);
        // A login whose file is not there has been ended meanwhile, and no later change would show.
        let stamped = |path: &PathBuf| Some((path.clone(), Stamp::of(path)?));
        let files = keys.login_files.iter().map(stamped).collect::<Option<Vec<_>>>()?;
        Some(Self {
            token: signed.token.clone(),
            expires_at: signed.expires_at,
            signed_at: at,
            reuse_until: if keys.source.may_change_unseen() { last.min(at.plus(UNSEEN_LIFE)) } else { last },
            parent: Parent::of_this_process(),
            proof,
            files,
        })
    }

    /// From a file's bytes.
    pub(super) fn parse(bytes: &[u8], key: &Key) -> Result<Self, EntryError> {
        if bytes.len() > LARGEST {
            return Err(EntryError::TooLong);
        }
        let text: Text<'_> = serde_json::from_slice(bytes).map_err(|_| match serde_json::from_slice(bytes) {
            Ok(Version { v }) if v != VERSION => EntryError::Version,
            Ok(_) | Err(_) => EntryError::Format,
        })?;
        if text.v != VERSION {
            return Err(EntryError::Version);
        }
        if text.key != key.as_str() {
            return Err(EntryError::OtherKey);
        }
        let (expires_at, signed_at) = (UnixSeconds(text.expiration), UnixSeconds(text.signed_at));
        if !is_token(text.token) || !(0..=LONGEST_LIFE).contains(&expires_at.since(signed_at)) {
            return Err(EntryError::Format);
        }
        Ok(Self {
            token: SecretString::from(text.token),
            expires_at,
            signed_at,
            reuse_until: UnixSeconds(text.reuse_until),
            parent: text.parent,
            proof: text.proof,
            files: text.files,
        })
    }

    /// The file's bytes; `None` when they would be too many, or a path cannot be written in JSON.
    pub(super) fn render(&self, key: &Key) -> Option<Zeroizing<Vec<u8>>> {
        let text = Text {
            v: VERSION,
            key: key.as_str(),
            token: self.token.expose_secret(),
            expiration: self.expires_at.0,
            signed_at: self.signed_at.0,
            reuse_until: self.reuse_until.0,
            parent: self.parent,
            proof: self.proof.clone(),
            files: self.files.clone(),
        };
        // Never grows: a buffer that grew would leave copies of the token behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST.saturating_mul(2)));
        serde_json::to_writer(&mut *bytes, &text).ok()?;
        (bytes.len() <= LARGEST).then_some(bytes)
    }

    /// Whether it may be given out: it lives long enough, the clock was not set back, the secret is the same, and the
    /// login is still there.
    pub(super) fn is_good(&self, proof: Option<&str>, now: UnixSeconds) -> bool {
        self.expires_at.since(now) > LEAST_LEFT
            && now < self.reuse_until
            && self.signed_at <= now.plus(MOST_AHEAD)
            && self.proof.as_deref() == proof
            && self.files.iter().all(|(path, stamp)| Stamp::of(path) == Some(*stamp))
    }

    /// The same token as `other`?
    pub(super) fn is(&self, other: &SecretString) -> bool {
        self.token.expose_secret() == other.expose_secret()
    }
}

/// Whether a text has the form of a presigned token.
fn is_token(text: &str) -> bool {
    let is_url_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.strip_prefix(crate::token::PREFIX).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_url_safe))
}
