//! What is remembered: nodes for an hour, that an instance is not verified for seconds. Both bounded.

use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::NodeError;
use super::verify::Node;
use crate::clock::Clock;

/// An instance keeps its name; one that is gone is asked about again after this.
const NAMED_FOR: Duration = Duration::from_secs(3_600);
/// A new instance may take seconds to be known and named.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Nodes.
const NAMES: u64 = 50_000;
/// Instances that are not verified. A caller chooses what is asked.
const REFUSALS: u64 = 10_000;

/// What a look-up ends with, but for the caller's account.
pub(super) type Finding = Result<Arc<Node>, NodeError>;

/// Ages are counted by the server's clock; the cache's own only takes out what nobody asks for any more.
#[derive(Debug)]
pub(super) struct Memory {
    nodes: Cache<Arc<str>, (Duration, Arc<Node>)>,
    refusals: Cache<Arc<str>, (Duration, &'static str)>,
    clock: Clock,
}

impl Memory {
    pub(super) fn new(clock: Clock) -> Self {
        Self { nodes: bounded(NAMES, NAMED_FOR), refusals: bounded(REFUSALS, REFUSED_FOR), clock }
    }

    /// What is known of an instance now.
    pub(super) fn recall(&self, id: &str) -> Option<Finding> {
        let now = self.clock.moment().monotonic;
        let is_young = |since: Duration, life: Duration| now.saturating_sub(since) < life;
        if let Some((_, node)) = self.nodes.get(id).filter(|(since, _)| is_young(*since, NAMED_FOR)) {
            return Some(Ok(node));
        }
        let (_, word) = self.refusals.get(id).filter(|(since, _)| is_young(*since, REFUSED_FOR))?;
        Some(Err(NodeError::NotVerified(word)))
    }

    /// Keeps what EC2 has told. That it could not be asked is never kept.
    pub(super) fn remember(&self, id: &Arc<str>, finding: &Finding) {
        let now = self.clock.moment().monotonic;
        match finding {
            Ok(node) => self.nodes.insert(Arc::clone(id), (now, Arc::clone(node))),
            Err(NodeError::NotVerified(word)) => {
                self.nodes.invalidate(id);
                self.refusals.insert(Arc::clone(id), (now, word));
            }
            Err(NodeError::Unavailable(_)) => {}
        }
    }

    /// Nodes held. Brings the bookkeeping up to date first: asked after a call, not on a hit.
    pub(super) fn nodes(&self) -> u64 {
        self.nodes.run_pending_tasks();
        self.nodes.entry_count()
    }
}

/// Least recently used goes first: a newcomer must be admitted whatever the popularity of the others.
fn bounded<V: Clone + Send + Sync + 'static>(entries: u64, life: Duration) -> Cache<Arc<str>, V> {
    Cache::builder().max_capacity(entries).eviction_policy(EvictionPolicy::lru()).time_to_live(life).build()
}
