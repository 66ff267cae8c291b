//! What the server's environment says about calls to AWS, whatever service is called.

use std::path::PathBuf;

use aws_credential_types::Credentials;

use super::HostForm;

/// The variables of the AWS SDKs that decide where calls go and whose keys sign them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AwsSurroundings {
    /// `AWS_ENDPOINT_URL_EKS`, else `AWS_ENDPOINT_URL`.
    pub eks_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_IAM`, else `AWS_ENDPOINT_URL`.
    pub iam_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`: where roles are assumed.
    pub sts_endpoint: Option<String>,
    /// `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`
    pub host_form: HostForm,
    /// `AWS_CA_BUNDLE`, else `SSL_CERT_FILE`: trust roots for these calls.
    pub ca_bundle: Option<PathBuf>,
    /// `AWS_ACCESS_KEY_ID` and its companions; without them the default chain of the AWS SDK is walked.
    pub environment_keys: Option<Credentials>,
}
