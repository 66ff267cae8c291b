//! Keys → a presigned `GetCallerIdentity` URL, as the reference's client writes it.
//!
//! The cluster id is signed as the header `x-k8s-aws-id` and stands nowhere in the URL: whoever sends the URL must know it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{self, SignableBody, SignableRequest, SignatureLocation, SigningParams, SigningSettings};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::StsEndpoint;
use crate::clock::UnixSeconds;
use crate::token::{self, ClusterId};

/// Header that binds a token to one cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";

/// What the reference's client writes into `X-Amz-Expires`, seconds.
const EXPIRES_IN: Duration = Duration::from_secs(60);

/// How long after signing a client is told to use a token, seconds. A server takes it a minute longer.
const TOLD_LIFE: i64 = 14 * 60;

/// A client is never told less than this, seconds from now, or it would ask again at once and without end.
const LEAST_TOLD_LIFE: i64 = 60;

/// Everything SigV4 does not leave as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A token and when the client has to ask for another.
#[derive(Clone, Debug)]
pub struct SignedToken {
    /// The token's text.
    pub token: SecretString,
    /// What `expirationTimestamp` says.
    pub expires_at: UnixSeconds,
}

/// Why nothing could be signed.
#[derive(Debug, thiserror::Error)]
pub enum PresignError {
    /// The keys or the endpoint hold bytes that cannot stand in a request.
    #[error("the request cannot be signed: region, endpoint or keys hold characters that cannot stand in it")]
    Unsignable,
    /// The clock shows a year that SigV4 cannot write.
    #[error("this machine's clock shows `{}` s since 1970, which no signature can name", .0.0)]
    Clock(UnixSeconds),
}

/// A token for `cluster_id`, signed `at` that second.
///
/// `expires_at` tells the truth: 14 minutes, or less when the keys end before that, but at least a minute.
///
/// # Errors
/// [`PresignError`].
pub fn sign(
    credentials: &Credentials,
    endpoint: &StsEndpoint,
    cluster_id: &ClusterId,
    at: UnixSeconds,
) -> Result<SignedToken, PresignError> {
    let url = presign(credentials, endpoint, cluster_id, at)?;
    let keys_end = credentials.expiry().map_or(i64::MAX, seconds_since_epoch);
    let told = at.plus(TOLD_LIFE).0.min(keys_end).max(at.plus(LEAST_TOLD_LIFE).0);
    Ok(SignedToken { token: token::encode(&url), expires_at: UnixSeconds(told) })
}

/// The presigned URL; parameters in the order of the reference's client.
///
/// # Errors
/// [`PresignError`].
pub fn presign(
    credentials: &Credentials,
    endpoint: &StsEndpoint,
    cluster_id: &ClusterId,
    at: UnixSeconds,
) -> Result<SecretString, PresignError> {
    let base = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", endpoint.origin());
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES_IN);

    let identity = credentials.clone().into();
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(endpoint.signing_region())
        .name("sts")
        .time(system_time(at)?)
        .settings(settings)
        .build()
        .map_err(|_| PresignError::Unsignable)?
        .into();
    let headers = [(CLUSTER_HEADER, cluster_id.as_str())];
    let request = SignableRequest::new("GET", base.as_str(), headers.into_iter(), SignableBody::Bytes(b""))
        .map_err(|_| PresignError::Unsignable)?;
    let (instructions, _) = http_request::sign(request, &params).map_err(|_| PresignError::Unsignable)?.into_parts();
    let (_, mut pairs) = instructions.into_parts();
    pairs.sort_by_key(|(name, _)| (*name == "X-Amz-Signature", *name));

    let mut url = Zeroizing::new(String::with_capacity(2048));
    url.push_str(&base);
    for (name, value) in &pairs {
        url.push('&');
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(value, ESCAPED));
    }
    Ok(SecretString::from(url.as_str()))
}

impl SignedToken {
    /// The text, for whoever prints or sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }
}

fn system_time(at: UnixSeconds) -> Result<SystemTime, PresignError> {
    // INVARIANT: X-Amz-Date has four digits for the year; aws-sigv4 does not check it.
    const YEAR_10000: u64 = 253_402_300_800;
    let seconds = u64::try_from(at.0).ok().filter(|seconds| *seconds < YEAR_10000).ok_or(PresignError::Clock(at))?;
    Ok(UNIX_EPOCH + Duration::from_secs(seconds))
}

pub(super) fn seconds_since_epoch(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
