//! Objects as they are and as they change: list, then watch, for ever.
//!
//! kube's watcher does the work: pages, resuming, a new list when it must. Three things are put to it here. A fault is
//! told with its cure, and followed by a pause, 1 s at first, up to 30 s. After a fault there is a list, so that
//! [`WatchEvent::InitDone`] says that all is well again. And a client begins at most one watch a second ([`paced`]): a
//! watch that ends at once would otherwise be taken up again in circles.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, unfold};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use http::Request;
use kube::client::Body;
use kube::core::Status;
use kube::runtime::watcher::{Config, Error, watcher};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tower::BoxError;
use tower::filter::AsyncFilterLayer;

pub use kube::runtime::watcher::Event as WatchEvent;

use super::pace::{Pace, chance, wait};
use super::transport::{self, Fault};

/// Watches end by themselves after this, and a quarter more or less by chance: what dies in silence is noticed then.
const WATCH_SECONDS: f64 = 60.0;
/// A connection that says nothing for longer, not even the end of a watch, is dead.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(90);
/// For a page of a list.
const PAGE_LIMIT: Duration = Duration::from_secs(20);
/// Objects of a page: 20 000 come in 20 requests, and no more than this many wait to be read.
const PAGE_SIZE: u32 = 1_000;
/// From the beginning of one watch to that of the next, at least.
const SHORTEST: Duration = Duration::from_secs(1);
/// Longest message of the server that is passed on, characters.
const LONGEST_MESSAGE: usize = 400;

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

/// Follows what `api` and `config` name, whose page size and time limits are set here. Never ends. Between
/// [`WatchEvent::Init`] and [`WatchEvent::InitDone`] a list is incomplete: who reads it keeps the old one until it is done.
///
/// After a fault the next item takes its time: 1 s at first, up to 30 s.
pub fn watch<K>(api: kube::Api<K>, config: Config) -> impl Stream<Item = Result<WatchEvent<K>, WatchFault>> + Send
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let config = Config { page_size: Some(PAGE_SIZE), ..config };
    let follower = Follower { api, config, pace: Pace::new(), events: None, lists: false, listed: None, failed: false };
    unfold(follower, |mut follower| async {
        let item = follower.next().await;
        Some((item, follower))
    })
}

/// What a layer makes of a request.
pub(super) type Passed = BoxFuture<'static, Result<Request<Body>, BoxError>>;

/// The layer of a client that begins at most one watch a second; its other requests pass at once.
pub(super) fn paced() -> AsyncFilterLayer<impl Fn(Request<Body>) -> Passed + Clone> {
    let last: Arc<Mutex<Option<Instant>>> = Arc::default();
    AsyncFilterLayer::new(move |request: Request<Body>| {
        let last = Arc::clone(&last);
        async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
                let mut last = last.lock().await;
                if let Some(last) = *last {
                    wait(SHORTEST.saturating_sub(last.elapsed())).await;
                }
                *last = Some(Instant::now());
            }
            Ok(request)
        }
        .boxed()
    })
}

struct Follower<K> {
    api: kube::Api<K>,
    config: Config,
    pace: Pace,
    /// kube's watcher; none before the first item and after a fault.
    events: Option<BoxStream<'static, Result<WatchEvent<K>, Error>>>,
    /// A list is on its way.
    lists: bool,
    /// When the last list was whole.
    listed: Option<Instant>,
    /// The last item was a fault.
    failed: bool,
}

