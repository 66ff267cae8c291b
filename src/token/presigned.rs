//! Rules 4 to 17: a presigned URL, parsed once into what will be sent.

use jiff::civil::DateTime;
use secrecy::SecretString;

use super::query::{Name, Query};
use super::url::UrlParts;
use super::{StsHost, TokenError, TokenRules, preflight};
use crate::clock::UnixSeconds;

/// A checked `GetCallerIdentity` request: decoded values in received order, and a host from our own table.
///
/// Owned and cheap to clone into the task that calls STS. Debug shows host and signing time only.
#[derive(Clone)]
pub struct PresignedRequest {
    host: StsHost,
    query: Query,
    signed_at: UnixSeconds,
}

/// Seconds after X-Amz-Date for which a token is good; an age of exactly this is still good.
const LIFE: i64 = 15 * 60;

/// Largest X-Amz-Expires, in seconds.
const LONGEST_EXPIRES: i64 = 15 * 60;

/// Header whose signature binds a token to a cluster.
const CLUSTER_HEADER: &[u8] = b"x-k8s-aws-id";

impl PresignedRequest {
    /// Rules 4 to 17, then the preflight and the allowed regions; the first failure ends the work.
    pub(super) fn parse(url: &[u8], rules: &TokenRules, now: UnixSeconds) -> Result<Self, TokenError> {
        let url = UrlParts::split(url)?;
        if !url.scheme.eq_ignore_ascii_case("https") {
            return Err(TokenError::BadScheme);
        }
        let host = StsHost::parse(url.host, rules.partition, rules.instance_region.as_deref())
            .filter(|_| !url.has_userinfo)
            .ok_or(TokenError::BadHost)?;
        // A path always begins with a slash, so decoding could only make it longer than `/`.
        if url.path != "/" {
            return Err(TokenError::BadPath);
        }
        let query = Query::parse(url.query)?;
        let signed_at = judge_values(&query, now)?;
        if rules.strict_preflight {
            preflight::judge(&query, &host, signed_at, now)?;
        }
        if !is_region_allowed(&host, &rules.allowed_regions) {
            return Err(TokenError::RegionNotAllowed);
        }
        Ok(Self { host, query, signed_at })
    }

    /// Host, from our own table.
    #[must_use]
    pub const fn host(&self) -> &StsHost {
        &self.host
    }

    /// Rule 15: what stands before the first slash of X-Amz-Credential; empty if the token names none.
    ///
    /// Also empty for bytes that are no text, which only `strictPreflight: false` lets through.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        let key_id = self.query.value(Name::Credential).and_then(|credential| credential.split(|b| *b == b'/').next());
        key_id.and_then(|key_id| str::from_utf8(key_id).ok()).unwrap_or_default()
    }

    /// X-Amz-Date.
    #[must_use]
    pub const fn signed_at(&self) -> UnixSeconds {
        self.signed_at
    }

    /// Last second at which it is good.
    #[must_use]
    pub const fn ends_at(&self) -> UnixSeconds {
        self.signed_at.plus(LIFE)
    }

    /// `/?name=value&…` rebuilt by one encoder: for the call to STS only.
    #[must_use]
    pub fn path_and_query(&self) -> SecretString {
        self.query.encode()
    }
}

impl std::fmt::Debug for PresignedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PresignedRequest")
            .field("host", &self.host)
            .field("signed_at", &self.signed_at)
            .finish_non_exhaustive()
    }
}

/// Rules 11 to 17; yields X-Amz-Date.
fn judge_values(query: &Query, now: UnixSeconds) -> Result<UnixSeconds, TokenError> {
    let value = |name| query.value(name).unwrap_or_default();
    if value(Name::Action) != b"GetCallerIdentity" {
        return Err(TokenError::BadAction);
    }
    let mut signed_headers = value(Name::SignedHeaders).split(|byte| *byte == b';');
    if !signed_headers.any(|header| header.eq_ignore_ascii_case(CLUSTER_HEADER)) {
        return Err(TokenError::ClusterHeaderNotSigned);
    }
    let expires = str::from_utf8(value(Name::Expires)).ok().and_then(|text| text.parse().ok());
    if !expires.is_some_and(|seconds: i64| (0..=LONGEST_EXPIRES).contains(&seconds)) {
        return Err(TokenError::BadExpires);
    }
    let date = value(Name::Date);
    if date.is_empty() {
        return Err(TokenError::DateMissing);
    }
    let signed_at = parse_date(date).ok_or(TokenError::BadDate)?;
    if now > signed_at.plus(LIFE) {
        return Err(TokenError::Expired);
    }
    Ok(signed_at)
}

/// `yyyymmddThhmmssZ`, a real instant of the Gregorian calendar in UTC, without leap seconds or fractions.
fn parse_date(date: &[u8]) -> Option<UnixSeconds> {
    let (day, time) = date.split_at_checked(8)?;
    let [b'T', time @ .., b'Z'] = time else { return None };
    let (year, month_and_day) = day.split_at_checked(4)?;
    let (month, day) = month_and_day.split_at_checked(2)?;
    let (hour, minute_and_second) = time.split_at_checked(2)?;
    let (minute, second) = minute_and_second.split_at_checked(2)?;
    if second.len() != 2 {
        return None;
    }
    let two = |digits| decimal(digits).and_then(|number| i8::try_from(number).ok());
    let instant =
        DateTime::new(decimal(year)?, two(month)?, two(day)?, two(hour)?, two(minute)?, two(second)?, 0).ok()?;
    Some(UnixSeconds(instant.duration_since(EPOCH).as_secs()))
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Digits only: no sign, no blank.
fn decimal(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(i16::try_from(digit).ok()?)
    })
}

fn is_region_allowed(host: &StsHost, allowed: &[String]) -> bool {
    let name = host.region().map_or("global", |region| region.as_str());
    allowed.is_empty() || allowed.iter().any(|allowed| allowed == name)
}
