//! One caller, from a bearer token to a Kubernetes user: THE page.

mod cache;
mod denial;
mod flight;
mod verifier;

use std::sync::Arc;

use secrecy::SecretString;

pub use cache::{CacheSettings, Proof, Recall};
pub use denial::{Denial, Reason};
pub use verifier::Verifier;

use crate::clock::{Moment, UnixSeconds};
use crate::iam::VerifiedIdentity;
use crate::live::Live;
use crate::mapping::{self, Chain, KubernetesUser, MappingError, NodeNames, Origin, SourceKind};
use crate::token::{Token, TokenFingerprint, TokenRules};

/// Carries callers across: parse, verify, choose, render.
#[derive(Debug)]
pub struct Authenticator {
    rules: Live<TokenRules>,
    verifier: Verifier,
    chain: Chain,
}

/// What became known on the way, for the log: filled as far as the caller came.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The proven principal.
    pub identity: Option<Arc<VerifiedIdentity>>,
    /// The token's name in logs.
    pub fingerprint: Option<TokenFingerprint>,
    /// Whether memory answered, and how.
    pub recall: Option<Recall>,
    /// The source that decided.
    pub source: Option<SourceKind>,
    /// The entry that decided.
    pub origin: Option<Origin>,
    /// `reason` of that entry.
    pub entry_reason: Option<String>,
}

impl Authenticator {
    /// From its parts.
    #[must_use]
    pub const fn new(rules: Live<TokenRules>, verifier: Verifier, chain: Chain) -> Self {
        Self { rules, verifier, chain }
    }

    /// From a bearer token to a Kubernetes user: parse, verify, choose, render.
    ///
    /// # Errors
    /// The [`Denial`] of the first step that refuses.
    pub async fn authenticate(
        &self,
        text: &SecretString,
        now: Moment,
        trail: &mut Trail,
    ) -> Result<KubernetesUser, Denial> {
        let rules = self.rules.now();
        let token = Token::parse(text, &rules, now.wall)?; // no network; also before a cache hit
        let proof = self.verifier.verify(&token, &rules, now, trail).await?; // memory, else STS
        let user = self.user(proof.identity(), now.wall, trail); // the newest tables; cannot wait
        self.verifier.settle(&proof, user.is_ok(), now); // people and strangers live apart
        Ok(user?)
    }

    fn user(
        &self,
        identity: &VerifiedIdentity,
        now: UnixSeconds,
        trail: &mut Trail,
    ) -> Result<KubernetesUser, MappingError> {
        let choice = trail.chosen(mapping::choose(&self.chain, identity, now)?);
        choice.render(identity, &NodeNames::Unavailable)
    }
}

impl Trail {
    fn chosen(&mut self, choice: mapping::Choice) -> mapping::Choice {
        self.source = Some(choice.source());
        self.origin = Some(choice.origin().clone());
        self.entry_reason = choice.reason().map(str::to_owned);
        choice
    }
}
