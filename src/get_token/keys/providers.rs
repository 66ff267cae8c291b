//! The SDK's credential providers, one by one and only as needed.
//!
//! The chain is walked here, not in the SDK: so it is known who gave the keys, and why the others gave none.

use std::future::Future;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::Region;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use super::profile::Profiles;
use super::provider_faults::{self as faults, Without};
use super::role_chain::{Chain, First};
use super::sts::{retries, timeouts};
use crate::aws::SdkHttp;
use crate::clock::{Clock, UnixSeconds};
use crate::get_token::error::NoMetadata;
use crate::get_token::presign::seconds_since_epoch;
use crate::get_token::{EndpointForm, GetTokenError, KeySettings, KeySource, Origin};

/// Keys that end sooner than this are asked for once more, seconds.
const TOO_SHORT: i64 = 120;

/// The metadata service answers within milliseconds or not at all: as patient as the AWS CLI.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
const METADATA_ATTEMPTS: u32 = 2;

/// Name of a profile that is written for the SDK alone.
const REWRITTEN: &str = "base";

/// How the SDK's providers are to work.
#[derive(Debug)]
pub(super) struct Providers<'s> {
    pub(super) settings: &'s KeySettings,
    pub(super) profiles: &'s Profiles,
    /// Region for the providers' own calls.
    pub(super) region: &'s str,
    /// FIPS and dual-stack hosts for them.
    pub(super) form: EndpointForm,
    /// The one HTTP client.
    pub(super) http: SdkHttp,
    pub(super) clock: &'s Clock,
}

/// The first keys of a chain.
#[derive(Clone, Debug)]
pub(super) struct Base {
    pub(super) credentials: Credentials,
    pub(super) origin: Origin,
}

