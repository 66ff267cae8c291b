//! The call to STS: a checked request goes out, a strict answer comes back.
//!
//! ```text
//! PresignedRequest ──place──▶ GET, five headers ──▶ ≤ 64 KiB ──judge──▶ VerifiedIdentity
//! ```
//!
//! One call a token: no redirect is followed, nothing that was written is repeated, no cookie is kept.
//! Where the reference does otherwise: `docs/compatibility.md`, "STS".

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, BODY_BYTES};
use super::breaker::OPEN_FOR;
use super::connector::HttpClient;
use super::known_callers::KnownCallers;
use super::sts_limits::{Ask, Ending, Places};
use super::{Connector, ConnectorError, StsError};
use crate::clock::Clock;
use crate::iam::VerifiedIdentity;
use crate::telemetry::Metrics;
use crate::token::{ClusterId, PresignedRequest};

/// The header that binds a token to this cluster.
const CLUSTER_ID: HeaderName = HeaderName::from_static("x-k8s-aws-id");
const OUR_NAME: HeaderValue = HeaderValue::from_static(concat!("iam-bridge/", env!("CARGO_PKG_VERSION")));
/// Longest chain of causes in a message.
const WHY_CHARS: usize = 400;

/// `server.sts.*`.
#[derive(Clone, Debug)]
pub struct StsSettings {
    /// Whole life of a call from arrival, waiting included; default 10 s.
    pub timeout: Duration,
    /// Calls in flight; default 64.
    pub max_in_flight: usize,
}

impl Default for StsSettings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), max_in_flight: 64 }
    }
}

/// What a call is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Errand {
    /// Nobody is known for this token yet.
    Proof,
    /// Memory knows, and asks again: a quarter of the places at most.
    Revalidation,
}

/// The one client for all calls, with its places, lanes and breakers.
pub struct Sts {
    timeout: Duration,
    connector: Connector,
    client: HttpClient,
    places: Arc<Places>,
    known: KnownCallers,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Sts {
    /// A client over `connector`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "settings are handed over, not shared")]
    pub fn new(settings: StsSettings, connector: Connector, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            timeout: settings.timeout,
            client: connector.client(Arc::clone(&metrics)),
            connector,
            places: Arc::new(Places::new(settings.max_in_flight, clock.clone(), Arc::clone(&metrics))),
            known: KnownCallers::default(),
            clock,
            metrics,
        }
    }

    /// Loads the trust roots off the start's path; a server spawns it and logs what it says.
    ///
    /// # Errors
    /// [`ConnectorError::NoRoots`].
    pub async fn warm_up(&self) -> Result<(), ConnectorError> {
        self.connector.warm_up().await
    }

    /// Asks STS who signed `request` for `cluster_id`. Ends within the timeout, whatever STS does.
    ///
    /// # Errors
    /// [`StsError`].
    pub async fn caller_identity(
        &self,
        request: &PresignedRequest,
        cluster_id: &ClusterId,
        errand: Errand,
    ) -> Result<VerifiedIdentity, StsError> {
        let arrival = Instant::now();
        let place = self.places.take(self.ask(request, errand), self.timeout).await?;
        let deadline = arrival + self.timeout;
        let deadline = if place.is_probe() { deadline.min(Instant::now() + OPEN_FOR) } else { deadline };
        let outcome = self.exchange(request, cluster_id, deadline).await;
        let verdict = outcome.and_then(|answer| self.judge(&answer, request));
        place.end(ending(&verdict));
        verdict
    }

    /// Told that a key id's proven holder was mapped to a user: it belongs to the lane of known callers for 15 min.
    pub fn mapped(&self, access_key_id: &str) {
        self.known.remember(access_key_id, self.clock.moment().monotonic);
    }

    /// Told that a key id's proven holder gets no user: it belongs to the open lane again.
    pub fn unmapped(&self, access_key_id: &str) {
        self.known.forget(access_key_id);
    }

