//! `--cache`: the reference's credential cache file, shared with the reference's own binary.

use aws_credential_types::Credentials;

use super::CredentialCacheSettings;
use crate::clock::UnixSeconds;

/// What the file holds for these settings.
#[derive(Debug, Default)]
pub(super) struct Recalled {
    /// The keys, if they may be used.
    pub(super) keys: Option<Credentials>,
    /// What stood in the way, for standard error.
    pub(super) note: Option<String>,
}

/// The cached keys, if there are any that live long enough.
pub(super) fn recall(settings: &CredentialCacheSettings, now: UnixSeconds) -> Recalled {
    let _ = (settings, now);
    Recalled::default()
}

/// Keeps `keys` beside whatever else the file holds; what stood in the way is a note.
pub(super) fn keep(settings: &CredentialCacheSettings, keys: &Credentials, now: UnixSeconds) -> Option<String> {
    let _ = (settings, keys, now);
    None
}
