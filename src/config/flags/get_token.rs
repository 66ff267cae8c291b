//! Flags of what signs with a person's AWS credentials: `get-token`, `token`, `cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{DataFormat, switch};

/// Flags of `get-token` and `token`.
#[derive(Args, Clone, Debug, Default)]
pub struct GetToken {
    /// Whose keys sign.
    #[command(flatten)]
    pub keys: Keys,

    /// Whether and where tokens are kept.
    #[command(flatten)]
    pub token_cache: TokenCache,

    /// Print the bare token
    #[arg(long, help_heading = "Output", value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub token_only: Option<bool>,

    /// How to print it: json, yaml or token; the AWS CLI's text and table give json [default: json]
    #[arg(
        long,
        help_heading = "Output",
        value_name = "FORMAT",
        value_enum,
        ignore_case = true,
        hide_possible_values = true
    )]
    pub output: Option<TokenOutput>,
}

/// Flags that say whose keys are used: those of every command that signs as a person.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Whose keys")]
pub struct Keys {
    /// AWS region whose STS is used; the cluster's own is best
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,

    /// Profile of the AWS config files; wins over keys in the environment
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// Role to assume first
    #[arg(short, long, value_name = "ARN", visible_alias = "role-arn")]
    pub role: Option<String>,

    /// External id for the role's trust policy
    #[arg(short, long, value_name = "ID")]
    pub external_id: Option<String>,

    /// MFA device to be asked for a code when the role is assumed
    #[arg(long, value_name = "ARN")]
    pub mfa_serial: Option<String>,

    /// Session name for the role
    #[arg(short, long, value_name = "NAME")]
    pub session_name: Option<String>,

    /// Without a session name: take the caller's own name, or make one up [default: caller]
    #[arg(long, value_name = "caller|random", value_enum, hide_possible_values = true)]
    pub session_name_from: Option<SessionNameFrom>,

    /// Name the role's session as the caller's own session is named, or fail
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub forward_session_name: Option<bool>,

    /// Keep the credentials in aws-iam-authenticator's cache file between runs
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub cache: Option<bool>,

    /// Keep the keys of assumed roles and of SSO roles in the cache directory between runs
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub cache_credentials: Option<bool>,
}

impl Keys {
    /// Each flag that was typed, else that of `planned`.
    #[must_use]
    pub fn over(&self, planned: Self) -> Self {
        let Self {
            region,
            profile,
            role,
            external_id,
            mfa_serial,
            session_name,
            session_name_from,
            forward_session_name,
            cache,
            cache_credentials,
        } = self.clone();
        Self {
            region: region.or(planned.region),
            profile: profile.or(planned.profile),
            role: role.or(planned.role),
            external_id: external_id.or(planned.external_id),
            mfa_serial: mfa_serial.or(planned.mfa_serial),
            session_name: session_name.or(planned.session_name),
            session_name_from: session_name_from.or(planned.session_name_from),
            forward_session_name: forward_session_name.or(planned.forward_session_name),
            cache: cache.or(planned.cache),
            cache_credentials: cache_credentials.or(planned.cache_credentials),
        }
    }
}

/// Where a role's session name comes from when none is given.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum SessionNameFrom {
    /// Who calls, as STS says; made up when STS does not say.
    #[default]
    Caller,
    /// Made up.
    Random,
}

/// Flags of the token cache.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Token cache")]
pub struct TokenCache {
    /// Neither read nor write the token cache; so does `IAM_BRIDGE_NO_CACHE=1`
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_cache: Option<bool>,

    /// Sign a new token, and keep it in place of the cached one
    #[arg(long, visible_alias = "no-cache-read", value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub force_refresh: Option<bool>,

    /// Directory of the caches; also `IAM_BRIDGE_CACHE_DIR` [default: ~/.kube/cache/iam-bridge]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}

/// `get-token --output`.
///
/// The other words of `aws eks get-token` stand in kubeconfigs, where nothing but JSON is understood.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum TokenOutput {
    /// An ExecCredential on one line.
    #[default]
    #[value(aliases = ["text", "table", "yaml-stream"])]
    Json,
    /// The bare token.
    Token,
    /// An ExecCredential as YAML.
    Yaml,
}

/// Flags of `cache`.
#[derive(Args, Clone, Debug)]
pub struct Cache {
    /// What to do with the cache
    #[command(subcommand)]
    pub action: CacheAction,
}

/// What `cache` does.
#[derive(Clone, Debug, Subcommand)]
pub enum CacheAction {
    /// Show what is cached and until when; never a token or a key
    #[command(after_help = "Example:\n  iam-bridge cache list\n  iam-bridge cache list -o json")]
    List(CacheList),
    /// Delete cached tokens and credentials
    #[command(after_help = "Example:\n  iam-bridge cache clear")]
    Clear(CachePlace),
}

/// Flags of `cache list`.
#[derive(Args, Clone, Debug, Default)]
pub struct CacheList {
    /// Where to look.
    #[command(flatten)]
    pub place: CachePlace,

    /// How to print it: table, json or yaml
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: DataFormat,
}

/// Which cache directory.
#[derive(Args, Clone, Debug, Default)]
pub struct CachePlace {
    /// Directory of the caches; also `IAM_BRIDGE_CACHE_DIR` [default: ~/.kube/cache/iam-bridge]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}
