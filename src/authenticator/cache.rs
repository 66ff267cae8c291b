//! The identity cache: who, never what they may do (`docs/decisions/0002-identity-cache-not-answer-cache.md`).
//!
//! Three bounded memories: people (identities a source maps), strangers (proven, and mapped by none, so that they
//! cannot push people out) and refusals (STS's definite no, for seconds). All are keyed by the token's keyed hash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::aws::StsError;
use crate::clock::{Moment, UnixSeconds};
use crate::iam::VerifiedIdentity;
use crate::token::TokenFingerprint;

/// Proven identities no source maps.
const STRANGERS: u64 = 1_024;
/// Definite refusals.
const REFUSALS: u64 = 1_024;
/// How long a refusal is remembered: a new key may take seconds to become known to STS.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// After STS was unavailable for a token, it is not asked about it for so long.
const REST: Duration = Duration::from_secs(5);
/// A token lives 15 min from a date up to 5 min ahead: no entry is of use for longer.
const LONGEST_LIFE: Duration = Duration::from_secs(20 * 60);
/// How often the lane of known callers is told of one token again.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// `server.identityCache.*`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheSettings {
    /// Answered from memory alone; default 150 s. 0 stores nothing.
    pub fresh_for: Duration,
    /// Answered from memory while one revalidation runs; default 5 min.
    pub stale_for: Duration,
    /// Default 50 000.
    pub max_entries: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { fresh_for: Duration::from_secs(150), stale_for: Duration::from_secs(300), max_entries: 50_000 }
    }
}

/// How an identity came to be known.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Recall {
    /// Younger than `freshFor`.
    Fresh,
    /// STS was asked.
    Missed,
    /// Older than `staleFor`, and STS confirmed it in time.
    Revalidated,
    /// Joined a call in flight.
    Shared,
    /// Younger than `staleFor`; a revalidation was started.
    Stale,
    /// Older, and STS is unavailable.
    StaleIfError,
}

impl Recall {
    /// Its name in logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Missed => "missed",
            Self::Revalidated => "revalidated",
            Self::Shared => "shared",
            Self::Stale => "stale",
            Self::StaleIfError => "stale_if_error",
        }
    }
}

/// That STS said who signed one token, and when.
#[derive(Debug)]
pub struct Proof {
    identity: Arc<VerifiedIdentity>,
    fingerprint: TokenFingerprint,
    verified: Moment,
    /// Hard end by the wall clock: the token's own.
    ends_at: UnixSeconds,
    /// The same by the monotonic one, for a wall clock that is set back.
    ends_after: Duration,
    standing: AtomicU8,
    /// Monotonic ms before which STS is not asked again.
    rests_until: AtomicU64,
    /// Monotonic ms from which the lane of known callers is told again.
    tell_at: AtomicU64,
}

const STRANGER: u8 = 0;
const PERSON: u8 = 1;
const GONE: u8 = 2;

impl Proof {
    pub(super) fn new(
        identity: VerifiedIdentity,
        fingerprint: TokenFingerprint,
        verified: Moment,
        ends_at: UnixSeconds,
    ) -> Self {
        let life = u64::try_from(ends_at.since(verified.wall)).unwrap_or(0);
        Self {
            identity: Arc::new(identity),
            fingerprint,
            verified,
            ends_at,
            ends_after: verified.monotonic.saturating_add(Duration::from_secs(life)),
            standing: AtomicU8::new(STRANGER),
            rests_until: AtomicU64::new(0),
            tell_at: AtomicU64::new(0),
        }
    }

    /// Who it is.
    #[must_use]
    pub const fn identity(&self) -> &Arc<VerifiedIdentity> {
        &self.identity
    }

    /// Lets STS alone about this token for a while.
    pub(super) fn rest(&self, now: Moment) {
        self.rests_until.store(millis(now.monotonic.saturating_add(REST)), Ordering::Relaxed);
    }

    pub(super) fn is_resting(&self, now: Moment) -> bool {
        millis(now.monotonic) < self.rests_until.load(Ordering::Relaxed)
    }

    /// Whether it is time to tell the lane of known callers; true once in [`TELL_EVERY`].
    pub(super) fn tells(&self, now: Moment) -> bool {
        let now = now.monotonic;
        let due = millis(now) >= self.tell_at.load(Ordering::Relaxed);
        if due {
            self.tell_at.store(millis(now.saturating_add(TELL_EVERY)), Ordering::Relaxed);
        }
        due
    }

    /// The larger of the wall-clock and the monotonic difference: setting a clock back keeps nobody young.
    fn age(&self, now: Moment) -> Duration {
        let wall = Duration::from_secs(u64::try_from(now.wall.since(self.verified.wall)).unwrap_or(0));
        wall.max(now.monotonic.saturating_sub(self.verified.monotonic))
    }

