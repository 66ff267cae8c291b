//! A bearer token's text: what can be said of it without a network.
//!
//! ```text
//! text ──Token::parse──▶ Token ──PresignedRequest──▶ the request STS will see, rebuilt from what was checked
//! URL  ──encode──▶ text
//! ```
//!
//! Rules and their numbers: `docs/token-rules.md`.

mod encode;
mod fingerprint;
mod presigned;
mod sts_host;

use secrecy::SecretString;

use crate::clock::UnixSeconds;
use crate::iam::Partition;

pub use encode::encode;
pub use fingerprint::{FingerprintKey, TokenFingerprint};
pub use presigned::PresignedRequest;
pub use sts_host::{HostForm, StsHost, StsRegion, accepted_hosts};

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

/// A cluster id that can be signed without ambiguity: 1 to 253 bytes of visible ASCII and single inner blanks.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ClusterId(String);

/// Why a text is no cluster id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClusterIdError {
    /// Empty.
    #[error("cluster ID cannot be empty")]
    Empty,
    /// Over 253 bytes.
    #[error("cluster ID is longer than 253 bytes")]
    TooLong,
    /// A byte that is not visible ASCII, or leading, trailing or doubled blanks.
    #[error("cluster ID may hold visible ASCII and single inner blanks only; SigV4 folds others into one")]
    BadCharacter,
}

impl ClusterId {
    /// Checks a cluster id.
    ///
    /// # Errors
    /// [`ClusterIdError`].
    pub fn parse(_text: &str) -> Result<Self, ClusterIdError> {
        todo!()
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
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

/// The first rule a token breaks. Holds no byte of the caller's text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// Rule 1: over 4096 bytes.
    #[error("token is too large")]
    TooLarge,
    // … one variant a rule; label() spells the vectors' names
}

impl TokenError {
    /// The detail beside the reason code: `too_large`, `bad_prefix`, `signature_shape`, ….
    #[must_use]
    pub const fn label(self) -> &'static str {
        todo!()
    }
}

impl<'t> Token<'t> {
    /// Every rule that needs no network, in order; the first failure ends the work.
    ///
    /// # Errors
    /// The [`TokenError`] of the first rule broken.
    pub fn parse(_text: &'t SecretString, _rules: &TokenRules, _now: UnixSeconds) -> Result<Self, TokenError> {
        todo!()
    }

    /// What kind of proof it is.
    #[must_use]
    pub const fn kind(&self) -> &TokenKind {
        &self.kind
    }

    /// A name for this (token, cluster id) that tells nothing about it.
    #[must_use]
    pub fn fingerprint(&self, _key: &FingerprintKey, _cluster_id: &ClusterId) -> TokenFingerprint {
        todo!()
    }

    /// Last second at which it is good: signing time + 15 min.
    #[must_use]
    pub fn ends_at(&self) -> UnixSeconds {
        todo!()
    }
}
