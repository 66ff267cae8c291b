//! Objects as they are and as they change: list, then watch, for ever.
//!
//! ```text
//! list, page by page ──▶ watch from there ──▶ ended: watch on from the last event (at most once a second)
//!    ▲                       │  gone, or an error in it: list anew, told to nobody
//!    └──── pause, 1 s → 30 s ┴── refused, or no answer: a fault
//! ```
//!
//! The steps are those of kube's own watcher, which cannot be given this pace: it takes a watch that ends at once up
//! again without a pause, and a watch that is refused again without a list. After a fault there is always a list, so that
//! [`WatchEvent::InitDone`] says that all is well again.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{BoxStream, unfold};
use futures_util::{Stream, StreamExt as _};
use kube::api::{ListParams, WatchParams};
use kube::core::{Status, WatchEvent as Change};
use kube::runtime::watcher::Config;
use tokio::time::{Instant, timeout};

pub use kube::runtime::watcher::Event as WatchEvent;

use super::pace::{Pace, chance, wait};
use super::transport::{self, Fault};

/// Watches end by themselves after this, and a quarter more or less by chance: what dies in silence is noticed then.
const WATCH_SECONDS: f64 = 60.0;
/// A watch that says nothing for longer, not even its end, is dead.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(90);
/// For a page of a list.
const PAGE_LIMIT: Duration = Duration::from_secs(20);
/// For the first byte of a watch.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Objects of a page: 20 000 come in 20 requests, and no more than this many wait to be read.
const PAGE_SIZE: u32 = 1_000;
/// From one watch to the next, or from the end of a list to the next, at least.
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
    let follower = Follower { api, config, pace: Pace::new(), phase: Phase::Afresh, watch_began: None, rested: None };
    unfold(follower, |mut follower| async {
        let item = follower.next().await;
        Some((item, follower))
    })
}

struct Follower<K> {
    api: kube::Api<K>,
    config: Config,
    pace: Pace,
    phase: Phase<K>,
    watch_began: Option<Instant>,
    /// No list before this.
    rested: Option<Instant>,
}

enum Phase<K> {
    /// Nothing is known, or what is known is too old.
    Afresh,
    Listing {
        began: Instant,
        /// `None` before the first page.
        page: Option<Page>,
        objects: VecDeque<K>,
    },
    Listed {
        version: String,
    },
    Watching {
        version: String,
        changes: BoxStream<'static, kube::Result<Change<K>>>,
    },
    /// A fault was told.
    Failed,
}

/// What a page says of the list.
struct Page {
    next: Option<String>,
    version: String,
}

