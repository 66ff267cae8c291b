//! `/authenticate`: a TokenReview comes in, an answer goes out.
//!
//! [`Review::review`] reads the request and asks the [`Authenticator`]; [`Review::answer`] is the one place that logs,
//! counts, writes the decision log and turns a verdict into status and body. Bodies: [`super::token_review`].

use std::error::Error;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use super::decision_log::{Record, Records};
use super::routes::{closing, text};
use super::token_review::{self, Question, Version};
use super::{DenyStatus, Limits};
use crate::authenticator::{Authenticator, Denial, Recall, Trail};
use crate::clock::{Clock, Moment};
use crate::iam::VerifiedIdentity;
use crate::mapping::{KubernetesUser, ScrubbedAccounts};
use crate::telemetry::Metrics;
use crate::telemetry::log::Words;

const PATH: &str = "/authenticate";
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
/// Reason code of an answer that no audience asked for would take.
const AUDIENCE: &str = "audience";
/// Reason code of a request that ended in a panic.
const PANIC: &str = "panic";

/// What answers reviews.
pub(super) struct Review {
    pub(super) authenticator: Authenticator,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) records: Arc<Records>,
    pub(super) scrubbed: ScrubbedAccounts,
    pub(super) audiences: Vec<String>,
    pub(super) deny_status: DenyStatus,
    pub(super) limits: Limits,
}

/// A request while it is answered.
struct Asked<'a> {
    client: &'a str,
    began: Instant,
    moment: Moment,
    version: Option<Version>,
}

/// What was decided.
enum Verdict<'q> {
    Denied(Denial),
    /// None of the audiences asked for is ours.
    NoAudience,
    Panicked,
    /// The user, and those of the audiences asked for that are ours.
    User(KubernetesUser, Vec<&'q str>),
}

/// Why a body was not read.
enum BodyFault {
    Broken,
    Slow,
    TooLarge,
}

