//! Flags, environment, config file and defaults → `get_token::Settings`, in this order of precedence.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::client_keys::ClientKeys;
use super::env::{AwsEnv, Env};
use super::flags::{GetToken, Global, TokenOutput};
use crate::diagnostic::Diagnostic;
use crate::get_token::{Role, SessionName, Settings, Shape};
use crate::token::{ClusterId, ClusterIdError};

/// What to do, and how to print it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For `get_token::get_token`.
    pub settings: Settings,
    /// For `get_token::render`.
    pub shape: Shape,
    /// `--cache`.
    pub cache: bool,
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
    let file = match &global.config {
        Some(path) => ClientKeys::load(path).map_err(PlanError::File)?,
        None => ClientKeys::default(),
    };
    // An empty flag was typed all the same, so it stops the search, and then counts as nothing.
    let first = |flag: &Option<String>, environment: &Option<String>, file: &Option<String>| {
        flag.as_ref().or(environment.as_ref()).or(file.as_ref()).filter(|text| !text.is_empty()).cloned()
    };

    let cluster_id = first(&global.cluster_id, &env.cluster_id, &file.cluster_id).ok_or(PlanError::NoClusterId)?;
    let session_name = first(&flags.session_name, &None, &file.session_name);
    let forwards = flags.forward_session_name.or(file.forward_session_name).unwrap_or_default();
    let session_name = match (forwards, session_name) {
        (true, Some(_)) => return Err(PlanError::TwoSessionNames),
        (true, None) => SessionName::Forwarded,
        (false, Some(name)) if is_session_name(&name) => SessionName::Given(name),
        (false, Some(name)) => return Err(PlanError::SessionName(name)),
        (false, None) => SessionName::MadeUp,
    };
    let external_id = first(&flags.external_id, &None, &file.external_id);
    let role = first(&flags.role, &env.role, &file.role).map(|arn| Role { arn, external_id, session_name });

    let aws = &env.aws;
    Ok(Plan {
        settings: Settings {
            cluster_id: ClusterId::parse(&cluster_id)?,
            region: first(&flags.region, &None, &file.region).or_else(|| aws.region.clone()),
            profile: first(&flags.profile, &None, &None),
            profile_in_environment: aws.profile.is_some(),
            environment_keys: environment_keys(aws),
            role,
            fips: aws.use_fips.as_deref().and_then(truth),
            dual_stack: aws.use_dual_stack.as_deref().and_then(truth),
            endpoint_url: aws.endpoint_url_sts.clone().or_else(|| aws.endpoint_url.clone()),
            ignore_endpoint_urls: aws.ignore_endpoint_urls.as_deref().and_then(truth),
            ca_bundle: aws.ca_bundle.as_ref().or(aws.ssl_cert_file.as_ref()).map(PathBuf::from),
        },
        shape: shape(flags, file.token_only, env.exec_info.is_some()),
        cache: flags.cache.or(file.cache).unwrap_or_default(),
    })
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

fn environment_keys(aws: &AwsEnv) -> Option<Credentials> {
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

fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
