//! What STS answered, strictly judged (what the reference accepts beyond: `docs/compatibility.md`, "STS").

use std::fmt;
use std::marker::PhantomData;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::{AnswerFault, StsError};
use crate::iam::{CallerIdentity, IdentityError, VerifiedIdentity};
use crate::token::PresignedRequest;

/// Most of a body that is read.
pub(super) const BODY_BYTES: usize = 64 * 1024;
/// In the body of any status but 200, anywhere and in this case: the reference's sign of throttling.
const THROTTLING: &[u8] = b"Throttling";
/// Codes that come with 400 or 403 and yet say nothing about the caller, only about now.
const NO_REFUSAL: [&str; 9] = [
    "BandwidthLimitExceeded",
    "InternalError",
    "InternalFailure",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "TooManyRequestsException",
];
/// Longest code that is passed on.
const CODE_BYTES: usize = 64;

/// An answer as read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Up to [`BODY_BYTES`]; `None` when there was more.
    pub(super) body: Option<Vec<u8>>,
}

impl Answer {
    /// Who signed `request`, or why that is not proven.
    pub(super) fn judge(&self, request: &PresignedRequest) -> Result<VerifiedIdentity, StsError> {
        let region = request.host().region_label();
        let bad = |fault| StsError::BadAnswer { region, fault };
        if self.status != StatusCode::OK {
            return Err(self.no(request));
        }
        if !self.is_json() {
            return Err(bad(AnswerFault::ContentType));
        }
        let body = self.body.as_deref().ok_or_else(|| bad(AnswerFault::TooLarge))?;
        let text = std::str::from_utf8(body).map_err(|_| bad(AnswerFault::Json))?;
        let Object(envelope) = serde_json::from_str::<Object<Envelope>>(text).map_err(|_| bad(AnswerFault::Json))?;
        let Object(result) = envelope.response.0.result;
        let caller = CallerIdentity { account: result.account, arn: result.arn, user_id: result.user_id };
        let identity = VerifiedIdentity::from_sts(&caller, request.access_key_id(), &request.host().name())
            .map_err(StsError::Identity)?;
        if identity.canonical_arn().partition() != request.host().partition() {
            return Err(StsError::Identity(IdentityError::PartitionMismatch));
        }
        Ok(identity)
    }

    fn no(&self, request: &PresignedRequest) -> StsError {
        let region = request.host().region_label();
        let status = self.status.as_u16();
        let body = self.body.as_deref().unwrap_or_default();
        if body.windows(THROTTLING.len()).any(|window| window == THROTTLING) {
            return StsError::Throttled { status, region };
        }
        let may_refuse =
            matches!(self.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        match error_code(body) {
            Some(code) if may_refuse && !NO_REFUSAL.contains(&code.as_str()) => StsError::Refused { status, code },
            _ => StsError::Status { status, region },
        }
    }

    fn is_json(&self) -> bool {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = value.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/json")
    }
}

/// The code of an AWS error body, if it is one: `{"Error":{"Code":…}}`, or `{"__type":…}`. XML is never parsed.
fn error_code(body: &[u8]) -> Option<String> {
    let Object(error) = serde_json::from_slice::<Object<ErrorEnvelope>>(body).ok()?;
    let code = error.error.map(|Object(error)| error.code).or(error.kind)?;
    let name = code.rsplit('#').next().unwrap_or_default();
    let sound = !name.is_empty()
        && name.len() <= CODE_BYTES
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    sound.then(|| name.to_owned())
}

#[derive(Default, Deserialize)]
struct Envelope {
    #[serde(rename = "GetCallerIdentityResponse", default)]
    response: Object<Response>,
}

#[derive(Default, Deserialize)]
struct Response {
    #[serde(rename = "GetCallerIdentityResult", default)]
    result: Object<CallerResult>,
    #[serde(rename = "ResponseMetadata", default)]
    _metadata: Object<ResponseMetadata>,
}

#[derive(Default, Deserialize)]
struct CallerResult {
    #[serde(rename = "Account", default)]
    account: String,
    #[serde(rename = "Arn", default)]
    arn: String,
    #[serde(rename = "UserId", default)]
    user_id: String,
}

/// Read for its type alone: an answer whose request id is no text is none of STS.
#[derive(Default, Deserialize)]
struct ResponseMetadata {
    #[serde(rename = "RequestId", default)]
    _request_id: String,
}

#[derive(Deserialize)]
struct ErrorEnvelope {
    #[serde(rename = "Error")]
    error: Option<Object<ErrorBody>>,
    #[serde(rename = "__type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(rename = "Code")]
    code: String,
}

/// A JSON object and nothing else: serde's derived structs would take an array too.
#[derive(Default)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectOnly(PhantomData))
    }
}

struct ObjectOnly<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectOnly<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}
