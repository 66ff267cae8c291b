//! `eks:DescribeCluster`: where a cluster's API server is.

use aws_credential_types::Credentials;

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

/// Why EKS does not say.
#[derive(Debug, thiserror::Error)]
pub enum EksError {
    /// EKS refused, or did not answer.
    #[error("EKS does not describe cluster `{name}` in `{region}` ({code}): {why}; {cure}")]
    Refused {
        /// The cluster.
        name: String,
        /// Where it was looked for.
        region: String,
        /// AWS's error code.
        code: String,
        /// AWS's words, their first line.
        why: String,
        /// What to do.
        cure: &'static str,
    },
    /// The cluster cannot be used.
    #[error("cluster `{name}` is {status}; wait until it is ACTIVE")]
    NotReady {
        /// The cluster.
        name: String,
        /// As EKS writes it.
        status: String,
    },
    /// The answer lacks what a kubeconfig needs.
    #[error("EKS's answer for cluster `{name}` has no {what}; ask again once the cluster is ACTIVE")]
    Incomplete {
        /// The cluster.
        name: String,
        /// What is missing.
        what: &'static str,
    },
}

/// Asks EKS for a cluster.
///
/// # Errors
/// [`EksError`].
pub async fn describe_cluster(call: &EksCall, name: &str) -> Result<EksCluster, EksError> {
    let _ = (call, name);
    todo!()
}
