//! Who signed a token: memory, else STS; one flight a token, which outlives its first asker.
//!
//! ```text
//! under freshFor   memory                                     over staleFor   STS first, ≤ 1 s, else memory
//! under staleFor   memory, and STS is asked in the background  unknown         STS
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cache::{IdentityCache, Memory, Proof};
use super::flight::{Boarding, Flights, Pilot, Ticket};
use super::{CacheSettings, Denial, Recall, Trail};
use crate::aws::{Bearing, Errand, Sts, StsError};
use crate::clock::{Clock, Moment, UnixSeconds};
use crate::iam::VerifiedIdentity;
use crate::telemetry::Metrics;
use crate::token::{ClusterId, FingerprintKey, PresignedRequest, Token, TokenFingerprint, TokenKind, TokenRules};

/// How long an identity over `staleFor` waits for STS before memory answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// Cache in front of STS. Cheap to clone.
#[derive(Clone)]
pub struct Verifier(Arc<Parts>);

struct Parts {
    key: FingerprintKey,
    cache: IdentityCache,
    flights: Arc<Flights>,
    sts: Arc<Sts>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// One question to STS, owned: it outlives who asked it.
struct Question {
    request: PresignedRequest,
    cluster_id: ClusterId,
    fingerprint: TokenFingerprint,
    ends_at: UnixSeconds,
    /// What memory held when it was asked.
    held: Option<Arc<Proof>>,
}

impl Verifier {
    /// A verifier over `sts`.
    ///
    /// # Errors
    /// When the system gives no random bytes for the fingerprint key.
    pub fn new(
        settings: CacheSettings,
        sts: Arc<Sts>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let key = FingerprintKey::random()?;
        let cache = IdentityCache::new(settings);
        Ok(Self(Arc::new(Parts { key, cache, flights: Arc::default(), sts, clock, metrics })))
    }

    /// The proof of who signed `token`.
    ///
    /// # Errors
    /// [`Denial::Sts`].
    pub async fn verify(
        &self,
        token: &Token<'_>,
        rules: &TokenRules,
        now: Moment,
        trail: &mut Trail,
    ) -> Result<Arc<Proof>, Denial> {
        let fingerprint = token.fingerprint(&self.0.key, &rules.cluster_id);
        trail.fingerprint = Some(fingerprint);
        let (proof, recall) = match self.0.cache.recall(&fingerprint, now) {
            Memory::Fresh(proof) => (proof, Recall::Fresh),
            Memory::Stale(proof) => {
                if !proof.is_resting(now) {
                    drop(self.board(token, rules, fingerprint, now)); // it flies on without us
                }
                (proof, Recall::Stale)
            }
            Memory::Old(proof) => self.confirm(proof, token, rules, fingerprint, now).await?,
            Memory::Refused(error) => return Err(self.refused(error)),
            Memory::Nothing => self.prove(token, rules, fingerprint, now).await?,
        };
        self.0.metrics.identity_cache(recall.label());
        trail.recall = Some(recall);
        trail.identity = Some(Arc::clone(proof.identity()));
        Ok(proof)
    }

    /// Told what became of a proven identity: one that is mapped to a user lives among the people, and its key id
    /// in the lane of known callers; another among the strangers.
    pub fn settle(&self, proof: &Arc<Proof>, mapped: bool, now: Moment) {
        if self.0.cache.settle(proof, mapped) {
            self.0.metrics.identity_cache_entries(self.0.cache.entries());
        }
        let access_key_id = proof.identity().access_key_id().unwrap_or_default();
        if !mapped {
            self.0.sts.unmapped(access_key_id);
        } else if proof.tells(now) {
            self.0.sts.mapped(access_key_id);
        }
    }

    /// Nobody is known for the token: STS says who it is, or a flight in the air will.
    async fn prove(
        &self,
        token: &Token<'_>,
        rules: &TokenRules,
        fingerprint: TokenFingerprint,
        now: Moment,
    ) -> Result<(Arc<Proof>, Recall), Denial> {
        let (ticket, recall) = match self.board(token, rules, fingerprint, now) {
            Way::Flight(ticket) => (ticket, Recall::Missed),
            Way::Joined(ticket) => (ticket, Recall::Shared),
            Way::Memory(Ok(proof)) => return Ok((proof, Recall::Shared)),
            Way::Memory(Err(error)) => return Err(self.refused(error)),
        };
        Ok((self.0.flights.landing(ticket).await?, recall))
    }