    fn has_ended(&self, now: Moment) -> bool {
        now.wall > self.ends_at || now.monotonic > self.ends_after || self.standing.load(Ordering::Acquire) == GONE
    }

    fn moves(&self, from: u8, to: u8) -> bool {
        self.standing.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// What memory says about a token.
#[derive(Debug)]
pub(super) enum Memory {
    /// Under `freshFor`.
    Fresh(Arc<Proof>),
    /// Nothing.
    Nothing,
    /// Over `staleFor`.
    Old(Arc<Proof>),
    /// STS refused it within 10 s.
    Refused(StsError),
    /// Under `staleFor`.
    Stale(Arc<Proof>),
}

/// The three memories.
#[derive(Debug)]
pub(super) struct IdentityCache {
    settings: CacheSettings,
    people: Cache<TokenFingerprint, Arc<Proof>>,
    strangers: Cache<TokenFingerprint, Arc<Proof>>,
    refusals: Cache<TokenFingerprint, Arc<(Moment, StsError)>>,
}

impl IdentityCache {
    pub(super) fn new(settings: CacheSettings) -> Self {
        Self {
            settings,
            people: bounded(settings.max_entries, LONGEST_LIFE),
            strangers: bounded(STRANGERS, LONGEST_LIFE),
            refusals: bounded(REFUSALS, REFUSED_FOR),
        }
    }

    /// What is known about a token at `now`.
    pub(super) fn recall(&self, fingerprint: &TokenFingerprint, now: Moment) -> Memory {
        let proof = self.people.get(fingerprint).or_else(|| self.strangers.get(fingerprint));
        match proof.filter(|proof| !proof.has_ended(now)) {
            Some(proof) => match proof.age(now) {
                age if age < self.settings.fresh_for => Memory::Fresh(proof),
                age if age < self.settings.stale_for => Memory::Stale(proof),
                _ => Memory::Old(proof),
            },
            None => self.recall_refusal(fingerprint, now),
        }
    }

    fn recall_refusal(&self, fingerprint: &TokenFingerprint, now: Moment) -> Memory {
        match self.refusals.get(fingerprint).as_deref() {
            Some((refused, error)) if now.monotonic.saturating_sub(refused.monotonic) < REFUSED_FOR => {
                Memory::Refused(error.clone())
            }
            _ => Memory::Nothing,
        }
    }

    /// Remembers a proof in the place of the one it follows; a new one is a stranger until it is mapped.
    pub(super) fn remember(&self, proof: &Arc<Proof>, follows: Option<&Proof>) {
        if self.settings.fresh_for.is_zero() {
            return;
        }
        let was = follows.map_or(STRANGER, |earlier| earlier.standing.swap(GONE, Ordering::AcqRel));
        if was == PERSON && proof.moves(STRANGER, PERSON) {
            self.people.insert(proof.fingerprint, Arc::clone(proof));
        } else {
            self.strangers.insert(proof.fingerprint, Arc::clone(proof));
        }
    }

    /// Forgets a token for good.
    pub(super) fn evict(&self, fingerprint: &TokenFingerprint) {
        for memory in [&self.people, &self.strangers] {
            if let Some(proof) = memory.remove(fingerprint) {
                proof.standing.store(GONE, Ordering::Release);
            }
        }
    }

    /// Remembers STS's definite no.
    pub(super) fn refuse(&self, fingerprint: TokenFingerprint, error: StsError, now: Moment) {
        if !self.settings.fresh_for.is_zero() {
            self.refusals.insert(fingerprint, Arc::new((now, error)));
        }
    }

    /// A mapped identity belongs to the people, another to the strangers. Costs one comparison when nothing changes.
    pub(super) fn settle(&self, proof: &Arc<Proof>, mapped: bool) -> bool {
        let (from, to, old_home, home) = if mapped {
            (STRANGER, PERSON, &self.strangers, &self.people)
        } else {
            (PERSON, STRANGER, &self.people, &self.strangers)
        };
        let moves = !self.settings.fresh_for.is_zero()
            && proof.standing.load(Ordering::Acquire) == from
            && proof.moves(from, to);
        if moves {
            home.insert(proof.fingerprint, Arc::clone(proof));
            old_home.invalidate(&proof.fingerprint);
        }
        moves
    }

    /// Identities held. Brings the bookkeeping up to date first, so it is asked where something changed, not on hits.
    pub(super) fn entries(&self) -> u64 {
        self.people.run_pending_tasks();
        self.strangers.run_pending_tasks();
        self.people.entry_count().saturating_add(self.strangers.entry_count())
    }
}

/// Least recently used goes first: a newcomer must be admitted whatever the popularity of the others.
fn bounded<V: Clone + Send + Sync + 'static>(entries: u64, life: Duration) -> Cache<TokenFingerprint, V> {
    Cache::builder().max_capacity(entries).eviction_policy(EvictionPolicy::lru()).time_to_live(life).build()
}

fn millis(since_start: Duration) -> u64 {
    u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX)
}
