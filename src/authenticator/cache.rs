//! The identity cache: who, never what they may do.

use std::time::Duration;

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

/// How an identity came to be known.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Recall {
    /// Younger than `freshFor`.
    Fresh,
    /// STS was asked.
    Missed,
    /// Joined a call in flight.
    Shared,
    /// Younger than `staleFor`; a revalidation was started.
    Stale,
    /// Older, and STS is unavailable.
    StaleIfError,
}
