//! Refusals beyond the reference's, under `server.sts.strictPreflight`: what STS would refuse anyway is not asked.

use super::query::{Name, Query};
use super::{StsHost, TokenError};
use crate::clock::UnixSeconds;

/// Seconds by which X-Amz-Date may lie ahead.
const LARGEST_LEAD: i64 = 5 * 60;

/// None of these can refuse a token that an SDK made with a clock that is right within five minutes.
pub(super) fn judge(query: &Query, host: &StsHost, signed_at: UnixSeconds, now: UnixSeconds) -> Result<(), TokenError> {
    let value = |name| query.value(name).unwrap_or_default();
    let signature = value(Name::Signature);
    if signature.len() != 64 || !signature.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(TokenError::SignatureShape);
    }
    let key_id = credential_key_id(value(Name::Credential), value(Name::Date), host);
    let key_id = key_id.ok_or(TokenError::CredentialScope)?;
    let is_legal = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if !(16..=128).contains(&key_id.len()) || !key_id.iter().all(is_legal) {
        return Err(TokenError::AccessKeyIdShape);
    }
    if value(Name::Algorithm) != b"AWS4-HMAC-SHA256" {
        return Err(TokenError::Algorithm);
    }
    if value(Name::Version) != b"2011-06-15" {
        return Err(TokenError::Version);
    }
    if signed_at.since(now) > LARGEST_LEAD {
        return Err(TokenError::DateInFuture);
    }
    Ok(())
}

/// The key id of `<key id>/<day of the date>/<region of the host>/sts/aws4_request`.
///
/// The global host takes any region: which one a client signs for depends on settings of the client.
fn credential_key_id<'q>(credential: &'q [u8], date: &[u8], host: &StsHost) -> Option<&'q [u8]> {
    let mut parts = credential.split(|byte| *byte == b'/');
    let [key_id, day, region, service, terminator] = std::array::from_fn(|_| parts.next());
    let is_region = match host.region() {
        Some(of_host) => region == Some(of_host.as_str().as_bytes()),
        None => region.is_some_and(|region| !region.is_empty()),
    };
    let is_scope = day.is_some()
        && day == date.get(..8)
        && is_region
        && service == Some(b"sts")
        && terminator == Some(b"aws4_request")
        && parts.next().is_none();
    key_id.filter(|_| is_scope)
}