impl Review {
    /// Answers one request of `client`.
    pub(super) async fn review(&self, request: Request<Incoming>, client: &str) -> Response<Full<Bytes>> {
        let began = Instant::now();
        if request.method() != Method::POST {
            let mut response =
                self.malformed(StatusCode::METHOD_NOT_ALLOWED, "expected POST\n", request.method(), client, began);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let malformed = |status, body| self.malformed(status, body, &Method::POST, client, began);
        let body = match timeout(self.limits.body, self.body(request.into_body())).await.unwrap_or(Err(BodyFault::Slow))
        {
            Ok(body) => body,
            Err(BodyFault::Broken) => {
                return closing(malformed(StatusCode::BAD_REQUEST, "the request body is broken\n"));
            }
            Err(BodyFault::Slow) => {
                return closing(malformed(StatusCode::REQUEST_TIMEOUT, "the request body came too slowly\n"));
            }
            Err(BodyFault::TooLarge) => {
                return closing(malformed(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large\n"));
            }
        };
        let Ok(question) = token_review::parse(&body) else {
            return malformed(StatusCode::BAD_REQUEST, "expected a request body to be a TokenReview\n");
        };
        drop(body);
        let asked = Asked { client, began, moment: self.clock.moment(), version: question.version };
        let mut trail = Trail::default();
        let decided = caught(self.decide(&question, asked.moment, &mut trail)).await;
        self.answer(&asked, &decided.unwrap_or(Verdict::Panicked), &trail)
    }

    async fn decide<'q>(&self, question: &'q Question, now: Moment, trail: &mut Trail) -> Verdict<'q> {
        // Never `spec.audiences` as it came: a token for this cluster would be good for whoever names himself.
        let ours = |audience: &&String| self.audiences.contains(audience);
        let audiences: Vec<_> = question.audiences.iter().filter(ours).map(String::as_str).collect();
        if audiences.is_empty() && !self.audiences.is_empty() {
            return Verdict::NoAudience;
        }
        match self.authenticator.authenticate(&question.token, now, trail).await {
            Ok(user) => Verdict::User(user, audiences),
            Err(denial) => Verdict::Denied(denial),
        }
    }

    /// The one place that logs, counts, writes the decision log, and chooses status and body.
    fn answer(&self, asked: &Asked<'_>, verdict: &Verdict<'_>, trail: &Trail) -> Response<Full<Bytes>> {
        let identity = trail.identity.as_deref().filter(|identity| !self.scrubbed.contains(identity.account_id()));
        if let Some(identity) = identity
            && matches!(trail.recall, Some(Recall::Missed | Recall::Revalidated))
        {
            log_sts_response(asked, identity);
        }
        let (label, reason, response) = match verdict {
            Verdict::User(user, audiences) => {
                log_granted(asked, user, identity, trail);
                trail.source.into_iter().for_each(|source| self.metrics.source_used(source.as_str()));
                let body = token_review::success(user, audiences, asked.version);
                ("success", None, json(StatusCode::OK, body))
            }
            Verdict::Denied(denial) => {
                let (reason, status) = (denial.reason().as_str(), StatusCode::from_u16(denial.status()));
                log_denied(asked, denial, (reason, denial.detail()), identity, trail);
                (denial.label(), Some(reason), self.refusal(status.unwrap_or(StatusCode::FORBIDDEN), reason, asked))
            }
            Verdict::NoAudience => {
                log_denied(asked, &NoAudience, (AUDIENCE, None), identity, trail);
                ("uknown_user", Some(AUDIENCE), self.refusal(StatusCode::FORBIDDEN, AUDIENCE, asked))
            }
            Verdict::Panicked => {
                self.metrics.panicked();
                log_denied(asked, &Panicked, (PANIC, None), identity, trail);
                ("invalid_token", Some(PANIC), refused(StatusCode::FORBIDDEN))
            }
        };
        if let Some(reason) = reason {
            self.metrics.denied(reason);
        }
        if self.records.are_kept() {
            self.record(asked, verdict, reason, identity, trail);
        }
        self.metrics.authenticated(label, asked.began.elapsed().as_secs_f64());
        response
    }

    /// 429 and 503 stay under `denyStatus: 200`: they ask the API server to come again.
    fn refusal(&self, status: StatusCode, reason: &'static str, asked: &Asked<'_>) -> Response<Full<Bytes>> {
        match (self.deny_status, status) {
            (DenyStatus::Ok, StatusCode::FORBIDDEN) => {
                json(StatusCode::OK, token_review::refusal_with_reason(reason, asked.version))
            }
            (DenyStatus::Forbidden | DenyStatus::Ok, status) => refused(status),
        }
    }

    fn malformed(
        &self,
        status: StatusCode,
        body: &'static str,
        method: &Method,
        client: &str,
        began: Instant,
    ) -> Response<Full<Bytes>> {
        tracing::error!(path = PATH, client, method = method.as_str(), error = body.trim_end(), "malformed request");
        self.metrics.authenticated("malformed_request", began.elapsed().as_secs_f64());
        text(status, body)
    }

    /// The body, of `limits.body_bytes` at most. One that came in one piece is not copied.
    async fn body(&self, mut body: Incoming) -> Result<Bytes, BodyFault> {
        let largest = self.limits.body_bytes;
        let fits = |bytes: usize| if bytes > largest { Err(BodyFault::TooLarge) } else { Ok(()) };
        fits(usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX))?;
        let mut whole = Bytes::new();
        let mut pieces = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_error| BodyFault::Broken)?.into_data() else { continue };
            fits(whole.len().saturating_add(pieces.len()).saturating_add(piece.len()))?;
            if whole.is_empty() && pieces.is_empty() {
                whole = piece;
            } else {
                pieces.extend_from_slice(&std::mem::take(&mut whole));
                pieces.extend_from_slice(&piece);
            }
        }
        Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
    }

    fn record(
        &self,
        asked: &Asked<'_>,
        verdict: &Verdict<'_>,
        reason: Option<&'static str>,
        identity: Option<&VerifiedIdentity>,
        trail: &Trail,
    ) {
        let token = trail.fingerprint.map(|fingerprint| fingerprint.short());
        let user = match verdict {
            Verdict::User(user, _audiences) => Some(user),
            Verdict::Denied(_) | Verdict::NoAudience | Verdict::Panicked => None,
        };
        self.records.write(&Record {
            time: jiff::Timestamp::from_second(asked.moment.wall.0).map(|time| time.to_string()).unwrap_or_default(),
            decision: if user.is_some() { "allow" } else { "deny" },
            client: asked.client,
            token: token.as_deref(),
            principal: identity.map(|identity| identity.canonical_arn().as_str()),
            account: identity.map(VerifiedIdentity::account_id),
            user_id: identity.and_then(VerifiedIdentity::user_id),
            session_name: identity.and_then(VerifiedIdentity::session_name),
            access_key_id: identity.and_then(VerifiedIdentity::access_key_id),
            recall: trail.recall.map(Recall::label),
            source: trail.source.map(|source| source.as_str()),
            origin: trail.origin.as_ref().map(ToString::to_string),
            entry_reason: trail.entry_reason.as_deref(),
            username: user.map(|user| user.username.as_str()),
            groups: user.map(|user| user.groups.as_slice()),
            reason,
            detail: match verdict {
                Verdict::Denied(denial) => denial.detail(),
                Verdict::NoAudience | Verdict::Panicked | Verdict::User(..) => None,
            },
            duration_us: u64::try_from(asked.began.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("none of the audiences asked for is one of server.audiences")]
struct NoAudience;

#[derive(Debug, thiserror::Error)]
#[error("a fault of the program; see the line before")]
struct Panicked;

fn log_sts_response(asked: &Asked<'_>, identity: &VerifiedIdentity) {
    tracing::info!(
        accesskeyid = identity.access_key_id(),
        accountid = identity.account_id(),
        arn = identity.arn(),
        client = asked.client,
        method = "POST",
        path = PATH,
        session = identity.session_name(),
        stsendpoint = identity.sts_endpoint(),
        userid = identity.user_id(),
        "STS response"
    );
}

fn log_granted(asked: &Asked<'_>, user: &KubernetesUser, identity: Option<&VerifiedIdentity>, trail: &Trail) {
    tracing::info!(
        arn = identity.map(|identity| identity.canonical_arn().as_str()),
        client = asked.client,
        groups = ?Words(&user.groups),
        method = "POST",
        path = PATH,
        stsendpoint = trail.identity.as_deref().map(VerifiedIdentity::sts_endpoint),
        uid = user.uid,
        username = user.username,
        mapping.source = trail.source.map(|source| source.as_str()),
        "access granted"
    );
}

fn log_denied(
    asked: &Asked<'_>,
    error: &(dyn Error + 'static),
    (reason, detail): (&'static str, Option<&'static str>),
    identity: Option<&VerifiedIdentity>,
    trail: &Trail,
) {
    let token = trail.fingerprint.map(|fingerprint| fingerprint.short());
    tracing::warn!(
        arn = identity.map(|identity| identity.canonical_arn().as_str()),
        client = asked.client,
        detail,
        error,
        method = "POST",
        node = trail.node.as_ref().map(tracing::field::display),
        path = PATH,
        reason,
        token = token.as_deref(),
        "access denied"
    );
}

fn refused(status: StatusCode) -> Response<Full<Bytes>> {
    json(status, Bytes::from_static(token_review::REFUSAL))
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// The future's output; `None` if it panicked. What it borrowed is only read for the log afterwards.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_message) => Poll::Ready(None),
    })
    .await
}

impl std::fmt::Debug for Review {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Review").field("audiences", &self.audiences).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[tokio::test]
    async fn a_panic_ends_one_request_and_not_the_server() {
        assert_eq!(caught(async { 1 }).await, Some(1));
        let panics: Option<u8> = caught(async {
            tokio::task::yield_now().await;
            panic!("a fault in a handler")
        })
        .await;
        assert_eq!(panics, None);
    }
}
