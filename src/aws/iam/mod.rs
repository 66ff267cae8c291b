//! IAM: whether a role or user is there, where, and by which unique id. `GetRole` and `GetUser`, one signed POST each.
//!
//! ```text
//! name ──own account? (STS, once)──▶ GetRole | GetUser ──answer──▶ IamPrincipal | nobody of that name
//! ```
//!
//! IAM answers for the account of the keys alone: whoever asks about another account is told so, and never that nobody
//! is there. Nothing is loaded or connected before the first question. Who asks much paces it: nothing is repeated here.

mod answer;
mod endpoint;
mod fault;

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use http::StatusCode;
use tokio::sync::{Mutex, OnceCell};

pub use fault::IamError;

use super::SdkHttp;
use super::ec2_names::HostForm;
use super::query::{Query, Target, escaped};
use crate::clock::{Clock, UnixSeconds};
use crate::iam::{AccountId, CanonicalArn, Partition, PrincipalKind};

/// Most of a body that is read: a role comes with its trust policy and tags.
const BODY_BYTES: usize = 256 * 1024;
/// A question with its answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Keys are asked for anew this long before they end, seconds.
const RENEW_BEFORE: u64 = 300;

/// How IAM is asked.
#[derive(Clone, Debug)]
pub struct IamSettings {
    /// The partition of the keys.
    pub partition: Partition,
    /// Whose account is asked about. Keys that need `iam:GetRole` and `iam:GetUser`.
    pub credentials: SharedCredentialsProvider,
    /// `AWS_ENDPOINT_URL_IAM`, else `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`: where it is asked whose account the keys are of.
    pub sts_endpoint: Option<String>,
    /// The region of STS; without one that of IAM.
    pub region: Option<String>,
    /// FIPS and dual-stack hosts.
    pub host_form: HostForm,
    /// The one HTTP client.
    pub http: SdkHttp,
}

/// What IAM is asked about.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IamKind {
    /// A role.
    Role,
    /// A user.
    User,
}

/// A role or user as IAM has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IamPrincipal {
    /// Its ARN, path included.
    pub arn: String,
    /// Its unique id: `AROA…`, `AIDA…`.
    pub id: String,
    /// `CreateDate`: who is deleted and made again is younger, and has another id.
    pub created: UnixSeconds,
}

/// Asks IAM.
pub struct Iam {
    settings: IamSettings,
    iam: Query,
    sts: Query,
    clock: Clock,
    keys: Mutex<Option<Credentials>>,
    account: OnceCell<AccountId>,
}

impl Iam {
    /// Nothing is loaded or connected yet.
    #[must_use]
    pub fn new(settings: IamSettings, clock: Clock) -> Self {
        let query = || Query::new(settings.http.clone(), clock.clone());
        let (iam, sts) = (query(), query());
        Self { settings, iam, sts, clock, keys: Mutex::default(), account: OnceCell::new() }
    }

    /// The role or user `name` (without path, case of no weight) of `account`; `None` when the account has none.
    ///
    /// # Errors
    /// [`IamError`]; [`IamError::OtherAccount`] when the keys belong to another account, which is asked nothing.
    pub async fn principal(
        &self,
        kind: IamKind,
        name: &str,
        account: AccountId,
    ) -> Result<Option<IamPrincipal>, IamError> {
        let own = self.account().await?;
        if own != account {
            return Err(IamError::OtherAccount { asked: account, own });
        }
        let (region, host) = endpoint::iam(self.settings.partition, self.settings.host_form);
        let endpoint = self.settings.endpoint.clone().unwrap_or_else(|| format!("https://{host}"));
        let form = format!("Action={}&Version=2010-05-08&{}Name={}", kind.action(), kind.word(), escaped(name));
        let target = Target { service: "iam", region, endpoint: &endpoint };
        let (status, body) = self.ask(&self.iam, target, &form).await?;
        if status != StatusCode::OK {
            return match answer::error_code(&body) {
                Some(code) if code == "NoSuchEntity" => Ok(None),
                code => Err(self.refused(fault::refused(status, code, kind.action())).await),
            };
        }
        let found = answer::principal(kind, &body).ok_or(IamError::Answer("IAM"))?;
        if found.is_of(kind, name, account) { Ok(Some(found)) } else { Err(IamError::Answer("IAM")) }
    }

