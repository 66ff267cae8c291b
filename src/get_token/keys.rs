//! Whose keys sign: the page from settings to keys.
//!
//! Keys at hand (environment, static profile) come first and cost nothing. Everything else needs the SDK: a
//! current-thread runtime, and the HTTP client at the first request.

use std::path::PathBuf;

use aws_credential_types::Credentials;

use super::credentials::{self, Base, Providers};
use super::profile::Profiles;
use super::{EndpointError, EndpointForm, GetTokenError, KeySettings, StsEndpoint};
use crate::aws::SdkHttp;
use crate::clock::Clock;

/// Region of last resort, as in the reference.
const DEFAULT_REGION: &str = "us-east-1";

/// Keys to sign with, and where.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Key id, secret, session token, end. Debug shows no secret.
    pub credentials: Credentials,
    /// Where the base of them came from.
    pub source: KeySource,
    /// The STS they sign for.
    pub endpoint: StsEndpoint,
    /// Region, as settings and profile have it.
    pub region: Option<String>,
    /// FIPS and dual-stack hosts are wanted.
    pub form: EndpointForm,
    /// The HTTP client that found them.
    pub http: SdkHttp,
    /// Files of a login (`~/.aws/sso/cache`, `~/.aws/login/cache`) they came by: a log-out or a new login changes these.
    pub login_files: Vec<PathBuf>,
    /// The login is that of an account's root user: nothing made with these keys is kept.
    pub is_root_login: bool,
    /// What the person should know.
    pub notes: Vec<String>,
}

/// Where keys came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeySource {
    /// The reference's cache file, or ours.
    Cache,
    /// ECS or EKS Pod Identity.
    Container,
    /// `credential_process` of a profile.
    CredentialProcess,
    /// `AWS_ACCESS_KEY_ID` and its companions.
    Environment,
    /// The instance metadata service.
    Imds,
    /// `aws login`.
    Login,
    /// Keys that stand in a profile.
    Profile,
    /// IAM Identity Center.
    Sso,
    /// A web identity token file.
    WebIdentity,
}

/// Finds keys. Blocks until AWS has answered, if it must be asked; `before_asking` is called before a person is.
///
/// # Errors
/// [`GetTokenError`].
pub fn load(settings: &KeySettings, before_asking: &dyn Fn(), clock: &Clock) -> Result<Keys, GetTokenError> {
    let _ = before_asking;
    let mut notes = Vec::new();
    let profiles = match (Profiles::load(settings.profile.as_deref()), &settings.environment_keys) {
        (Ok(profiles), _) => profiles,
        (Err(error), Some(_)) if settings.profile.is_none() => {
            notes.push(format!("{error}; going on with the keys of the environment"));
            Profiles::default()
        }
        (Err(error), _) => return Err(error.into()),
    };
    let place = Place::of(settings, &profiles);
    let http = SdkHttp::new(settings.ca_bundle.clone().or_else(|| profiles.get("ca_bundle").map(PathBuf::from)));
    let ready = match (&settings.role, &settings.environment_keys, &settings.profile) {
        (Some(_), ..) => None,
        (None, Some(keys), None) => Some((keys.clone(), KeySource::Environment)),
        (None, ..) => profiles.static_keys().map(|keys| (keys, KeySource::Profile)),
    };
    let (credentials, source, endpoint) = match ready {
        Some((keys, source)) => (keys, source, place.endpoint(None)?),
        None => {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(GetTokenError::Runtime)?;
            let keys = runtime.block_on(Box::pin(ask(settings, &profiles, &place, &http, clock)));
            // A resolver thread or an idle connection must not hold back an answer that is there.
            runtime.shutdown_background();
            keys?
        }
    };
    if place.region.is_none() && endpoint.signing_region() == DEFAULT_REGION && !endpoint.is_configured() {
        notes.push(format!("no region is set, signing for {DEFAULT_REGION}; give --region or set AWS_REGION"));
    }
    let is_root_login = profiles.get("login_session").is_some_and(|session| session.ends_with(":root"));
    Ok(Keys {
        credentials,
        source,
        endpoint,
        region: place.region,
        form: place.form,
        http,
        login_files: Vec::new(),
        is_root_login,
        notes,
    })
}

impl KeySource {
    /// In words, for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cache => "cache file",
            Self::Container => "container",
            Self::CredentialProcess => "credential process",
            Self::Environment => "environment",
            Self::Imds => "instance metadata",
            Self::Login => "aws login",
            Self::Profile => "profile",
            Self::Sso => "IAM Identity Center",
            Self::WebIdentity => "web identity",
        }
    }

    /// Whether other keys may come from there at any time, without a trace on this machine's disk.
    #[must_use]
    pub const fn may_change_unseen(self) -> bool {
        matches!(self, Self::Container | Self::CredentialProcess | Self::Imds)
    }
}

/// Keys that need the SDK, and the endpoint that follows from them.
async fn ask(
    settings: &KeySettings,
    profiles: &Profiles,
    place: &Place,
    http: &SdkHttp,
    clock: &Clock,
) -> Result<(Credentials, KeySource, StsEndpoint), GetTokenError> {
    let providers = Providers {
        profile: settings.profile.as_deref(),
        region: place.region.as_deref().unwrap_or(DEFAULT_REGION),
        form: place.form,
        http: http.clone(),
    };
    let base = match &settings.environment_keys {
        Some(keys) if settings.profile.is_none() => Base { credentials: keys.clone(), source: KeySource::Environment },
        _ => {
            profiles.check_usable(settings.profile.is_some() || settings.environment_profile.is_some())?;
            providers.load(clock).await?
        }
    };
    let imds_region =
        if place.region.is_none() && base.source == KeySource::Imds { providers.imds_region().await } else { None };
    let endpoint = place.endpoint(imds_region.as_deref())?;
    let credentials = match &settings.role {
        Some(role) => credentials::assume(base.clone(), role, &endpoint, http.clone(), clock).await?,
        None => base.credentials,
    };
    Ok((credentials, base.source, endpoint))
}

/// Region and endpoint, as flags, environment and profile have them.
#[derive(Debug)]
struct Place {
    region: Option<String>,
    form: EndpointForm,
    url: Option<String>,
}

impl Place {
    fn of(settings: &KeySettings, profiles: &Profiles) -> Self {
        let says_true = |key: &str| profiles.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let ignored = settings.ignore_endpoint_urls.unwrap_or_else(|| says_true("ignore_configured_endpoint_urls"));
        Self {
            region: settings.region.clone().or_else(|| profiles.get("region").map(str::to_owned)),
            form: EndpointForm {
                fips: settings.fips.unwrap_or_else(|| says_true("use_fips_endpoint")),
                dual_stack: settings.dual_stack.unwrap_or_else(|| says_true("use_dualstack_endpoint")),
            },
            url: (!ignored).then(|| settings.endpoint_url.clone().or_else(|| profiles.sts_endpoint_url())).flatten(),
        }
    }

    fn endpoint(&self, fallback_region: Option<&str>) -> Result<StsEndpoint, EndpointError> {
        let region = self.region.as_deref().or(fallback_region).unwrap_or(DEFAULT_REGION);
        match &self.url {
            Some(url) => StsEndpoint::configured(url, region),
            None => StsEndpoint::of_region(region, self.form),
        }
    }
}
