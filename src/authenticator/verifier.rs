//! Who signed a token: memory, else STS; one flight a token, which outlives its first asker.

use std::sync::Arc;

use super::{CacheSettings, Denial, Trail};
use crate::aws::Sts;
use crate::clock::{Clock, Moment};
use crate::iam::VerifiedIdentity;
use crate::telemetry::Metrics;
use crate::token::{Token, TokenRules};

/// Cache in front of STS.
pub struct Verifier {
    // private
}

impl Verifier {
    /// A verifier over `sts`.
    ///
    /// # Errors
    /// When the system gives no random bytes for the fingerprint key.
    pub fn new(
        _settings: CacheSettings,
        _sts: Arc<Sts>,
        _clock: Clock,
        _metrics: Arc<Metrics>,
    ) -> Result<Self, aws_lc_rs::error::Unspecified> {
        todo!()
    }

    /// The proven identity.
    ///
    /// # Errors
    /// [`Denial`].
    pub async fn verify(
        &self,
        _token: &Token<'_>,
        _rules: &TokenRules,
        _now: Moment,
        _trail: &mut Trail,
    ) -> Result<Arc<VerifiedIdentity>, Denial> {
        todo!()
    }

    /// Told that the identity was mapped to a user.
    pub fn mapped(&self, _identity: &VerifiedIdentity) {
        todo!()
    }
}
