//! A token for one cluster, out of whatever AWS credentials this machine has.
//!
//! ```text
//! Settings ─credentials─▶ keys ─assume─▶ the role's keys ─sign─▶ presigned URL ─token::encode─▶ SignedToken ─render─▶ stdout
//! ```
//!
//! Keys in the environment or in a profile are signed with at once: no runtime, thread, socket, trust root or file but the AWS config.
//! Everything else goes through aws-config on a current-thread runtime.

mod credentials;
mod endpoint;
mod exec_credential;
mod http;
mod presign;
mod profile;
mod words;

use std::path::PathBuf;

use aws_credential_types::Credentials;

pub use endpoint::{EndpointError, EndpointForm, StsEndpoint};
pub use exec_credential::{ApiVersion, RenderError, Shape, render};
pub use presign::{PresignError, SignedToken, presign, sign};
pub use profile::ProfileError;

use crate::clock::Clock;
use crate::token::ClusterId;
use credentials::{Base, Providers};
use http::LazyHttp;
use profile::Profiles;
use words::cure;

/// Region of last resort, as in the reference.
const DEFAULT_REGION: &str = "us-east-1";

/// All that `get-token` needs, already judged. Made by `config::get_token`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster the token is for.
    pub cluster_id: ClusterId,
    /// `--region`, else the config file's, else `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// `--profile`: that profile alone, whatever the environment holds.
    pub profile: Option<String>,
    /// `AWS_PROFILE` is set: the profile must exist if it comes to profiles.
    pub profile_in_environment: bool,
    /// The environment's keys.
    pub environment_keys: Option<Credentials>,
    /// The role to assume with them.
    pub role: Option<Role>,
    /// `AWS_USE_FIPS_ENDPOINT`; `None` leaves it to the profile.
    pub fips: Option<bool>,
    /// `AWS_USE_DUALSTACK_ENDPOINT`; `None` leaves it to the profile.
    pub dual_stack: Option<bool>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`; `None` leaves it to the profile.
    pub endpoint_url: Option<String>,
    /// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`; `None` leaves it to the profile.
    pub ignore_endpoint_urls: Option<bool>,
    /// `AWS_CA_BUNDLE`, else `SSL_CERT_FILE`; `None` leaves it to the profile, then to the system.
    pub ca_bundle: Option<PathBuf>,
}

/// A role to assume, for 15 minutes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy may ask for.
    pub external_id: Option<String>,
    /// Name of the session.
    pub session_name: SessionName,
}

/// Where a role's session gets its name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum SessionName {
    /// The caller's own session name, asked of STS; made up when the caller is no session.
    Forwarded,
    /// `--session-name`.
    Given(String),
    /// Ours.
    #[default]
    MadeUp,
}

/// Why there is no token. Every message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum GetTokenError {
    /// No provider has any.
    #[error(
        "no AWS credentials were found in environment, profile, web identity, container or instance metadata; \
         set AWS_PROFILE, run `aws sso login` or `aws configure`, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials,
    /// A provider of the chain failed.
    #[error("AWS credentials cannot be loaded: {0}; if a login has ended, run `aws sso login` or `aws login`")]
    Credentials(String),
    /// Nothing but the metadata service was left to ask, and it failed.
    #[error(
        "no AWS credentials were found, and the instance metadata service gives none: {0}; log in or set AWS_PROFILE, \
         or on EC2 check the instance profile (AWS_EC2_METADATA_DISABLED=true stops asking)"
    )]
    Metadata(String),
    /// The profile asked for gives none.
    #[error(
        "profile `{profile}` gives no credentials: {why}; if its login has ended, run `aws sso login --profile {profile}`"
    )]
    Profile {
        /// `--profile`.
        profile: String,
        /// The provider's words.
        why: String,
    },
    /// The AWS config files are of no use.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// STS gave no keys for the role.
    #[error("role `{role}` cannot be assumed ({code}): {why}; {}", cure(.code))]
    AssumeRole {
        /// `--role`.
        role: String,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        why: String,
    },
    /// `--forward-session-name`, and STS does not say who we are.
    #[error("the session name to forward is not known, GetCallerIdentity failed ({code}): {why}; {}", cure(.code))]
    CallerIdentity {
        /// AWS's error code.
        code: String,
        /// AWS's words.
        why: String,
    },
    /// No such STS host.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nothing could be signed.
    #[error(transparent)]
    Presign(#[from] PresignError),
    /// The system gives no event loop.
    #[error("the system gives no event loop: {0}; raise the limit of open files")]
    Runtime(std::io::Error),
}

