//! A bearer token's text: what can be said of it without a network.
//!
//! ```text
//! text ──Token::parse──▶ Token ──PresignedRequest──▶ the request STS will see, rebuilt from what was checked
//! URL  ──encode──▶ text
//! ```
//!
//! Rules 1 to 3 and the order of all are here; 4 is in `url`, 6 in `sts_host`, 8 to 10 in `query`, the rest in
//! `presigned` and `preflight`. Rules and their numbers: `docs/token-rules.md`.
#![deny(clippy::arithmetic_side_effects)]

mod cluster_id;
mod encode;
mod error;
mod fingerprint;
mod preflight;
mod presigned;
mod query;
mod sts_host;
mod url;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::clock::UnixSeconds;
use crate::iam::Partition;

pub use cluster_id::{ClusterId, ClusterIdError};
pub use encode::encode;
pub use error::TokenError;
pub use fingerprint::{FingerprintKey, TokenFingerprint};
pub use presigned::PresignedRequest;
pub use sts_host::{HostForm, Region, StsHost, StsRegion, accepted_hosts};

/// What every token begins with, and its version.
pub(crate) const PREFIX: &str = "k8s-aws-v1.";

/// Largest token in bytes, prefix included.
const LARGEST: usize = 4096;

/// What a verifier demands of a token.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// `server.partition`.
    pub partition: Partition,
    /// `clusterID`; part of the fingerprint.
    pub cluster_id: ClusterId,
    /// Region the metadata service named, once it answered; host rule (d).
    pub instance_region: Option<String>,
    /// `server.sts.strictPreflight`; default on.
    pub strict_preflight: bool,
    /// `server.sts.allowedRegions`; empty means all. `global` names the global host.
    pub allowed_regions: Vec<String>,
}

/// A token that kept every rule which needs no network. Borrows its text; Debug shows none of it.
pub struct Token<'t> {
    text: &'t SecretString,
    kind: TokenKind,
}

/// What kind of proof a token is.
#[derive(Debug)]
pub enum TokenKind {
    /// A presigned STS `GetCallerIdentity` URL.
    Presigned(PresignedRequest),
}

impl<'t> Token<'t> {
    /// Every rule that needs no network, in order; the first failure ends the work.
    ///
    /// # Errors
    /// The [`TokenError`] of the first rule broken.
    pub fn parse(text: &'t SecretString, rules: &TokenRules, now: UnixSeconds) -> Result<Self, TokenError> {
        let token = text.expose_secret();
        if token.len() > LARGEST {
            return Err(TokenError::TooLarge);
        }
        let text_of_url = token.strip_prefix(PREFIX).ok_or(TokenError::BadPrefix)?;
        // Big enough from the start, and wiped also when the text breaks off in the middle. A box, since a vector would
        // be wiped twice: its values, then its capacity.
        let mut url = zeroed(base64::decoded_len_estimate(text_of_url.len()));
        let length = URL_SAFE_NO_PAD.decode_slice(text_of_url, &mut url).map_err(|_| TokenError::BadBase64)?;
        let url = url.get(..length).unwrap_or_default();
        let kind = TokenKind::Presigned(PresignedRequest::parse(url, rules, now)?);
        Ok(Self { text, kind })
    }

    /// What kind of proof it is.
    #[must_use]
    pub const fn kind(&self) -> &TokenKind {
        &self.kind
    }

    /// A name for this (token, cluster id) that tells nothing about it.
    #[must_use]
    pub fn fingerprint(&self, key: &FingerprintKey, cluster_id: &ClusterId) -> TokenFingerprint {
        key.fingerprint(self.text.expose_secret(), cluster_id)
    }

    /// Last second at which it is good: signing time + 15 min.
    #[must_use]
    pub const fn ends_at(&self) -> UnixSeconds {
        match &self.kind {
            TokenKind::Presigned(request) => request.ends_at(),
        }
    }
}

/// Room for decoded text, wiped on drop.
fn zeroed(length: usize) -> Zeroizing<Box<[u8]>> {
    Zeroizing::new(vec![0; length].into_boxed_slice())
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("kind", &self.kind).finish_non_exhaustive()
    }
}
