//! Whose key ids are known: their last answer was mapped to a user within 15 min.

use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// How long a key id stays known.
pub(super) const KNOWN_FOR: Duration = Duration::from_secs(15 * 60);
/// As many as the identity cache holds tokens by default.
const MOST: u64 = 50_000;

/// Key ids with the monotonic instant at which they were last mapped. Only STS's word brings one in here.
pub(super) struct KnownCallers(Cache<String, Duration>);

impl Default for KnownCallers {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MOST).eviction_policy(EvictionPolicy::lru()).time_to_live(KNOWN_FOR).build())
    }
}

impl KnownCallers {
    pub(super) fn remember(&self, access_key_id: &str, now: Duration) {
        if !access_key_id.is_empty() {
            self.0.insert(access_key_id.to_owned(), now);
        }
    }

    pub(super) fn forget(&self, access_key_id: &str) {
        self.0.invalidate(access_key_id);
    }

    pub(super) fn contains(&self, access_key_id: &str, now: Duration) -> bool {
        self.0.get(access_key_id).is_some_and(|mapped_at| now.saturating_sub(mapped_at) < KNOWN_FOR)
    }
}
