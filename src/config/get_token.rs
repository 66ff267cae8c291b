//! Flags, environment, config file and defaults → `get_token::Settings`, in this order of precedence.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::client_keys::ClientKeys;
use super::env::{AwsEnv, Env};
use super::flags::{GetToken, Global, Keys, SessionNameFrom, TokenOutput};
use crate::diagnostic::Diagnostic;
use crate::get_token::{
    Asking, CredentialCacheSettings, FingerprintInputs, KeySettings, Role, SessionName, Settings, Shape,
    TokenCacheSettings, is_interactive,
};
use crate::token::{ClusterId, ClusterIdError};

/// What to do, and how to print it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For `get_token::get_token`.
    pub settings: Settings,
    /// For `get_token::render`.
    pub shape: Shape,
}

/// Why there is nothing to do.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No cluster id anywhere.
    #[error("cluster ID not specified; give --cluster-id (or --cluster-name)")]
    NoClusterId,
    /// Both ways to name the session.
    #[error("--forward-session-name and --session-name are mutually exclusive; give one of them")]
    TwoSessionNames,
    /// A cluster id that cannot be signed.
    #[error(transparent)]
    ClusterId(#[from] ClusterIdError),
    /// A session name that AWS refuses.
    #[error("session name `{0}` is not 2 to 64 letters, digits or `_+=,.@-`")]
    SessionName(String),
    /// The config file is of no use.
    #[error("the config file cannot be used")]
    File(Vec<Diagnostic>),
}

impl PlanError {
    /// Whether the command line is at fault, so that its usage should be shown.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::NoClusterId | Self::TwoSessionNames => true,
            Self::ClusterId(_) | Self::SessionName(_) | Self::File(_) => false,
        }
    }
}

/// What was meant.
///
/// # Errors
/// [`PlanError`].
pub fn plan(global: &Global, flags: &GetToken, env: &Env) -> Result<Plan, PlanError> {
    let file = client_keys(global)?;
    let cluster_id = cluster_id(global, env, &file).ok_or(PlanError::NoClusterId)?;
    let directory = cache_directory(flags.token_cache.cache_dir.as_ref(), env);
    let no_cache = flags.token_cache.no_cache.unwrap_or_else(|| keeps_nothing(env));
    Ok(Plan {
        settings: Settings {
            cluster_id: ClusterId::parse(&cluster_id)?,
            keys: keys_with(&flags.keys, directory.clone(), &cluster_id, env, &file)?,
            token_cache: directory.filter(|_| !no_cache).map(|directory| TokenCacheSettings {
                directory,
                reads: !flags.token_cache.force_refresh.unwrap_or_default(),
                is_exec: env.exec_info.is_some(),
            }),
        },
        shape: shape(flags, file.token_only, env.exec_info.is_some()),
    })
}

/// Whose keys, for the commands that make no token of their own.
///
/// # Errors
/// [`PlanError`].
pub fn keys(global: &Global, flags: &Keys, env: &Env) -> Result<KeySettings, PlanError> {
    let file = client_keys(global)?;
    let cluster_id = cluster_id(global, env, &file).unwrap_or_default();
    keys_with(flags, cache_directory(None, env), &cluster_id, env, &file)
}

/// Where tokens and kept keys are: `--cache-dir`, `IAM_BRIDGE_CACHE_DIR`, kubectl's own variable, the home directory.
#[must_use]
pub fn cache_directory(flag: Option<&PathBuf>, env: &Env) -> Option<PathBuf> {
    let ours = flag.or(env.cache_dir.as_ref()).cloned();
    let kubectls = || env.kube_cache_dir.as_ref().map(|directory| directory.join("iam-bridge"));
    let at_home = || env.home.as_ref().map(|home| home.join(".kube").join("cache").join("iam-bridge"));
    ours.or_else(kubectls).or_else(at_home)
}

fn client_keys(global: &Global) -> Result<ClientKeys, PlanError> {
    match &global.config {
        Some(path) => ClientKeys::load(path).map_err(PlanError::File),
        None => Ok(ClientKeys::default()),
    }
}

/// The first that is set. An empty flag was typed all the same, so it stops the search, and then counts as nothing.
fn first(flag: &Option<String>, environment: &Option<String>, file: &Option<String>) -> Option<String> {
    flag.as_ref().or(environment.as_ref()).or(file.as_ref()).filter(|text| !text.is_empty()).cloned()
}

fn cluster_id(global: &Global, env: &Env, file: &ClientKeys) -> Option<String> {
    first(&global.cluster_id, &env.cluster_id, &file.cluster_id)
}

