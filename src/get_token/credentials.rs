//! Keys: the environment's, else those of the SDK's providers, then those of a role.

use std::time::Duration;

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::presign::seconds_since_epoch;
use super::words::{refusal, spoken};
use super::{EndpointForm, GetTokenError, KeySource, Role, SessionName, StsEndpoint};
use crate::aws::SdkHttp;
use crate::clock::{Clock, UnixSeconds};
use crate::iam::forward_session_name;

/// Attempts at one call: a person waits for the answer.
const MAX_ATTEMPTS: u32 = 2;

/// Connecting to AWS, and one attempt at a call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the keys of an assumed role live, seconds: the least AWS gives, and all a token needs.
const ROLE_LIFE: i32 = 900;

/// Keys that end sooner than this are asked for once more, seconds.
const TOO_SHORT: i64 = 120;

/// How the SDK's providers are to work.
#[derive(Debug)]
pub(super) struct Providers<'s> {
    /// `--profile`: its provider alone.
    pub(super) profile: Option<&'s str>,
    /// Region for the providers' own calls.
    pub(super) region: &'s str,
    /// FIPS and dual-stack hosts for them.
    pub(super) form: EndpointForm,
    /// The one HTTP client.
    pub(super) http: SdkHttp,
}

/// Keys, and whether the instance metadata service gave them (then it is asked for the region, too).
#[derive(Debug)]
pub(super) struct Base {
    pub(super) credentials: Credentials,
    pub(super) source: KeySource,
}

impl Providers<'_> {
    /// Asks the providers; keys about to end are asked for again.
    pub(super) async fn load(&self, clock: &Clock) -> Result<Base, GetTokenError> {
        let provider = self.provider().await;
        let mut credentials = provider.provide_credentials().await.map_err(|error| self.failed(&error))?;
        let ends_soon = |keys: &Credentials| {
            keys.expiry().is_some_and(|end| UnixSeconds(seconds_since_epoch(end)).since(clock.now()) < TOO_SHORT)
        };
        if ends_soon(&credentials)
            && let Ok(newer) = self.provider().await.provide_credentials().await
        {
            credentials = newer;
        }
        let from_imds = credentials
            .get_property::<Vec<AwsCredentialFeature>>()
            .is_some_and(|features| features.contains(&AwsCredentialFeature::CredentialsImds));
        let source = if from_imds { KeySource::Imds } else { KeySource::Profile };
        Ok(Base { credentials, source })
    }

    /// The region the metadata service names.
    pub(super) async fn imds_region(&self) -> Option<String> {
        let region = ImdsRegionProvider::builder().configure(&self.provider_config()).build().region().await?;
        Some(region.as_ref().to_owned())
    }

    async fn provider(&self) -> SharedCredentialsProvider {
        if let Some(profile) = self.profile {
            // With a profile asked for by name, keys left over in the environment must not win.
            let builder = ProfileFileCredentialsProvider::builder().configure(&self.provider_config());
            return SharedCredentialsProvider::new(builder.profile_name(profile).build());
        }
        let chain = aws_config::default_provider::credentials::DefaultCredentialsChain::builder()
            .configure(self.provider_config())
            .region(Region::new(self.region.to_owned()));
        SharedCredentialsProvider::new(chain.build().await)
    }

    fn provider_config(&self) -> ProviderConfig {
        ProviderConfig::without_region()
            .with_region(Some(Region::new(self.region.to_owned())))
            .with_use_fips(Some(self.form.fips))
            .with_use_dual_stack(Some(self.form.dual_stack))
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_retry_config(retries())
            .with_timeout_config(timeouts())
            .with_http_client(self.http.clone())
    }

    fn failed(&self, error: &CredentialsError) -> GetTokenError {
        match (error, self.profile) {
            (CredentialsError::CredentialsNotLoaded(_), None) => GetTokenError::NoCredentials,
            (_, Some(profile)) => GetTokenError::Profile { profile: profile.to_owned(), why: spoken(error) },
            (_, None) => match spoken(error) {
                words if words.contains("IMDS") => GetTokenError::Metadata(words),
                words => GetTokenError::Credentials(words),
            },
        }
    }
}

/// The keys of `role`, lent to the owner of `base`.
pub(super) async fn assume(
    base: Credentials,
    role: &Role,
    endpoint: &StsEndpoint,
    http: SdkHttp,
    clock: &Clock,
) -> Result<Credentials, GetTokenError> {
    let sts = client(base, endpoint, http);
    let session_name = match &role.session_name {
        SessionName::Given(name) => name.clone(),
        SessionName::Forwarded => match forwarded(&sts).await? {
            Some(name) => name,
            None => made_up(clock),
        },
        SessionName::OfCaller | SessionName::Random => made_up(clock),
    };
    let answer = sts
        .assume_role()
        .role_arn(&role.arn)
        .role_session_name(session_name)
        .set_external_id(role.external_id.clone())
        .duration_seconds(ROLE_LIFE)
        .send()
        .await
        .map_err(|error| {
            let (code, why) = refusal(&error);
            GetTokenError::AssumeRole { role: role.arn.clone(), code, why }
        })?;
    let keys = answer.credentials.ok_or_else(|| GetTokenError::AssumeRole {
        role: role.arn.clone(),
        code: "bad answer".to_owned(),
        why: "STS sent no keys".to_owned(),
    })?;
    let mut builder = Credentials::builder()
        .access_key_id(keys.access_key_id)
        .secret_access_key(keys.secret_access_key)
        .session_token(keys.session_token)
        .provider_name("AssumeRole");
    builder.set_expiry(keys.expiration.try_into().ok());
    Ok(builder.build())
}

/// Session name of the caller; `None` when it is no session.
async fn forwarded(sts: &aws_sdk_sts::Client) -> Result<Option<String>, GetTokenError> {
    let answer = sts.get_caller_identity().send().await.map_err(|error| {
        let (code, why) = refusal(&error);
        GetTokenError::CallerIdentity { code, why }
    })?;
    Ok(answer.user_id().and_then(forward_session_name).filter(|name| !name.is_empty()).map(str::to_owned))
}

fn made_up(clock: &Clock) -> String {
    format!("iam-bridge-{}", clock.now().0)
}

fn client(base: Credentials, endpoint: &StsEndpoint, http: SdkHttp) -> aws_sdk_sts::Client {
    let mut config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(endpoint.signing_region().to_owned()))
        .endpoint_url(endpoint.origin())
        .credentials_provider(base)
        .retry_config(retries())
        .timeout_config(timeouts())
        .http_client(http);
    config.set_app_name(AppName::new("iam-bridge").ok());
    aws_sdk_sts::Client::from_conf(config.build())
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}
