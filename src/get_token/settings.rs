//! What get-token has to know, already judged. Made by `config::get_token`.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use secrecy::SecretString;

use crate::token::ClusterId;

/// All that a token needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster the token is for.
    pub cluster_id: ClusterId,
    /// Whose keys sign.
    pub keys: KeySettings,
    /// Where tokens are kept between runs; `None` keeps none.
    pub token_cache: Option<TokenCacheSettings>,
}

/// Whose keys, and by which endpoints they are come by.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// The cluster the keys are for, so that messages can name a command to run; empty when there is none.
    pub cluster_id: String,
    /// `--region`, else the config file's, else `AWS_REGION` or `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// `--profile`: that profile alone, whatever the environment holds.
    pub profile: Option<String>,
    /// `AWS_PROFILE`: the profile must exist if it comes to profiles.
    pub environment_profile: Option<String>,
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
    /// `HOME`, or what stands for it: `.aws` and `.kube` are in it.
    pub home: Option<PathBuf>,
    /// `AWS_LOGIN_CACHE_DIRECTORY`; `None`: `.aws/login/cache`.
    pub login_cache_directory: Option<PathBuf>,
    /// Whether a person may be asked for an MFA code.
    pub asking: Asking,
    /// `--cache`: the reference's credential cache.
    pub credential_cache: Option<CredentialCacheSettings>,
    /// `--cache-credentials`: where the keys of roles are kept.
    pub kept_keys: Option<PathBuf>,
    /// What tells one person's keys from another's without asking for them.
    pub fingerprint: FingerprintInputs,
}

/// Whether a person can be asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Asking {
    /// By the terminal, else by standard input.
    #[default]
    Allowed,
    /// client-go said `interactive: false`: nobody is there, or standard input is taken.
    Refused,
}

/// A role to assume.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy may ask for.
    pub external_id: Option<String>,
    /// The MFA device its trust policy may ask for.
    pub mfa_serial: Option<String>,
    /// Name of the session.
    pub session_name: SessionName,
}

/// Where a role's session gets its name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum SessionName {
    /// `--forward-session-name`: the caller's own session name, asked of STS, which must answer; made up when the
    /// caller is no session.
    Forwarded,
    /// `--session-name`.
    Given(String),
    /// The caller's name, asked of STS; made up when it does not say.
    #[default]
    OfCaller,
    /// Made up.
    Random,
}

/// The reference's credential cache file: `--cache`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CredentialCacheSettings {
    /// `AWS_IAM_AUTHENTICATOR_CACHE_FILE`, else `~/.kube/cache/aws-iam-authenticator/credentials.yaml`.
    pub file: PathBuf,
    /// First level of its keys.
    pub cluster_id: String,
    /// Second level: `--profile`, else `AWS_PROFILE`, else `default`.
    pub profile: String,
    /// Third level: the role, or nothing.
    pub role: String,
}

/// The token cache.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenCacheSettings {
    /// `--cache-dir`, `IAM_BRIDGE_CACHE_DIR`, `$KUBECACHEDIR/iam-bridge`, else `~/.kube/cache/iam-bridge`.
    pub directory: PathBuf,
    /// Whether a cached token may be used: not with `--force-refresh`.
    pub reads: bool,
    /// Whether client-go calls (`KUBERNETES_EXEC_INFO` is set): it asks the same process twice only after a 401.
    pub is_exec: bool,
}

/// What the keys depend on, as far as it can be seen without a network, a process or a parser.
#[derive(Clone, Debug, Default)]
pub struct FingerprintInputs {
    /// The variables that decide, with their values.
    pub variables: Vec<(&'static str, SecretString)>,
    /// The AWS config file: its place, size and times count.
    pub config_file: Option<PathBuf>,
    /// The shared credentials file.
    pub credentials_file: Option<PathBuf>,
}
