//! SigV4 checked the honest way: sign the request again with the principal's own secret and compare.
//!
//! Presigned requests carry their signature in the query, SDK calls in the Authorization header. What a
//! client left unsigned or changed on the way gives another signature.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use http::request::Parts;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;

use super::Principal;
use super::answer::Refusal;
use crate::clock::UnixSeconds;

/// STS takes a signature for 15 min after its date, and up to 15 min before it.
const WINDOW_SECONDS: i64 = 900;

/// Decoded parameters of a query or form, in the order received.
pub(super) type Pairs = Vec<(String, String)>;

/// What a request says about its signature.
pub(super) struct Claim {
    pub(super) access_key_id: String,
    service: String,
    date: String,
    region: String,
    signature: String,
    session_token: Option<String>,
    expires: Option<Duration>,
    signed_headers: Vec<String>,
}

impl Claim {
    /// From the query of a presigned URL.
    pub(super) fn from_query(service: &str, query: &Pairs) -> Result<Self, Refusal> {
        let value = |name: &str| find(query, name).ok_or(Refusal::MissingAuthentication);
        if value("X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" {
            return Err(Refusal::IncompleteSignature);
        }
        let (access_key_id, region) = scope(service, value("X-Amz-Credential")?, value("X-Amz-Date")?)?;
        let expires = value("X-Amz-Expires")?.parse().map_err(|_| Refusal::IncompleteSignature)?;
        Ok(Self {
            access_key_id,
            service: service.to_owned(),
            region,
            date: value("X-Amz-Date")?.to_owned(),
            signature: value("X-Amz-Signature")?.to_owned(),
            session_token: find(query, "X-Amz-Security-Token").map(str::to_owned),
            expires: Some(Duration::from_secs(expires)),
            signed_headers: value("X-Amz-SignedHeaders")?.split(';').map(str::to_owned).collect(),
        })
    }

    /// From the headers of an SDK's call.
    pub(super) fn from_headers(service: &str, parts: &Parts) -> Result<Self, Refusal> {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let authorization = header("authorization").ok_or(Refusal::MissingAuthentication)?;
        let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or(Refusal::IncompleteSignature)?;
        let field = |name: &str| {
            let mut pieces = fields.split(',').filter_map(|piece| piece.trim().split_once('='));
            pieces.find(|(key, _)| *key == name).map(|(_, value)| value).ok_or(Refusal::IncompleteSignature)
        };
        let date = header("x-amz-date").ok_or(Refusal::IncompleteSignature)?;
        let (access_key_id, region) = scope(service, field("Credential")?, date)?;
        Ok(Self {
            access_key_id,
            service: service.to_owned(),
            region,
            date: date.to_owned(),
            signature: field("Signature")?.to_owned(),
            session_token: header("x-amz-security-token").map(str::to_owned),
            expires: None,
            signed_headers: field("SignedHeaders")?.split(';').map(str::to_owned).collect(),
        })
    }

    /// Whether `principal` signed this request and its date is of today's quarter hour.
    pub(super) fn verify(
        &self,
        parts: &Parts,
        body: &[u8],
        principal: &Principal,
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        let signed_at = self.signed_at()?;
        let age = now.since(UnixSeconds(signed_at.as_second()));
        if age > WINDOW_SECONDS {
            return Err(Refusal::SignatureExpired);
        }
        if age < -WINDOW_SECONDS {
            return Err(Refusal::SignatureNotYetCurrent);
        }
        let expected_token = principal.session_token.as_ref().map(ExposeSecret::expose_secret);
        if self.session_token.as_deref() != expected_token {
            return Err(Refusal::InvalidClientTokenId);
        }
        match self.sign_again(parts, body, principal, signed_at.into()) {
            Some(signature) if signature == self.signature => Ok(()),
            _ => Err(Refusal::SignatureDoesNotMatch),
        }
    }

    fn signed_at(&self) -> Result<Timestamp, Refusal> {
        let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", &self.date).map_err(|_| Refusal::IncompleteSignature)?;
        let zoned = civil.to_zoned(TimeZone::UTC).map_err(|_| Refusal::IncompleteSignature)?;
        Ok(zoned.timestamp())
    }

    fn sign_again(&self, parts: &Parts, body: &[u8], principal: &Principal, time: SystemTime) -> Option<String> {
        let mut settings = SigningSettings::default();
        settings.expires_in = self.expires;
        settings.excluded_headers = None;
        if self.expires.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
        }
        let identity: Identity = principal.credentials().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(time)
            .settings(settings)
            .build()
            .ok()?
            .into();
        let headers = self.headers_to_sign(parts)?;
        let headers = headers.iter().map(|(name, value)| (name.as_str(), *value));
        let url = format!("https://{}{}", host(parts)?, self.unsigned_target(parts));
        let request = SignableRequest::new(parts.method.as_str(), url, headers, SignableBody::Bytes(body)).ok()?;
        sign(request, &params).ok().map(|output| output.into_parts().1)
    }

    /// The headers the client says it signed, but those the signer adds by itself. A header that was signed and is
    /// not here cannot be honest; a list that lacks `host` or the cluster's header gives another signature.
    fn headers_to_sign<'p>(&self, parts: &'p Parts) -> Option<Vec<(String, &'p str)>> {
        let own = ["host", "x-amz-date", "x-amz-security-token"];
        let names = self.signed_headers.iter().filter(|name| !own.contains(&name.as_str()));
        names.map(|name| Some((name.clone(), parts.headers.get(name)?.to_str().ok()?))).collect()
    }

    /// Path and query without what a signature adds to it: the signer adds it again. Only the raw text of a
    /// parameter that stays is kept, so that an encoding other than SigV4's shows.
    fn unsigned_target(&self, parts: &Parts) -> String {
        let query = parts.uri.query().unwrap_or_default();
        let pieces = query.split('&').filter(|piece| !piece.is_empty() && !piece.starts_with("X-Amz-"));
        let rest: Vec<&str> = pieces.collect();
        if rest.is_empty() { parts.uri.path().to_owned() } else { format!("{}?{}", parts.uri.path(), rest.join("&")) }
    }
}

/// The name a client asked for: `:authority` of HTTP/2, Host of HTTP/1.1.
pub(super) fn host(parts: &Parts) -> Option<&str> {
    let host = parts.headers.get(http::header::HOST).and_then(|value| value.to_str().ok());
    parts.uri.authority().map(http::uri::Authority::as_str).or(host)
}

/// Splits `a=b&c=d` and decodes both sides; bytes that are no UTF-8 are replaced and so match nothing.
pub(super) fn pairs(text: &str) -> Pairs {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pieces = text.split('&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The value of `name`, spelled exactly so.
pub(super) fn find<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Key id and region of `<key id>/<yyyymmdd>/<region>/<service>/aws4_request`.
fn scope(service: &str, credential: &str, date: &str) -> Result<(String, String), Refusal> {
    let pieces: Vec<&str> = credential.split('/').collect();
    match pieces.as_slice() {
        [key_id, day, region, of, "aws4_request"]
            if *of == service && date.strip_prefix(day).is_some_and(|rest| rest.starts_with('T')) =>
        {
            Ok(((*key_id).to_owned(), (*region).to_owned()))
        }
        _ => Err(Refusal::IncompleteSignature),
    }
}