    /// The account of the keys; STS is asked once.
    ///
    /// # Errors
    /// [`IamError`].
    pub async fn account(&self) -> Result<AccountId, IamError> {
        self.account.get_or_try_init(|| self.ask_account()).await.copied()
    }

    async fn ask_account(&self) -> Result<AccountId, IamError> {
        let (iam_region, _) = endpoint::iam(self.settings.partition, self.settings.host_form);
        let region = self.settings.region.as_deref().unwrap_or(iam_region);
        let host = || format!("https://{}", endpoint::sts(region, self.settings.partition, self.settings.host_form));
        let endpoint = self.settings.sts_endpoint.clone().unwrap_or_else(host);
        let target = Target { service: "sts", region, endpoint: &endpoint };
        let (status, body) = self.ask(&self.sts, target, "Action=GetCallerIdentity&Version=2011-06-15").await?;
        if status != StatusCode::OK {
            let code = answer::error_code(&body);
            return Err(self.refused(fault::refused(status, code, "GetCallerIdentity")).await);
        }
        answer::account(&body).ok_or(IamError::Answer("STS"))
    }

    async fn ask(&self, query: &Query, target: Target<'_>, form: &str) -> Result<(StatusCode, String), IamError> {
        let asking = async {
            let keys = self.keys().await?;
            let request =
                query.request(target, form, &keys).map_err(|fault| fault::unanswered(fault, target.service))?;
            query.send(request, BODY_BYTES).await.map_err(|fault| fault::unanswered(fault, target.service))
        };
        tokio::time::timeout(LIMIT, Box::pin(asking)).await.unwrap_or_else(|_elapsed| {
            query.forget_way();
            Err(fault::timed_out(target.service))
        })
    }

    /// Keys that are good now.
    async fn keys(&self) -> Result<Credentials, IamError> {
        let mut held = self.keys.lock().await;
        if let Some(keys) = held.as_ref().filter(|keys| !self.ends_soon(keys)) {
            return Ok(keys.clone());
        }
        // The error may quote what a provider was told; its kind says enough.
        let loaded = self.settings.credentials.provide_credentials().await;
        let keys = loaded.map_err(|error| IamError::Keys(error.to_string()))?;
        Ok(held.insert(keys).clone())
    }

    fn ends_soon(&self, keys: &Credentials) -> bool {
        let end = keys.expiry().map(|end| end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        let now = u64::try_from(self.clock.now().0).unwrap_or(0);
        end.is_some_and(|end| end <= now.saturating_add(RENEW_BEFORE))
    }

    /// Keys that AWS does not take are asked for anew at the next question.
    async fn refused(&self, error: IamError) -> IamError {
        if matches!(error, IamError::BadKeys(_)) {
            *self.keys.lock().await = None;
        }
        error
    }
}

impl IamKind {
    const fn action(self) -> &'static str {
        match self {
            Self::Role => "GetRole",
            Self::User => "GetUser",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::User => "User",
        }
    }
}

impl IamPrincipal {
    /// Whether it is what was asked for: an answer of somebody else's making is none.
    fn is_of(&self, kind: IamKind, name: &str, account: AccountId) -> bool {
        let Ok(arn) = CanonicalArn::parse(&self.arn) else { return false };
        let is_kind = match kind {
            IamKind::Role => arn.kind() == PrincipalKind::Role,
            IamKind::User => arn.kind() == PrincipalKind::User,
        };
        is_kind && arn.name().eq_ignore_ascii_case(name) && arn.account().parse() == Ok(account)
    }
}

impl fmt::Debug for Iam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iam").field("partition", &self.settings.partition).finish_non_exhaustive()
    }
}