impl<K> Follower<K>
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    async fn next(&mut self) -> Result<WatchEvent<K>, WatchFault> {
        loop {
            match std::mem::replace(&mut self.phase, Phase::Failed) {
                Phase::Failed => {
                    self.pace.pause().await;
                    self.phase = Phase::Afresh;
                }
                Phase::Afresh => {
                    until(self.rested).await;
                    self.phase = Phase::Listing { began: Instant::now(), page: None, objects: VecDeque::new() };
                    return Ok(WatchEvent::Init);
                }
                Phase::Listing { began, page, mut objects } => match (objects.pop_front(), page) {
                    (Some(object), page) => {
                        self.phase = Phase::Listing { began, page, objects };
                        return Ok(WatchEvent::InitApply(object));
                    }
                    (None, Some(Page { next: None, version })) => {
                        // A list that takes long is not begun again at once.
                        self.rested = Instant::now().checked_add(began.elapsed().max(SHORTEST));
                        self.phase = Phase::Listed { version };
                        return Ok(WatchEvent::InitDone);
                    }
                    (None, before) => {
                        let (page, objects) = self.list(before.and_then(|page| page.next)).await?;
                        self.phase = Phase::Listing { began, page: Some(page), objects };
                    }
                },
                Phase::Listed { version } => {
                    until(self.watch_began.and_then(|began| began.checked_add(SHORTEST))).await;
                    self.watch_began = Some(Instant::now());
                    self.phase = self.start(version).await?;
                }
                Phase::Watching { version, mut changes } => {
                    let change = timeout(SILENCE_LIMIT, changes.next()).await.unwrap_or_default();
                    let began = self.watch_began;
                    if change.is_some() || began.is_some_and(|began| began.elapsed() > SHORTEST) {
                        self.pace.reset();
                    }
                    let (event, phase) = after(change, version, changes);
                    self.phase = phase;
                    if let Some(event) = event {
                        return Ok(event);
                    }
                }
            }
        }
    }

    async fn list(&mut self, next: Option<String>) -> Result<(Page, VecDeque<K>), WatchFault> {
        let params = ListParams {
            label_selector: self.config.label_selector.clone(),
            field_selector: self.config.field_selector.clone(),
            limit: Some(PAGE_SIZE),
            continue_token: next,
            ..ListParams::default()
        };
        let list = timeout(PAGE_LIMIT, self.api.list(&params)).await;
        let list = list.map_err(|_elapsed| self.silent(PAGE_LIMIT))?;
        let list = list.map_err(|error| self.fault("list", &error))?;
        let version = list.metadata.resource_version.unwrap_or_default();
        let next = list.metadata.continue_.filter(|token| !token.is_empty());
        if next.is_none() && version.is_empty() {
            let why = format!("what answers for {} is no Kubernetes API server: its list has no version", self.place());
            return Err(WatchFault { why, refused: false, missing: false });
        }
        Ok((Page { next, version }, list.items.into()))
    }

    async fn start(&mut self, version: String) -> Result<Phase<K>, WatchFault> {
        let params = WatchParams {
            label_selector: self.config.label_selector.clone(),
            field_selector: self.config.field_selector.clone(),
            timeout: self.config.timeout.or_else(|| Some(watch_seconds())),
            bookmarks: true,
            send_initial_events: false,
        };
        match timeout(START_LIMIT, self.api.watch(&params, &version)).await {
            Err(_elapsed) => Err(self.silent(START_LIMIT)),
            Ok(Ok(changes)) => Ok(Phase::Watching { version, changes: changes.boxed() }),
            Ok(Err(kube::Error::Api(status))) if status.code == 410 => Ok(Phase::Afresh),
            Ok(Err(error)) => Err(self.fault("watch", &error)),
        }
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

    fn silent(&self, limit: Duration) -> WatchFault {
        let (place, seconds) = (self.place(), limit.as_secs());
        let why = format!("the API server has not answered for {place} within {seconds} s; is it overloaded?");
        WatchFault { why, refused: false, missing: false }
    }

    fn fault(&self, verb: &str, error: &kube::Error) -> WatchFault {
        let place = self.place();
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

/// What a watch said, or that it ended: what to pass on, and how to go on.
fn after<K: kube::Resource>(
    change: Option<kube::Result<Change<K>>>,
    version: String,
    changes: BoxStream<'static, kube::Result<Change<K>>>,
) -> (Option<WatchEvent<K>>, Phase<K>) {
    let version_of = |object: &K| object.meta().resource_version.clone().filter(|version| !version.is_empty());
    match change {
        Some(Ok(Change::Added(object) | Change::Modified(object))) => {
            let version = version_of(&object).unwrap_or(version);
            (Some(WatchEvent::Apply(object)), Phase::Watching { version, changes })
        }
        Some(Ok(Change::Deleted(object))) => {
            let version = version_of(&object).unwrap_or(version);
            (Some(WatchEvent::Delete(object)), Phase::Watching { version, changes })
        }
        Some(Ok(Change::Bookmark(mark))) => {
            let version = Some(mark.metadata.resource_version).filter(|version| !version.is_empty()).unwrap_or(version);
            (None, Phase::Watching { version, changes })
        }
        // 410 mostly: the server has forgotten what came after our version.
        Some(Ok(Change::Error(_)) | Err(kube::Error::Api(_) | kube::Error::SerdeError(_))) => (None, Phase::Afresh),
        // Whether the server is still there is seen by asking it.
        Some(Err(_)) | None => (None, Phase::Listed { version }),
    }
}

async fn until(instant: Option<Instant>) {
    if let Some(instant) = instant {
        wait(instant.saturating_duration_since(Instant::now())).await;
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
