//! A verifier in front of the demo's STS, under a clock that a test moves.

use std::sync::Arc;
use std::time::Duration;

use iam_bridge::authenticator::{CacheSettings, Denial, Proof, Recall, Trail, Verifier};
use iam_bridge::aws::{Connector, Sts, StsSettings};
use iam_bridge::clock::{Clock, ClockHand};
use iam_bridge::demo::sts::{self, Principal};
use iam_bridge::get_token::{self, EndpointForm, StsEndpoint};
use iam_bridge::iam::Partition;
use iam_bridge::telemetry::Metrics;
use iam_bridge::token::{ClusterId, PresignedRequest, Token, TokenKind, TokenRules};
use secrecy::SecretString;

use super::vectors::NOW;

/// The cluster of all these tests.
pub(crate) const CLUSTER: &str = "test-cluster";

/// Everything from the token's text to the proof.
pub(crate) struct Desk {
    pub(crate) fake: sts::Sts,
    pub(crate) sts: Arc<Sts>,
    pub(crate) verifier: Verifier,
    pub(crate) clock: Clock,
    pub(crate) hand: ClockHand,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) rules: TokenRules,
}

impl Desk {
    /// With default settings.
    pub(crate) async fn open() -> Self {
        Self::with(CacheSettings::default(), StsSettings::default()).await
    }

    pub(crate) async fn with(cache: CacheSettings, limits: StsSettings) -> Self {
        let (clock, hand) = Clock::manual(NOW);
        let fake = sts::Sts::start_with(clock.clone()).await.unwrap();
        let connector = Connector::fixed(fake.address(), fake.ca_pem()).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let sts = Arc::new(Sts::new(limits, connector, clock.clone(), Arc::clone(&metrics)));
        let verifier = Verifier::new(cache, Arc::clone(&sts), clock.clone(), Arc::clone(&metrics)).unwrap();
        Self { fake, sts, verifier, clock, hand, metrics, rules: rules() }
    }

    /// A session of a role of `111122223333` that the STS knows.
    pub(crate) fn principal(&self, role: &str) -> Principal {
        let principal = Principal::role_session("111122223333", role, "alice").unwrap();
        self.fake.add(principal.clone());
        principal
    }

    /// A token of `principal`, signed now.
    pub(crate) fn token(&self, principal: &Principal) -> SecretString {
        token_at(principal, "eu-central-1", CLUSTER, &self.clock)
    }

    /// The first step's result: proof and how it was come by.
    pub(crate) async fn verify(&self, token: &SecretString) -> Result<(Arc<Proof>, Recall), Denial> {
        let mut trail = Trail::default();
        let now = self.clock.moment();
        let token = Token::parse(token, &self.rules, now.wall)?;
        let proof = self.verifier.verify(&token, &self.rules, now, &mut trail).await?;
        Ok((proof, trail.recall.expect("a proof has a recall")))
    }

    /// How it was come by; the identity is counted as mapped.
    pub(crate) async fn recall(&self, token: &SecretString) -> Recall {
        let (proof, recall) = self.verify(token).await.unwrap();
        self.verifier.settle(&proof, true, self.clock.moment());
        recall
    }

    /// Waits until the metrics have a line.
    pub(crate) async fn counted(&self, line: &str) {
        eventually(line, || self.metrics.render().lines().any(|seen| seen == line)).await;
    }
}

/// Lax rules for [`CLUSTER`].
pub(crate) fn rules() -> TokenRules {
    TokenRules {
        partition: Partition::Aws,
        cluster_id: ClusterId::parse(CLUSTER).unwrap(),
        instance_region: None,
        strict_preflight: true,
        allowed_regions: Vec::new(),
    }
}

/// A token for a host of `region`.
pub(crate) fn token_at(principal: &Principal, region: &str, cluster_id: &str, clock: &Clock) -> SecretString {
    let endpoint = StsEndpoint::of_region(region, EndpointForm::default()).unwrap();
    let cluster_id = ClusterId::parse(cluster_id).unwrap();
    get_token::sign(&principal.credentials(), &endpoint, &cluster_id, clock.now()).unwrap().token
}

/// What a token asks of STS.
pub(crate) fn request(token: &SecretString, clock: &Clock) -> PresignedRequest {
    let rules = rules();
    let token = Token::parse(token, &rules, clock.now()).unwrap();
    let TokenKind::Presigned(request) = token.kind();
    request.clone()
}

/// Looks again until something holds; panics with `what` after 20 s.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let mut pulse = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..4_000 {
        if holds() {
            return;
        }
        pulse.tick().await;
    }
    panic!("never: {what}");
}
