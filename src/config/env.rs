//! The environment, read in one place and once.
//!
//! A variable set to the empty string counts as unset, as in the reference. Variables that only a library reads (proxies,
//! `SSL_CERT_FILE`, the AWS SDK's own) are not repeated here unless a room of ours needs them.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::aws::ImdsSettings;

/// What the environment said when the process began.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// `KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID`
    pub cluster_id: Option<String>,
    /// `DEFAULT_ROLE`
    pub role: Option<String>,
    /// `AWS_IAM_AUTHENTICATOR_LOG_VERBOSITY`
    pub log_verbosity: Option<String>,
    /// `KUBERNETES_EXEC_INFO`
    pub exec_info: Option<String>,
    /// `HOME`; on Windows the directory that kubectl takes for it
    pub home: Option<PathBuf>,
    /// `PATH`
    pub path: Option<String>,
    /// `KUBECONFIG`
    pub kubeconfig: Option<String>,
    /// `KUBERC`
    pub kuberc: Option<String>,
    /// `KUBECACHEDIR`
    pub kube_cache_dir: Option<PathBuf>,
    /// `IAM_BRIDGE_CACHE_DIR`
    pub cache_dir: Option<PathBuf>,
    /// `IAM_BRIDGE_NO_CACHE`
    pub no_cache: Option<String>,
    /// `AWS_IAM_AUTHENTICATOR_CACHE_FILE`
    pub reference_cache_file: Option<PathBuf>,
    /// The AWS SDK's variables, as far as we decide by them.
    pub aws: AwsEnv,
}

/// `AWS_*`.
#[derive(Clone, Debug, Default)]
pub struct AwsEnv {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`, or the older `SECRET_ACCESS_KEY`
    pub secret_access_key: Option<SecretString>,
    /// `AWS_SESSION_TOKEN`
    pub session_token: Option<SecretString>,
    /// `AWS_CREDENTIAL_EXPIRATION`, RFC 3339
    pub credential_expiration: Option<String>,
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`
    pub region: Option<String>,
    /// `AWS_PROFILE`
    pub profile: Option<String>,
    /// `AWS_CA_BUNDLE`
    pub ca_bundle: Option<String>,
    /// `SSL_CERT_FILE`
    pub ssl_cert_file: Option<String>,
    /// `AWS_USE_FIPS_ENDPOINT`
    pub use_fips: Option<String>,
    /// `AWS_USE_DUALSTACK_ENDPOINT`
    pub use_dual_stack: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`
    pub endpoint_url_sts: Option<String>,
    /// `AWS_ENDPOINT_URL`
    pub endpoint_url: Option<String>,
    /// `AWS_ENDPOINT_URL_EKS`
    pub endpoint_url_eks: Option<String>,
    /// `AWS_ENDPOINT_URL_EC2`
    pub endpoint_url_ec2: Option<String>,
    /// `AWS_ENDPOINT_URL_IAM`
    pub endpoint_url_iam: Option<String>,
    /// `AWS_CONFIG_FILE`
    pub config_file: Option<PathBuf>,
    /// `AWS_SHARED_CREDENTIALS_FILE`
    pub credentials_file: Option<PathBuf>,
    /// `AWS_LOGIN_CACHE_DIRECTORY`
    pub login_cache_directory: Option<PathBuf>,
    /// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`
    pub ignore_endpoint_urls: Option<String>,
    /// Every variable of [`KEY_VARIABLES`] that is set, with its value.
    pub key_variables: Vec<(&'static str, SecretString)>,
    /// `AWS_EC2_METADATA_DISABLED` and `AWS_EC2_METADATA_SERVICE_ENDPOINT`
    pub metadata: ImdsSettings,
}

/// Variables that decide which keys are found and what they sign for: the token cache keeps tokens apart by them.
pub const KEY_VARIABLES: [&str; 26] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
];

impl Env {
    /// Reads the process's environment.
    #[must_use]
    pub fn load() -> Self {
        Self::from_lookup(variable)
    }

    /// From any look-up: tests need no process of their own.
    pub fn from_lookup(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let one = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let secret = |name: &str| one(name).map(SecretString::from);
        let path = |name: &str| one(name).map(PathBuf::from);
        Self {
            cluster_id: one("KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID"),
            role: one("DEFAULT_ROLE"),
            log_verbosity: one("AWS_IAM_AUTHENTICATOR_LOG_VERBOSITY"),
            exec_info: one("KUBERNETES_EXEC_INFO"),
            home: home(&one),
            path: one("PATH"),
            kubeconfig: one("KUBECONFIG"),
            kuberc: one("KUBERC"),
            kube_cache_dir: path("KUBECACHEDIR"),
            cache_dir: path("IAM_BRIDGE_CACHE_DIR"),
            no_cache: one("IAM_BRIDGE_NO_CACHE"),
            reference_cache_file: path("AWS_IAM_AUTHENTICATOR_CACHE_FILE"),
            aws: AwsEnv {
                access_key_id: one("AWS_ACCESS_KEY_ID"),
                secret_access_key: secret("AWS_SECRET_ACCESS_KEY").or_else(|| secret("SECRET_ACCESS_KEY")),
                session_token: secret("AWS_SESSION_TOKEN"),
                credential_expiration: one("AWS_CREDENTIAL_EXPIRATION"),
                region: one("AWS_REGION").or_else(|| one("AWS_DEFAULT_REGION")),
                profile: one("AWS_PROFILE"),
                ca_bundle: one("AWS_CA_BUNDLE"),
                ssl_cert_file: one("SSL_CERT_FILE"),
                use_fips: one("AWS_USE_FIPS_ENDPOINT"),
                use_dual_stack: one("AWS_USE_DUALSTACK_ENDPOINT"),
                endpoint_url_sts: one("AWS_ENDPOINT_URL_STS"),
                endpoint_url: one("AWS_ENDPOINT_URL"),
                endpoint_url_eks: one("AWS_ENDPOINT_URL_EKS"),
                endpoint_url_ec2: one("AWS_ENDPOINT_URL_EC2"),
                endpoint_url_iam: one("AWS_ENDPOINT_URL_IAM"),
                config_file: path("AWS_CONFIG_FILE"),
                credentials_file: path("AWS_SHARED_CREDENTIALS_FILE"),
                login_cache_directory: path("AWS_LOGIN_CACHE_DIRECTORY"),
                key_variables: KEY_VARIABLES.iter().filter_map(|name| Some((*name, secret(name)?))).collect(),
                ignore_endpoint_urls: one("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
                metadata: ImdsSettings {
                    disabled: one("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")),
                    endpoint: one("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
                },
            },
        }
    }
}

/// Whether a variable has this value now.
#[must_use]
pub fn holds(name: &str, value: &str) -> bool {
    variable(name).as_deref() == Some(value)
}

/// Names of the variables that are set and begin so.
#[must_use]
pub fn names_beginning(prefix: &str) -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Where kubectl looks for `.kube`; on Windows in client-go's order, which is another one for a home without a kubeconfig.
fn home(one: &impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if !cfg!(windows) {
        return one("HOME").map(PathBuf::from);
    }
    let [home, profile] = ["HOME", "USERPROFILE"].map(|name| one(name).map(PathBuf::from));
    let drive = one("HOMEDRIVE").zip(one("HOMEPATH")).map(|(drive, path)| PathBuf::from(drive + &path));
    let has_config = |home: &&PathBuf| home.join(".kube").join("config").is_file();
    let with_config = [&home, &drive, &profile].into_iter().flatten().find(has_config);
    with_config.or_else(|| [&home, &profile, &drive].into_iter().flatten().find(|home| home.is_dir())).cloned()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
