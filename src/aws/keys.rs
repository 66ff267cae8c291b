//! Whose keys sign the calls: those of the default chain, or of a role that is assumed with them.
//!
//! Nothing is loaded before the first look-up. Keys are kept until shortly before they end; keys that cannot be renewed
//! serve on to their end.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Providing;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::error::ProvideErrorMetadata;
use http::HeaderValue;
use tokio::sync::Mutex;

use super::{HostForm, SdkHttp};
use crate::clock::Clock;
use crate::iam::{ArnError, ArnSections};

/// Signed into AssumeRole when `sourceARN` is set: a role that demands them cannot be borrowed for another cluster.
const SOURCE_ARN: &str = "x-amz-source-arn";
const SOURCE_ACCOUNT: &str = "x-amz-source-account";
/// Name of our session, for who reads CloudTrail.
const SESSION: &str = "iam-bridge";
/// Life of a session, seconds.
const SESSION_LIFE: i32 = 3_600;
/// Keys are renewed this long before they end, seconds.
const RENEW_BEFORE: u64 = 300;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Under the budget of whoever waits.
const TIMEOUT: Duration = Duration::from_secs(4);
const ATTEMPTS: u32 = 2;

/// Whose keys are wanted.
#[derive(Clone, Debug)]
pub(super) struct KeySettings {
    /// What they are for, in words.
    pub(super) purpose: &'static str,
    /// Keys of the environment; without them the default chain is walked.
    pub(super) environment_keys: Option<Credentials>,
    /// Assumed with those.
    pub(super) role: Option<AssumedRole>,
    /// Which hosts of STS are called.
    pub(super) host_form: HostForm,
    /// In the place of STS's own.
    pub(super) sts_endpoint: Option<String>,
}

/// A role to assume.
#[derive(Clone, Debug, Default)]
pub(super) struct AssumedRole {
    pub(super) arn: String,
    /// Demanded by roles of other accounts.
    pub(super) external_id: Option<String>,
    /// Signed into the call, with its account.
    pub(super) source_arn: Option<String>,
}

/// Why there are no keys. Holds no key and no words of a provider's answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum KeyFault {
    /// The default chain brings none.
    #[error("{0}")]
    Chain(String),
    /// The role is not ours to assume.
    #[error("the role `{role}` cannot be assumed: {why}")]
    Role { role: String, why: String },
}

/// Why nothing can be signed into an assumption.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum SourceArnFault {
    #[error("the source is no ARN")]
    Arn(#[source] ArnError),
    #[error("the source holds characters that cannot stand in a request")]
    Bytes,
}

/// What is signed into AssumeRole so that our role cannot be borrowed for another cluster.
#[derive(Clone, Debug)]
struct SourceHeaders {
    arn: HeaderValue,
    account: HeaderValue,
}

/// The keys, loaded at the first call.
pub(super) struct Keys {
    settings: KeySettings,
    http: SdkHttp,
    clock: Clock,
    held: Mutex<Option<Credentials>>,
}

impl Keys {
    pub(super) fn new(settings: KeySettings, http: SdkHttp, clock: Clock) -> Self {
        Self { settings, http, clock, held: Mutex::default() }
    }

    /// Keys that are good now. Calls that come together load them once.
    pub(super) async fn now(&self, region: &str) -> Result<Credentials, KeyFault> {
        let mut held = self.held.lock().await;
        if let Some(keys) = held.as_ref().filter(|keys| !self.ends_within(keys, RENEW_BEFORE)) {
            return Ok(keys.clone());
        }
        match Box::pin(self.load(region)).await {
            Ok(keys) => Ok(held.insert(keys).clone()),
            Err(fault) => {
                let keys = held.clone().filter(|keys| !self.ends_within(keys, 0)).ok_or_else(|| fault.clone())?;
                let purpose = self.settings.purpose;
                tracing::warn!(error = %fault, "the keys for {purpose} cannot be renewed; those at hand serve until they end");
                Ok(keys)
            }
        }
    }

    /// The service does not take them: the next call loads new ones.
    pub(super) async fn forget(&self) {
        *self.held.lock().await = None;
    }

