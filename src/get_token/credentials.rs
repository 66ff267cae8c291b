//! Keys: the environment's, else those of the SDK's providers, then those of a role.

use std::time::Duration;

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::caller::{Sts, retries, timeouts};
use super::origin::Origin;
use super::presign::seconds_since_epoch;
use super::words::{Refusal, spoken};
use super::{EndpointForm, GetTokenError, KeySource, Role, RoleRefused, SessionName, StsEndpoint};
use crate::aws::SdkHttp;
use crate::clock::{Clock, UnixSeconds};
use crate::iam::forward_session_name;

/// How long STS may take to say who we are.
const CALLER_LIMIT: Duration = Duration::from_secs(5);

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
#[derive(Clone, Debug)]
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
            (CredentialsError::CredentialsNotLoaded(_), None) => GetTokenError::NoCredentials {
                tried: vec![spoken(error)],
                profiles: Vec::new(),
                is_metadata_silent: false,
            },
            (_, profile) => {
                GetTokenError::Profile { profile: profile.unwrap_or("default").to_owned(), why: spoken(error) }
            }
        }
    }
}

/// The keys of `role`, lent to the owner of `base`.
pub(super) async fn assume(
    base: Base,
    role: &Role,
    endpoint: &StsEndpoint,
    http: SdkHttp,
    clock: &Clock,
) -> Result<Credentials, GetTokenError> {
    let sts = Sts::new(base.credentials, endpoint, http, clock);
    let session_name = match &role.session_name {
        SessionName::Given(name) => name.clone(),
        SessionName::Forwarded => match forwarded(&sts, base.source).await? {
            Some(name) => name,
            None => made_up(clock),
        },
        SessionName::OfCaller | SessionName::Random => made_up(clock),
    };
    let refused = |refusal| {
        GetTokenError::AssumeRole(Box::new(RoleRefused {
            role: role.arn.clone(),
            caller: None,
            origin: Origin::of(base.source),
            mfa_serial: None,
            has_external_id: role.external_id.is_some(),
            refusal,
        }))
    };
    let answer = sts
        .client
        .assume_role()
        .role_arn(&role.arn)
        .role_session_name(session_name)
        .set_external_id(role.external_id.clone())
        .duration_seconds(ROLE_LIFE)
        .send()
        .await
        .map_err(|error| refused(sts.refusal(&error)))?;
    let keys = answer.credentials.ok_or_else(|| refused(Refusal::silence(endpoint.origin(), "STS sent no keys")))?;
    let mut builder = Credentials::builder()
        .access_key_id(keys.access_key_id)
        .secret_access_key(keys.secret_access_key)
        .session_token(keys.session_token)
        .provider_name("AssumeRole");
    builder.set_expiry(keys.expiration.try_into().ok());
    Ok(builder.build())
}

/// Session name of the caller; `None` when it is no session.
async fn forwarded(sts: &Sts, source: KeySource) -> Result<Option<String>, GetTokenError> {
    let caller = sts.caller(CALLER_LIMIT).await.map_err(|refusal| GetTokenError::CallerIdentity {
        origin: Box::new(Origin::of(source)),
        refusal: Box::new(refusal),
    })?;
    Ok(forward_session_name(&caller.user_id).filter(|name| !name.is_empty()).map(str::to_owned))
}

fn made_up(clock: &Clock) -> String {
    format!("iam-bridge-{}", clock.now().0)
}
