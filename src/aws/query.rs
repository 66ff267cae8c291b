//! AWS's Query protocol: a form is signed and posted, XML comes back. EC2 and IAM speak it.
//!
//! Connections are made at the first call. Nothing that an answer says is passed on but its body, bounded, to whoever
//! reads it: with a bad signature AWS repeats the signed request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::SdkHttp;
use crate::clock::Clock;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// Everything SigV4 does not leave as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Codes that say nothing about the call, only about now.
const SLOW_DOWN: [&str; 6] = [
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];
/// Codes for keys that AWS does not take (any more).
const BAD_KEYS: [&str; 6] = [
    "AuthFailure",
    "ExpiredToken",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
/// Longest code that is passed on.
const CODE_BYTES: usize = 64;

/// Signs forms and posts them.
#[derive(Debug)]
pub(super) struct Query {
    http: SdkHttp,
    /// Made at the first call, and made anew when a call on it did not end: its connections may be dead.
    way: Mutex<Option<SharedHttpConnector>>,
    clock: Clock,
}

/// Where a form goes, and what it is signed for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'t> {
    /// `ec2`, `iam`, `sts`
    pub(super) service: &'static str,
    /// Region of the signature.
    pub(super) region: &'t str,
    /// Scheme and host, without a path.
    pub(super) endpoint: &'t str,
}

/// Why there is no answer. Holds no key, signature, body or URL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum QueryFault {
    /// No answer, or half of one.
    Connection(&'static str),
    /// More than whoever asked reads.
    TooLong,
    /// No trust root to check the certificate with.
    TrustRoots(String),
    /// Endpoint, region or keys hold what cannot stand in a request.
    Unsignable,
    /// The body is no UTF-8.
    NoText,
}

/// What a status other than 200 means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// Ask more slowly; the code, or the status.
    Throttled(String),
    /// The service is in trouble.
    Status(u16),
    /// The service says no; its code, or `none`.
    Refused { status: u16, code: String },
}

impl Query {
    pub(super) fn new(http: SdkHttp, clock: Clock) -> Self {
        Self { http, way: Mutex::default(), clock }
    }

    /// The signed POST of `form`, whose values are [`escaped`].
    pub(super) fn request(
        &self,
        target: Target<'_>,
        form: &str,
        keys: &Credentials,
    ) -> Result<HttpRequest, QueryFault> {
        let url = format!("{}/", target.endpoint.trim_end_matches('/'));
        let identity = keys.clone().into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(target.region)
            .name(target.service)
            .time(self.now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| QueryFault::Unsignable)?
            .into();
        let headers = [("content-type", FORM)];
        let signable =
            SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(form.as_bytes()))
                .map_err(|_| QueryFault::Unsignable)?;
        let (signed, _) = sign(signable, &params).map_err(|_| QueryFault::Unsignable)?.into_parts();
        let (signed, _) = signed.into_parts();

        let mut request = HttpRequest::new(form.to_owned().into());
        request.set_method("POST").map_err(|_| QueryFault::Unsignable)?;
        request.set_uri(url).map_err(|_| QueryFault::Unsignable)?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        request.headers_mut().insert("user-agent", concat!("iam-bridge/", env!("CARGO_PKG_VERSION")));
        for header in signed {
            let value = header.value().to_owned();
            request.headers_mut().try_insert(header.name(), value).map_err(|_| QueryFault::Unsignable)?;
        }
        Ok(request)
    }

    /// Sends it, and reads at most `most` bytes of the answer.
    pub(super) async fn send(&self, request: HttpRequest, most: usize) -> Result<(StatusCode, String), QueryFault> {
        let way = self.way(&request)?;
        let answer = way.call(request).await.map_err(|error| {
            // The connector's words may name a proxy with its password.
            QueryFault::Connection(if error.is_timeout() {
                "timeout"
            } else {
                "the connection cannot be made or broke off"
            })
        })?;
        read(answer, most).await
    }

    /// A call did not end: the next one is made on another connection.
    pub(super) fn forget_way(&self) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Every service of a [`Query`] is reached the same way: all over TLS, or all at the endpoint of somebody's test.
    fn way(&self, request: &HttpRequest) -> Result<SharedHttpConnector, QueryFault> {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = way.as_ref() {
            return Ok(way.clone());
        }
        let new = self.http.way_to(request.uri()).map_err(QueryFault::TrustRoots)?;
        Ok(way.insert(new).clone())
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(self.clock.now().0).unwrap_or(0))
    }
}

impl Refusal {
    /// Of an answer with this status and the code its document names.
    pub(super) fn of(status: StatusCode, code: Option<String>) -> Self {
        match code {
            Some(code) if is_slow_down(&code) => Self::Throttled(code),
            Some(_) | None if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE => {
                Self::Throttled(code.unwrap_or_else(|| status.as_str().to_owned()))
            }
            Some(_) | None if status.is_server_error() => Self::Status(status.as_u16()),
            code => Self::Refused { status: status.as_u16(), code: code.unwrap_or_else(|| "none".to_owned()) },
        }
    }
}

/// Whether a code means that the keys are not good.
pub(super) fn is_of_keys(code: &str) -> bool {
    BAD_KEYS.contains(&code)
}

/// Whether a code asks to slow down.
pub(super) fn is_slow_down(code: &str) -> bool {
    SLOW_DOWN.contains(&code)
}

/// A code as it may be told: letters, digits and dots.
pub(super) fn sound_code(code: String) -> Option<String> {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    ((1..=CODE_BYTES).contains(&code.len()) && code.bytes().all(is_code)).then_some(code)
}

/// A value as it stands in a form.
pub(super) fn escaped(value: &str) -> PercentEncode<'_> {
    utf8_percent_encode(value, ESCAPED)
}

async fn read(answer: HttpResponse, most: usize) -> Result<(StatusCode, String), QueryFault> {
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = Limited::new(answer.into_body(), most).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            QueryFault::TooLong
        } else {
            QueryFault::Connection("the answer broke off")
        }
    })?;
    let text = String::from_utf8(body.to_bytes().to_vec()).map_err(|_| QueryFault::NoText)?;
    Ok((status, text))
}