impl Providers<'_> {
    /// Walks the default chain: environment, profile, web identity, container, metadata.
    ///
    /// A source that is not set up gives the turn to the next; one that fails ends the walk. `--profile` means that profile
    /// alone.
    pub(super) async fn load(&self, chain: &Chain<'_>) -> Result<Base, GetTokenError> {
        let explicit = self.settings.profile.is_some();
        let mut tried = Vec::new();
        if !explicit {
            if let Some(keys) = &self.settings.environment_keys {
                return Ok(Base { credentials: keys.clone(), origin: Origin::of(KeySource::Environment) });
            }
            tried.push(format!("environment: {}", self.no_environment_keys()));
        }
        match self.first(chain).await? {
            Ok(credentials) => return Ok(Base { credentials, origin: chain.origin() }),
            Err(why) if explicit => return Err(GetTokenError::Profile { profile: chain.base.to_owned(), why }),
            Err(why) => tried.push(format!("profile `{}`: {why}", chain.base)),
        }
        let sources = [KeySource::WebIdentity, KeySource::Container, KeySource::Imds];
        let mut metadata = NoMetadata::default();
        for source in sources {
            match self.of(source).await? {
                Ok(credentials) => return Ok(Base { credentials, origin: Origin::of(source) }),
                Err(without) => {
                    metadata = without.metadata;
                    tried.push(format!("{}: {}", source.label(), without.why));
                }
            }
        }
        Err(GetTokenError::NoCredentials { tried, profiles: self.profiles.known(), metadata })
    }

    fn no_environment_keys(&self) -> &'static str {
        let has_id = self.settings.fingerprint.variables.iter().any(|(name, _)| *name == "AWS_ACCESS_KEY_ID");
        if has_id { "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not" } else { "AWS_ACCESS_KEY_ID is not set" }
    }

    /// The region that the metadata service names.
    pub(super) async fn imds_region(&self) -> Option<String> {
        let region = ImdsRegionProvider::builder().configure(&self.config()).imds_client(self.imds()).build();
        Some(region.region().await?.as_ref().to_owned())
    }

    /// The first keys of the profile; in words why it has none.
    async fn first(&self, chain: &Chain<'_>) -> Result<Result<Credentials, String>, GetTokenError> {
        let source = match &chain.first {
            First::Absent if self.profiles.section(chain.base).is_none() => return Ok(Err("there is none".to_owned())),
            First::Absent => return Ok(Err("it holds none and names no way to them".to_owned())),
            First::Environment => {
                let keys = self.settings.environment_keys.clone();
                return Ok(keys.ok_or_else(|| "credential_source is Environment, and no keys are set there".to_owned()));
            }
            First::Keys(keys) => return Ok(Ok(keys.clone())),
            First::Container => KeySource::Container,
            First::Imds => KeySource::Imds,
            First::CredentialProcess(_) | First::Login(_) | First::Sso(_) | First::WebIdentity { .. } => {
                let keys = self.fresh(|| async { self.of_profile(chain).provide_credentials().await }).await;
                return match keys {
                    Ok(keys) => Ok(Ok(keys)),
                    Err(error) => Err(faults::of_profile(chain, &error, self)),
                };
            }
        };
        Ok(self.of(source).await?.map_err(|without| format!("its credential_source gives none: {}", without.why)))
    }

    /// Keys of a source that is no profile; why it has none.
    async fn of(&self, source: KeySource) -> Result<Result<Credentials, Without>, GetTokenError> {
        let keys = self.fresh(|| async {
            match source {
                KeySource::WebIdentity => {
                    WebIdentityTokenCredentialsProvider::builder()
                        .configure(&self.config())
                        .build()
                        .provide_credentials()
                        .await
                }
                KeySource::Container => {
                    EcsCredentialsProvider::builder().configure(&self.config()).build().provide_credentials().await
                }
                _ => {
                    let provider =
                        ImdsCredentialsProvider::builder().configure(&self.config()).imds_client(self.imds());
                    provider.build().provide_credentials().await
                }
            }
        });
        match keys.await {
            Ok(keys) => Ok(Ok(keys)),
            Err(error) => faults::of_source(source, &error, self).map(Err),
        }
    }

    fn of_profile(&self, chain: &Chain<'_>) -> ProfileFileCredentialsProvider {
        let builder = ProfileFileCredentialsProvider::builder().configure(&self.config());
        if !chain.is_own_source {
            return builder.profile_name(chain.base).build();
        }
        // The SDK would assume the profile's own role. It is shown the profile without it.
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, self.without_role(chain));
        builder.profile_files(files.build()).profile_name(REWRITTEN).build()
    }

    fn without_role(&self, chain: &Chain<'_>) -> String {
        const KEYS: [&str; 9] = [
            "aws_account_id",
            "credential_process",
            "login_session",
            "region",
            "sso_account_id",
            "sso_region",
            "sso_role_name",
            "sso_session",
            "sso_start_url",
        ];
        let mut text = format!("[profile {REWRITTEN}]\n");
        for key in KEYS {
            if let Some(value) = self.profiles.section(chain.base).and_then(|section| section.get(key)) {
                text.push_str(&format!("{key} = {}\n", value.replace('\n', " ")));
            }
        }
        if let First::Sso(sso) = &chain.first {
            text.push_str(&sso.session_section());
        }
        text
    }

    /// Asks, and asks again when the keys are about to end.
    async fn fresh<F: Future<Output = Result<Credentials, CredentialsError>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<Credentials, CredentialsError> {
        let keys = ask().await?;
        if self.ends_soon(&keys)
            && let Ok(newer) = ask().await
        {
            return Ok(newer);
        }
        Ok(keys)
    }

    fn ends_soon(&self, keys: &Credentials) -> bool {
        keys.expiry().is_some_and(|end| UnixSeconds(seconds_since_epoch(end)).since(self.clock.now()) < TOO_SHORT)
    }

    fn imds(&self) -> imds::Client {
        imds::Client::builder()
            .configure(&self.config())
            .connect_timeout(METADATA_TIMEOUT)
            .read_timeout(METADATA_TIMEOUT)
            .max_attempts(METADATA_ATTEMPTS)
            .build()
    }

    fn config(&self) -> ProviderConfig {
        ProviderConfig::without_region()
            .with_region(Some(Region::new(self.region.to_owned())))
            .with_use_fips(Some(self.form.fips))
            .with_use_dual_stack(Some(self.form.dual_stack))
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_retry_config(retries())
            .with_timeout_config(timeouts())
            .with_http_client(self.http.clone())
    }
}