impl<K> Follower<K>
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    async fn next(&mut self) -> Result<WatchEvent<K>, WatchFault> {
        if std::mem::take(&mut self.failed) {
            self.pace.pause().await;
        }
        loop {
            let limit = if self.lists { PAGE_LIMIT } else { Duration::MAX };
            let events = self.events.get_or_insert_with(|| {
                let config =
                    Config { timeout: self.config.timeout.or_else(|| Some(watch_seconds())), ..self.config.clone() };
                watcher(self.api.clone(), config).boxed()
            });
            let fault = match timeout(limit, events.next()).await {
                Ok(Some(Ok(event))) => {
                    match &event {
                        WatchEvent::Init => self.lists = true,
                        WatchEvent::InitDone => (self.lists, self.listed) = (false, Some(Instant::now())),
                        WatchEvent::Apply(_) | WatchEvent::Delete(_) => self.pace.reset(),
                        WatchEvent::InitApply(_) => {}
                    }
                    return Ok(event);
                }
                // The server has forgotten what came after our version, and is asked for a list; or a watch broke off, and
                // is taken up again: whether the server is still there is seen by asking it.
                Ok(Some(Err(Error::WatchError(_) | Error::WatchFailed(_)))) => continue,
                Ok(Some(Err(Error::WatchStartFailed(error)))) if self.wants_list(&error) => {
                    (self.events, self.listed) = (None, None);
                    continue;
                }
                Ok(Some(Err(error))) => self.fault(&error),
                Ok(None) => continue,
                Err(_elapsed) => self.silent(),
            };
            (self.events, self.lists, self.failed) = (None, false, true);
            return Err(fault);
        }
    }

    /// Whether a list says better than this what is the matter: a watch that was served is not taken up again, or the
    /// server has forgotten what came after our version.
    fn wants_list(&self, error: &kube::Error) -> bool {
        let served = self.listed.is_some_and(|listed| listed.elapsed() > SHORTEST.saturating_mul(2));
        served || matches!(error, kube::Error::Api(status) if status.code == 410)
    }

    /// The collection, for people: `configmaps` in `kube-system`.
    fn place(&self) -> String {
        let mut segments = self.api.resource_url().rsplit('/');
        let resource = segments.next().unwrap_or_default();
        let namespace = segments.next().unwrap_or_default();
        match segments.next() {
            Some("namespaces") => format!("`{resource}` in `{namespace}`"),
            _ => format!("`{resource}`"),
        }
    }

    fn silent(&self) -> WatchFault {
        let (place, seconds) = (self.place(), PAGE_LIMIT.as_secs());
        let why = format!("the API server has not answered for {place} within {seconds} s; is it overloaded?");
        WatchFault { why, refused: false, missing: false }
    }

    fn fault(&self, error: &Error) -> WatchFault {
        let place = self.place();
        let (verb, error) = match error {
            Error::InitialListFailed(error) => ("list", error),
            Error::WatchStartFailed(error) | Error::WatchFailed(error) => ("watch", error),
            Error::WatchError(_) | Error::NoResourceVersion => {
                let why = format!("what answers for {place} is no Kubernetes API server: its list has no version");
                return WatchFault { why, refused: false, missing: false };
            }
        };
        let kube::Error::Api(status) = error else {
            let why = match transport::fault(error) {
                Fault::Certificate(why) => {
                    format!("the API server cannot be trusted: {why}; check the CA and the server's name")
                }
                Fault::Connection(why) => format!("the API server cannot be reached: {why}; is it up?"),
            };
            return WatchFault { why, refused: false, missing: false };
        };
        let words = words(status);
        let why = match status.code {
            401 => format!(
                "the API server does not know us (401): {words}; check the credentials of the kubeconfig's user or of the pod"
            ),
            403 => format!(
                "the API server refuses us the right to {verb} {place} (403): {words}; grant get, list and watch by RBAC"
            ),
            404 => format!("the API server does not know {place} (404): {words}; install its CustomResourceDefinition"),
            code => format!("the API server does not {verb} {place} ({code}): {words}"),
        };
        WatchFault { why, refused: matches!(status.code, 401 | 403), missing: status.code == 404 }
    }
}

fn watch_seconds() -> u32 {
    let seconds = Duration::from_secs_f64(WATCH_SECONDS * (0.75 + chance() / 2.0)).as_secs();
    u32::try_from(seconds).unwrap_or_default()
}

/// The server's own words, in one line.
fn words(status: &Status) -> String {
    let said = if status.message.is_empty() { &status.reason } else { &status.message };
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_MESSAGE).collect()
}