/// A token, and what the person should know about it.
#[derive(Debug)]
pub struct Outcome {
    /// The token.
    pub signed: SignedToken,
    /// For standard error.
    pub notes: Vec<String>,
}

/// Finds keys, assumes the role, signs. Blocks until AWS has answered, if it must be asked.
///
/// # Errors
/// [`GetTokenError`].
pub fn get_token(settings: &Settings, clock: &Clock) -> Result<Outcome, GetTokenError> {
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
    let ready = match (&settings.role, &settings.environment_keys, &settings.profile) {
        (Some(_), ..) => None,
        (None, Some(keys), None) => Some(keys.clone()),
        (None, ..) => profiles.static_keys(),
    };
    let (credentials, endpoint) = match ready {
        Some(keys) => (keys, place.endpoint(None)?),
        None => {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(GetTokenError::Runtime)?;
            let keys = runtime.block_on(Box::pin(ask(settings, &profiles, &place, clock)));
            // A resolver thread or an idle connection must not hold back an answer that is there.
            runtime.shutdown_background();
            keys?
        }
    };
    if place.region.is_none() && endpoint.signing_region() == DEFAULT_REGION && !endpoint.is_configured() {
        notes.push(format!("no region is set, signing for {DEFAULT_REGION}; give --region or set AWS_REGION"));
    }
    if endpoint.is_configured() {
        notes.push(format!(
            "the token is signed for `{}`, which a setting names; servers accept STS's own hosts only",
            endpoint.origin()
        ));
    }
    let signed = sign(&credentials, &endpoint, &settings.cluster_id, clock.now())?;
    Ok(Outcome { signed, notes })
}

/// Keys that need the SDK, and the endpoint that follows from them.
async fn ask(
    settings: &Settings,
    profiles: &Profiles,
    place: &Place,
    clock: &Clock,
) -> Result<(Credentials, StsEndpoint), GetTokenError> {
    let bundle = settings.ca_bundle.clone().or_else(|| profiles.get("ca_bundle").map(PathBuf::from));
    let http = LazyHttp::new(bundle);
    let providers = Providers {
        profile: settings.profile.as_deref(),
        region: place.region.as_deref().unwrap_or(DEFAULT_REGION),
        form: place.form,
        http: http.clone(),
    };
    let base = match &settings.environment_keys {
        Some(keys) if settings.profile.is_none() => Base { credentials: keys.clone(), from_imds: false },
        _ => {
            profiles.check_usable(settings.profile.is_some() || settings.profile_in_environment)?;
            providers.load(clock).await?
        }
    };
    let imds_region = if place.region.is_none() && base.from_imds { providers.imds_region().await } else { None };
    let endpoint = place.endpoint(imds_region.as_deref())?;
    let credentials = match &settings.role {
        Some(role) => credentials::assume(base.credentials, role, &endpoint, http, clock).await?,
        None => base.credentials,
    };
    Ok((credentials, endpoint))
}

/// Region and endpoint, as flags, environment and profile have them.
#[derive(Debug)]
struct Place {
    region: Option<String>,
    form: EndpointForm,
    url: Option<String>,
}

impl Place {
    fn of(settings: &Settings, profiles: &Profiles) -> Self {
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