    fn ask(&self, request: &PresignedRequest, errand: Errand) -> Ask {
        Ask {
            region: request.host().region_label(),
            known: self.known.contains(request.access_key_id(), self.clock.moment().monotonic),
            access_key_id: request.access_key_id().into(),
            errand,
        }
    }

    async fn exchange(
        &self,
        request: &PresignedRequest,
        cluster_id: &ClusterId,
        deadline: Instant,
    ) -> Result<Answer, StsError> {
        let region = request.host().region_label();
        let response = self.send(request, cluster_id, deadline).await.inspect_err(|_failed| {
            self.metrics.sts_connection_failed(region.as_str());
        })?;
        let (parts, body) = response.into_parts();
        let body = timeout_at(deadline, read(body, &parts.headers)).await;
        let body = body.map_err(|_elapsed| StsError::TimedOut { region })?;
        let body = body.map_err(|_broken| StsError::BodyLost { region })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    async fn send(
        &self,
        request: &PresignedRequest,
        cluster_id: &ClusterId,
        deadline: Instant,
    ) -> Result<Response<Incoming>, StsError> {
        let region = request.host().region_label();
        let failed = |why| StsError::Connection { region, why };
        let call = get(request, cluster_id).map_err(|fault| failed(chain(&fault)))?;
        match timeout_at(deadline, self.client.request(call)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failed(chain(&error))),
            Err(_elapsed) => Err(StsError::TimedOut { region }),
        }
    }

    fn judge(&self, answer: &Answer, request: &PresignedRequest) -> Result<VerifiedIdentity, StsError> {
        let region = request.host().region_label();
        self.metrics.sts_answered(answer.status.as_u16(), region.as_str());
        answer.judge(request).inspect_err(|error| {
            if matches!(error, StsError::Throttled { .. }) {
                self.metrics.sts_throttled(region.as_str());
            }
        })
    }
}

impl fmt::Debug for Sts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sts").field("connector", &self.connector).finish_non_exhaustive()
    }
}

/// Method, URL and headers: everything of it is ours or was checked.
fn get(request: &PresignedRequest, cluster_id: &ClusterId) -> Result<Request<Empty<Bytes>>, http::Error> {
    let path_and_query: SecretString = request.path_and_query();
    let uri = Uri::builder()
        .scheme("https")
        .authority(request.host().name())
        .path_and_query(path_and_query.expose_secret())
        .build()?;
    Request::get(uri)
        .header(CLUSTER_ID, HeaderValue::from_str(cluster_id.as_str())?)
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .header(USER_AGENT, OUR_NAME)
        .body(Empty::new())
}

/// Up to 64 KiB of a body; `None` if there is more, of which nothing further is read.
async fn read(mut body: Incoming, headers: &HeaderMap) -> Result<Option<Vec<u8>>, hyper::Error> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()).and_then(|n| n.parse().ok());
    if announced.is_some_and(|length: u64| usize::try_from(length).map_or(true, |length| length > BODY_BYTES)) {
        return Ok(None);
    }
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame?.into_data() {
            if read.len().saturating_add(bytes.len()) > BODY_BYTES {
                return Ok(None);
            }
            read.extend_from_slice(&bytes);
        }
    }
    Ok(Some(read))
}

/// What a verdict says about the way to STS.
const fn ending(verdict: &Result<VerifiedIdentity, StsError>) -> Ending {
    match verdict {
        Ok(_) => Ending::Proved,
        Err(StsError::BodyLost { .. } | StsError::Connection { .. } | StsError::TimedOut { .. }) => Ending::Failed,
        Err(
            StsError::AnotherIdentity
            | StsError::BadAnswer { .. }
            | StsError::BreakerOpen { .. }
            | StsError::Identity(_)
            | StsError::Overloaded
            | StsError::Refused { .. }
            | StsError::Status { .. }
            | StsError::Throttled { .. },
        ) => Ending::Answered,
    }
}

/// An error with its causes in one line. hyper's errors name no URL, and a proxy's none of its credentials.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line.chars().filter(|character| !character.is_control()).take(WHY_CHARS).collect()
}