    fn ends_within(&self, keys: &Credentials, seconds: u64) -> bool {
        let end = keys.expiry().map(|end| end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        let now = u64::try_from(self.clock.now().0).unwrap_or(0);
        end.is_some_and(|end| end <= now.saturating_add(seconds))
    }

    async fn load(&self, region: &str) -> Result<Credentials, KeyFault> {
        let base = match &self.settings.environment_keys {
            Some(keys) => keys.clone(),
            None => self.of_chain(region).await?,
        };
        match &self.settings.role {
            Some(role) => self.assume(role, base, region).await,
            None => Ok(base),
        }
    }

    async fn of_chain(&self, region: &str) -> Result<Credentials, KeyFault> {
        let config = ProviderConfig::without_region()
            .with_region(Some(Region::new(region.to_owned())))
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_http_client(self.http.clone());
        let chain = DefaultCredentialsChain::builder().configure(config).build().await;
        // The chain's error may quote what a provider was told; its kind says enough for a log.
        chain.provide_credentials().await.map_err(|error| KeyFault::Chain(error.to_string()))
    }

    async fn assume(&self, role: &AssumedRole, base: Credentials, region: &str) -> Result<Credentials, KeyFault> {
        let refused = |why: String| KeyFault::Role { role: role.arn.clone(), why };
        let headers = role.source_arn.as_deref().map(source_headers).transpose();
        let headers = headers.map_err(|error| refused(error.to_string()))?;
        let call = self.sts(base, region).assume_role().role_arn(&role.arn).role_session_name(SESSION);
        let call = call.set_external_id(role.external_id.clone()).duration_seconds(SESSION_LIFE).customize();
        let call = call.mutate_request(move |request| {
            if let Some(SourceHeaders { arn, account }) = &headers {
                request.headers_mut().insert(SOURCE_ARN, arn.clone());
                request.headers_mut().insert(SOURCE_ACCOUNT, account.clone());
            }
        });
        let answer = call.send().await.map_err(|error| {
            // AWS's words beside a code may repeat what was signed.
            refused(error.code().map_or_else(|| "STS does not answer".to_owned(), |code| format!("STS says `{code}`")))
        })?;
        let keys = answer.credentials.ok_or_else(|| refused("STS sent no keys".to_owned()))?;
        let mut builder = Credentials::builder()
            .access_key_id(keys.access_key_id)
            .secret_access_key(keys.secret_access_key)
            .session_token(keys.session_token)
            .provider_name("AssumeRole");
        builder.set_expiry(SystemTime::try_from(keys.expiration).ok());
        Ok(builder.build())
    }

    fn sts(&self, base: Credentials, region: &str) -> aws_sdk_sts::Client {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(TIMEOUT).build();
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(base)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            .use_fips(self.settings.host_form.fips)
            .use_dual_stack(self.settings.host_form.dual_stack)
            .http_client(self.http.clone());
        config.set_endpoint_url(self.settings.sts_endpoint.clone());
        config.set_app_name(AppName::new("iam-bridge").ok());
        aws_sdk_sts::Client::from_conf(config.build())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("purpose", &self.settings.purpose).finish_non_exhaustive()
    }
}

/// Keys in a region, for who asks by the SDK's own interface.
#[derive(Debug)]
struct InRegion {
    keys: Arc<Keys>,
    region: String,
}

/// The same keys, to be asked by the SDK's interface.
pub(super) fn provider(keys: Arc<Keys>, region: &str) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(InRegion { keys, region: region.to_owned() })
}

impl ProvideCredentials for InRegion {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        Providing::new(async { self.keys.now(&self.region).await.map_err(CredentialsError::not_loaded) })
    }
}

/// Whether a source can be signed into an assumption.
pub(super) fn judge_source(text: &str) -> Result<(), SourceArnFault> {
    source_headers(text).map(drop)
}

fn source_headers(text: &str) -> Result<SourceHeaders, SourceArnFault> {
    let arn = ArnSections::split(text).map_err(SourceArnFault::Arn)?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_invalid| SourceArnFault::Bytes);
    Ok(SourceHeaders { account: value(arn.account)?, arn: value(text)? })
}