    /// Memory is over `staleFor`: STS first, and memory only if STS is unavailable or slow.
    async fn confirm(
        &self,
        proof: Arc<Proof>,
        token: &Token<'_>,
        rules: &TokenRules,
        fingerprint: TokenFingerprint,
        now: Moment,
    ) -> Result<(Arc<Proof>, Recall), Denial> {
        if !proof.is_resting(now) {
            let answer = match self.board(token, rules, fingerprint, now) {
                Way::Flight(ticket) | Way::Joined(ticket) => {
                    tokio::time::timeout(PATIENCE, self.0.flights.landing(ticket)).await.ok()
                }
                Way::Memory(answer) => Some(answer),
            };
            match answer {
                Some(Ok(confirmed)) if !Arc::ptr_eq(&confirmed, &proof) => {
                    return Ok((confirmed, Recall::Revalidated));
                }
                Some(Err(error)) if error.bearing() != Bearing::Unavailable => return Err(error.into()),
                Some(Ok(_) | Err(_)) => {} // whoever flew has let the token rest
                None => proof.rest(now),
            }
        }
        tracing::warn!(token = %fingerprint.short(), "STS is unavailable; an identity over staleFor is served from memory");
        Ok((proof, Recall::StaleIfError))
    }

    fn refused(&self, error: StsError) -> Denial {
        self.0.metrics.identity_cache("negative");
        error.into()
    }

    /// Joins the flight of the token, opens one, or finds that memory has learnt in the meantime.
    fn board(&self, token: &Token<'_>, rules: &TokenRules, fingerprint: TokenFingerprint, now: Moment) -> Way {
        let mut held = None;
        let known = || match self.0.cache.recall(&fingerprint, now) {
            Memory::Fresh(proof) => Some(Ok(proof)),
            Memory::Stale(proof) | Memory::Old(proof) if proof.is_resting(now) => Some(Ok(proof)),
            Memory::Stale(proof) | Memory::Old(proof) => {
                held = Some(proof);
                None
            }
            Memory::Refused(error) => Some(Err(error)),
            Memory::Nothing => None,
        };
        match self.0.flights.board(fingerprint, known) {
            Boarding::Joined(ticket) => Way::Joined(ticket),
            Boarding::Landed(answer) => Way::Memory(answer),
            Boarding::Ours(pilot, ticket) => {
                let TokenKind::Presigned(request) = token.kind();
                let question = Question {
                    request: request.clone(),
                    cluster_id: rules.cluster_id.clone(),
                    fingerprint,
                    ends_at: token.ends_at(),
                    held,
                };
                tokio::spawn(fly(Arc::clone(&self.0), question, pilot));
                Way::Flight(ticket)
            }
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

/// How an answer comes.
enum Way {
    Flight(Ticket),
    Joined(Ticket),
    Memory(Result<Arc<Proof>, StsError>),
}

/// The one task that is nobody's: an asker who hangs up must not cost a second call.
async fn fly(parts: Arc<Parts>, question: Question, pilot: Pilot) {
    let result = parts.ask(&question).await;
    pilot.land(result);
}

impl Parts {
    /// Asks STS, and tells memory what the answer means before anybody else hears of it.
    async fn ask(&self, question: &Question) -> Result<Arc<Proof>, StsError> {
        let asked = self.clock.moment();
        let errand = if question.held.is_some() { Errand::Revalidation } else { Errand::Proof };
        let answer = self.sts.caller_identity(&question.request, &question.cluster_id, errand).await;
        let result = answer.and_then(|identity| self.learn(question, identity, asked));
        if let Err(error) = &result {
            self.unlearn(question, error);
        }
        if question.held.is_some() {
            self.metrics.revalidated(result.as_ref().map_or_else(|error| error.bearing().label(), |_| "confirmed"));
        }
        result
    }

    fn learn(&self, question: &Question, identity: VerifiedIdentity, asked: Moment) -> Result<Arc<Proof>, StsError> {
        let held = question.held.as_deref();
        if held.is_some_and(|held| **held.identity() != identity) {
            return Err(StsError::AnotherIdentity);
        }
        let proof = Arc::new(Proof::new(identity, question.fingerprint, asked, question.ends_at));
        self.cache.remember(&proof, held);
        self.metrics.identity_cache_entries(self.cache.entries());
        Ok(proof)
    }

    fn unlearn(&self, question: &Question, error: &StsError) {
        match error.bearing() {
            Bearing::Contradiction => {
                self.metrics.sts_contradicted();
                self.forget(&question.fingerprint);
            }
            Bearing::Refused => {
                self.forget(&question.fingerprint);
                self.cache.refuse(question.fingerprint, error.clone(), self.clock.moment());
            }
            Bearing::Unavailable => {
                if let Some(held) = &question.held {
                    held.rest(self.clock.moment());
                }
            }
        }
        if question.held.is_some() {
            tracing::warn!(token = %question.fingerprint.short(), %error, "STS did not confirm a remembered identity");
        }
    }

    fn forget(&self, fingerprint: &TokenFingerprint) {
        self.cache.evict(fingerprint);
        self.metrics.identity_cache_entries(self.cache.entries());
    }
}
