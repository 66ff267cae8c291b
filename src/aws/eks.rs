//! `eks:DescribeCluster`: where a cluster's API server is.

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_eks::Client;
use aws_sdk_eks::error::ProvideErrorMetadata;
use aws_sdk_eks::types::ClusterStatus;

use super::SdkHttp;

/// How EKS is asked.
#[derive(Clone, Debug)]
pub struct EksCall {
    /// Keys that may describe the cluster.
    pub credentials: Credentials,
    /// The cluster's region.
    pub region: String,
    /// `AWS_USE_FIPS_ENDPOINT` or the profile's.
    pub fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT` or the profile's.
    pub dual_stack: bool,
    /// `AWS_ENDPOINT_URL_EKS`, `AWS_ENDPOINT_URL` or the profile's.
    pub endpoint_url: Option<String>,
    /// The one HTTP client.
    pub http: SdkHttp,
}

/// What a kubeconfig needs to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EksCluster {
    /// Its name: what tokens are signed for.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// URL of the API server.
    pub endpoint: String,
    /// Base64 of the PEM.
    pub certificate_authority_data: String,
    /// On Outposts: the id that tokens are signed for instead of the name.
    pub local_id: Option<String>,
}

/// Why EKS does not say. Display says what failed; [`EksError::remedy`] what to do.
#[derive(Debug, thiserror::Error)]
pub enum EksError {
    /// EKS refused, or did not answer.
    #[error("EKS does not describe cluster `{name}` in `{region}`: {why} ({code})")]
    Refused {
        /// The cluster.
        name: String,
        /// Where it was looked for.
        region: String,
        /// AWS's error code, or `no answer`.
        code: String,
        /// AWS's words, their first line; or what stood in the way.
        why: String,
    },
    /// The cluster cannot be used.
    #[error("cluster `{name}` in `{region}` is {status}")]
    NotReady {
        /// The cluster.
        name: String,
        /// Its region.
        region: String,
        /// As EKS writes it.
        status: String,
    },
    /// The answer lacks what a kubeconfig needs.
    #[error("EKS's answer for cluster `{name}` in `{region}` has no {what}")]
    Incomplete {
        /// The cluster.
        name: String,
        /// Its region.
        region: String,
        /// What is missing.
        what: &'static str,
    },
}

impl EksError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Refused { region, code, .. } => match code.as_str() {
                "ResourceNotFoundException" => {
                    format!("check name and region: aws eks list-clusters --region {region}")
                }
                "AccessDeniedException" | "AccessDenied" => {
                    "these keys need eks:DescribeCluster; or give --server and --certificate-authority instead of --eks"
                        .to_owned()
                }
                code if code.starts_with("ExpiredToken") => "log in again: aws sso login, or aws login".to_owned(),
                "InvalidSignatureException" | "RequestExpired" => {
                    "check the secret key and this machine's clock: date -u".to_owned()
                }
                "UnrecognizedClientException" | "InvalidClientTokenId" => {
                    format!("check the access key, and that {region} is in its partition and enabled for the account")
                }
                NO_ANSWER => "check the network, the region and HTTPS_PROXY".to_owned(),
                _ => format!("try: aws eks describe-cluster --name NAME --region {region}"),
            },
            Self::NotReady { name, region, .. } | Self::Incomplete { name, region, .. } => {
                format!("wait for it: aws eks wait cluster-active --name {name} --region {region}")
            }
        }
    }
}

/// Stands for AWS's code when there is none.
const NO_ANSWER: &str = "no answer";
/// Most characters of AWS's words.
const LONGEST: usize = 300;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 3;

/// Asks EKS for a cluster.
///
/// # Errors
/// [`EksError`].
pub async fn describe_cluster(call: &EksCall, name: &str) -> Result<EksCluster, EksError> {
    let asking = client(call).describe_cluster().name(name).send();
    let answer = Box::pin(asking).await.map_err(|error| {
        let (code, why) = match error.code() {
            Some(code) => (code.to_owned(), first_line(error.message().unwrap_or("no words"))),
            None => (NO_ANSWER.to_owned(), causes(&error)),
        };
        EksError::Refused { name: name.to_owned(), region: call.region.clone(), code, why }
    })?;
    let incomplete = |what| EksError::Incomplete { name: name.to_owned(), region: call.region.clone(), what };
    let cluster = answer.cluster.ok_or_else(|| incomplete("cluster"))?;
    match &cluster.status {
        Some(ClusterStatus::Active | ClusterStatus::Updating) => {}
        status => {
            let status = status.as_ref().map_or("without status", ClusterStatus::as_str).to_owned();
            return Err(EksError::NotReady { name: name.to_owned(), region: call.region.clone(), status });
        }
    }
    let certificates = cluster.certificate_authority.and_then(|authority| authority.data);
    Ok(EksCluster {
        name: cluster.name.unwrap_or_else(|| name.to_owned()),
        arn: cluster.arn.ok_or_else(|| incomplete("ARN"))?,
        endpoint: cluster.endpoint.filter(|url| !url.is_empty()).ok_or_else(|| incomplete("endpoint"))?,
        certificate_authority_data: certificates.ok_or_else(|| incomplete("certificate authority"))?,
        local_id: cluster.id.filter(|id| !id.is_empty()),
    })
}

fn client(call: &EksCall) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(TIMEOUT).build();
    let mut config = aws_sdk_eks::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(call.region.clone()))
        .credentials_provider(call.credentials.clone())
        .use_fips(call.fips)
        .use_dual_stack(call.dual_stack)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .http_client(call.http.clone());
    config.set_endpoint_url(call.endpoint_url.clone());
    config.set_app_name(AppName::new("iam-bridge").ok());
    Client::from_conf(config.build())
}

/// AWS may answer a bad signature with the canonical request, session token included: after the first line.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').chars().take(LONGEST).collect()
}

/// What stood in the way, cause by cause.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let line = first_line(&cause.to_string());
        if !line.is_empty() && !words.iter().any(|word| word.contains(&line)) {
            words.push(line);
        }
        next = cause.source();
    }
    words.join(": ")
}
