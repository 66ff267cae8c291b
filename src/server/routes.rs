//! Which path does what, on either listener.
//!
//! | path | webhook | health |
//! |---|---|---|
//! | `/authenticate` | TokenReview | – |
//! | `/metrics` | unless it moved | if it moved |
//! | `/livez`, `/readyz` | yes | yes |
//! | `/healthz` | `ok` | `ok` |
//! | any other | 404 | `ok`, as the reference |

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::connection::Answer;
use super::readiness::Readiness;
use super::review::Review;
use crate::telemetry::Metrics;

const NO_SNIFF: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const EXPOSITION: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The TLS listener.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) review: Review,
    /// Here unless they are on the health listener.
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) readiness: Readiness,
}

/// The health listener.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) readiness: Readiness,
}

impl Answer for Webhook {
    async fn answer(&self, request: Request<Incoming>, client: &str) -> Response<Full<Bytes>> {
        let head_only = request.method() == Method::HEAD;
        let response = match (request.uri().path(), &self.metrics) {
            ("/authenticate", _) => self.review.review(request, client).await,
            ("/metrics", Some(metrics)) => exposition(metrics),
            ("/healthz" | "/livez", _) => ok(),
            ("/readyz", _) => readyz(&self.readiness),
            _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
        };
        if head_only { without_body(response) } else { response }
    }
}

impl Answer for Health {
    async fn answer(&self, request: Request<Incoming>, _client: &str) -> Response<Full<Bytes>> {
        let head_only = request.method() == Method::HEAD;
        let response = match (request.uri().path(), &self.metrics) {
            ("/metrics", Some(metrics)) => exposition(metrics),
            ("/readyz", _) => readyz(&self.readiness),
            _ => ok(),
        };
        if head_only { without_body(response) } else { response }
    }
}

/// What Go's `http.Error` sends.
pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = plain(status, body.into(), TEXT);
    response.headers_mut().extend([NO_SNIFF]);
    response
}

/// A request whose framing is ambiguous: nothing after it on the connection can be trusted.
pub(super) fn bad_request() -> Response<Full<Bytes>> {
    closing(text(StatusCode::BAD_REQUEST, "400 bad request\n"))
}

/// The last answer of its connection (HTTP/1; hyper drops the header for HTTP/2).
pub(super) fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn ok() -> Response<Full<Bytes>> {
    plain(StatusCode::OK, Bytes::from_static(b"ok"), TEXT)
}

fn readyz(readiness: &Readiness) -> Response<Full<Bytes>> {
    let (ready, detail) = readiness.now();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    plain(status, detail.into(), TEXT)
}

fn exposition(metrics: &Metrics) -> Response<Full<Bytes>> {
    plain(StatusCode::OK, metrics.render().into(), EXPOSITION)
}

fn plain(status: StatusCode, body: Bytes, content_type: HeaderValue) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn without_body(response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.map(|_body| Full::default())
}
