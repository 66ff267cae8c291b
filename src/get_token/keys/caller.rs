//! Who the keys belong to, as STS says: one signed `GetCallerIdentity`.

use std::time::Duration;

use super::sts::Sts;
use crate::clock::Clock;
use crate::get_token::{GetTokenError, Keys};
use crate::iam::CanonicalArn;

/// All of [`caller`].
const CALLER_LIMIT: Duration = Duration::from_secs(5);

/// Who STS says the keys belong to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// As STS wrote it.
    pub arn: String,
    /// Twelve digits.
    pub account: String,
    /// `AROA…:session`, `AIDA…`.
    pub user_id: String,
    /// Seconds this machine's clock is ahead of AWS's, by the answer's Date header; negative when behind.
    pub clock_ahead: Option<i64>,
}

/// Asks STS whose keys these are: one signed `GetCallerIdentity`, five seconds in all.
///
/// # Errors
/// [`GetTokenError::CallerIdentity`].
pub async fn caller(keys: &Keys) -> Result<Caller, GetTokenError> {
    let sts = Sts::new(keys.credentials.clone(), &keys.endpoint, keys.http.clone(), &Clock::system());
    let refused =
        |refusal| GetTokenError::CallerIdentity { origin: Box::new(keys.origin.clone()), refusal: Box::new(refusal) };
    sts.caller(CALLER_LIMIT).await.map_err(refused)
}

impl Caller {
    /// What a role mapping compares, if the ARN can be read.
    #[must_use]
    pub fn canonical_arn(&self) -> Option<String> {
        CanonicalArn::parse(&self.arn).ok().map(|arn| arn.as_str().to_owned())
    }
}