fn keys_with(
    flags: &Keys,
    kept_keys: Option<PathBuf>,
    cluster_id: &str,
    env: &Env,
    file: &ClientKeys,
) -> Result<KeySettings, PlanError> {
    let session_name = session_name(flags, file)?;
    let external_id = first(&flags.external_id, &None, &file.external_id);
    let mfa_serial = first(&flags.mfa_serial, &None, &None);
    let role = first(&flags.role, &env.role, &file.role).map(|arn| Role { arn, external_id, mfa_serial, session_name });
    let aws = &env.aws;
    let profile = first(&flags.profile, &None, &None);
    let caches = flags.cache.or(file.cache).unwrap_or_default();
    let credential_cache = reference_cache_file(env).filter(|_| caches).map(|file| CredentialCacheSettings {
        file,
        cluster_id: cluster_id.to_owned(),
        profile: profile.clone().or_else(|| aws.profile.clone()).unwrap_or_else(|| "default".to_owned()),
        role: role.as_ref().map(|role| role.arn.clone()).unwrap_or_default(),
    });
    Ok(KeySettings {
        cluster_id: cluster_id.to_owned(),
        region: first(&flags.region, &None, &file.region).or_else(|| aws.region.clone()),
        profile,
        environment_profile: aws.profile.clone(),
        environment_keys: environment_keys(aws),
        role,
        fips: aws.use_fips.as_deref().and_then(truth),
        dual_stack: aws.use_dual_stack.as_deref().and_then(truth),
        endpoint_url: aws.endpoint_url_sts.clone().or_else(|| aws.endpoint_url.clone()),
        ignore_endpoint_urls: aws.ignore_endpoint_urls.as_deref().and_then(truth),
        ca_bundle: aws.ca_bundle.as_ref().or(aws.ssl_cert_file.as_ref()).map(PathBuf::from),
        home: env.home.clone(),
        login_cache_directory: aws.login_cache_directory.clone(),
        asking: asking(env),
        credential_cache,
        // The variable says that nothing is to be kept; --no-cache speaks of tokens alone.
        kept_keys: kept_keys.filter(|_| flags.cache_credentials.unwrap_or_default() && !keeps_nothing(env)),
        fingerprint: FingerprintInputs {
            variables: aws.key_variables.clone(),
            config_file: aws_file(aws.config_file.as_ref(), env, "config"),
            credentials_file: aws_file(aws.credentials_file.as_ref(), env, "credentials"),
        },
    })
}

fn session_name(flags: &Keys, file: &ClientKeys) -> Result<SessionName, PlanError> {
    let given = first(&flags.session_name, &None, &file.session_name);
    let forwards = flags.forward_session_name.or(file.forward_session_name).unwrap_or_default();
    match (forwards, given) {
        (true, Some(_)) => Err(PlanError::TwoSessionNames),
        (true, None) => Ok(SessionName::Forwarded),
        (false, Some(name)) if is_session_name(&name) => Ok(SessionName::Given(name)),
        (false, Some(name)) => Err(PlanError::SessionName(name)),
        (false, None) => Ok(match flags.session_name_from.unwrap_or_default() {
            SessionNameFrom::Caller => SessionName::OfCaller,
            SessionNameFrom::Random => SessionName::Random,
        }),
    }
}

fn reference_cache_file(env: &Env) -> Option<PathBuf> {
    let at_home =
        |home: &PathBuf| home.join(".kube").join("cache").join("aws-iam-authenticator").join("credentials.yaml");
    env.reference_cache_file.clone().or_else(|| env.home.as_ref().map(at_home))
}

fn aws_file(named: Option<&PathBuf>, env: &Env, name: &str) -> Option<PathBuf> {
    named.cloned().or_else(|| env.home.as_ref().map(|home| home.join(".aws").join(name)))
}

/// A client that says nothing about it may be any program: only a plain no is a no.
fn asking(env: &Env) -> Asking {
    match env.exec_info.as_deref().and_then(is_interactive) {
        Some(false) => Asking::Refused,
        Some(true) | None => Asking::Allowed,
    }
}

/// `IAM_BRIDGE_NO_CACHE`
fn keeps_nothing(env: &Env) -> bool {
    env.no_cache.as_deref().is_some_and(is_on)
}

/// A switch in the environment: anything but a spelled-out no.
fn is_on(text: &str) -> bool {
    !["0", "f", "false", "n", "no", "off"].contains(&text.to_ascii_lowercase().as_str())
}

/// client-go reads JSON only, so YAML is for people.
fn shape(flags: &GetToken, file_token_only: Option<bool>, is_exec: bool) -> Shape {
    let bare = match (flags.token_only, flags.output) {
        (Some(bare), _) => bare,
        (None, Some(output)) => output == TokenOutput::Token,
        (None, None) => file_token_only.unwrap_or_default(),
    };
    match flags.output {
        _ if bare => Shape::Token,
        Some(TokenOutput::Yaml) if !is_exec => Shape::Yaml,
        Some(TokenOutput::Json | TokenOutput::Token | TokenOutput::Yaml) | None => Shape::Json,
    }
}

pub(super) fn environment_keys(aws: &AwsEnv) -> Option<Credentials> {
    let id = aws.access_key_id.as_deref().map(str::trim).filter(|id| !id.is_empty())?;
    let secret = aws.secret_access_key.as_ref()?.expose_secret().trim();
    if secret.is_empty() {
        return None;
    }
    let session_token = aws.session_token.as_ref().map(|token| token.expose_secret().trim().to_owned());
    let end = aws.credential_expiration.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    let mut builder = Credentials::builder().access_key_id(id).secret_access_key(secret).provider_name("Environment");
    builder.set_session_token(session_token.filter(|token| !token.is_empty()));
    builder.set_expiry(end.map(Into::into));
    Some(builder.build())
}

fn is_session_name(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

pub(super) fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
