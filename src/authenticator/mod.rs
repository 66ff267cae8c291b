//! One caller, from a bearer token to a Kubernetes user: THE page.

mod cache;
mod denial;
mod flight;
mod verifier;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

pub use cache::{CacheSettings, Proof, Recall};
pub use denial::{Denial, Reason};
pub use verifier::Verifier;

use crate::aws::{Ec2Names, NodeError};
use crate::clock::{Moment, UnixSeconds};
use crate::iam::{VerifiedIdentity, is_instance_id};
use crate::live::Live;
use crate::mapping::{self, Chain, Choice, KubernetesUser, MappingError, NodeNames, Origin, SourceKind};
use crate::token::{Token, TokenFingerprint, TokenRules};

/// Carries callers across: parse, verify, choose, render.
#[derive(Debug)]
pub struct Authenticator {
    rules: Live<TokenRules>,
    verifier: Verifier,
    chain: Live<Chain>,
    nodes: Ec2Names,
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
    /// Why the caller is no node that can be named, where a name was asked for.
    pub node: Option<NodeError>,
}

impl Authenticator {
    /// From its parts.
    #[must_use]
    pub const fn new(rules: Live<TokenRules>, verifier: Verifier, chain: Live<Chain>, nodes: Ec2Names) -> Self {
        Self { rules, verifier, chain, nodes }
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
        let user = self.user(proof.identity(), now.wall, trail).await; // the newest tables; waits for EC2 alone
        self.verifier.settle(&proof, user.is_ok(), now); // people and strangers live apart
        Ok(user?)
    }

    async fn user(
        &self,
        identity: &VerifiedIdentity,
        now: UnixSeconds,
        trail: &mut Trail,
    ) -> Result<KubernetesUser, MappingError> {
        let chain = self.chain.now();
        let choice = mapping::choose(&chain, identity, now);
        if matches!(choice, Err(MappingError::NotMapped)) {
            chain.missed.tell(identity); // a source that asks now and then may ask for this one first
        }
        let choice = trail.chosen(choice?);
        let names = self.node_names(&choice, identity, trail).await;
        choice.render(identity, &names)
    }

    /// Only if a template of the entry asks for it.
    async fn node_names(&self, choice: &Choice, identity: &VerifiedIdentity, trail: &mut Trail) -> NodeNames {
        let id = identity.session_name().filter(|name| choice.wants_node_name() && is_instance_id(name));
        let Some(id) = id else { return NodeNames::Known(BTreeMap::new()) };
        let name = self.nodes.name(id, identity.account_id()).await;
        trail.node = name.as_ref().err().cloned();
        match name {
            Ok(name) => NodeNames::Known(BTreeMap::from([(id.to_owned(), name)])),
            Err(NodeError::NotVerified(_)) => NodeNames::Known(BTreeMap::new()),
            Err(NodeError::Unavailable(_)) => NodeNames::Unavailable,
        }
    }
}

impl Trail {
    fn chosen(&mut self, choice: Choice) -> Choice {
        self.source = Some(choice.source());
        self.origin = Some(choice.origin().clone());
        self.entry_reason = choice.reason().map(str::to_owned);
        choice
    }
}
