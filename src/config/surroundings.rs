//! Where the server's calls to AWS go, and whose keys sign them, by the environment alone.

use std::path::PathBuf;

use super::env::{AwsEnv, Env};
use super::get_token::{environment_keys, truth};
use crate::aws::{AwsSurroundings, HostForm};

/// What the environment says.
pub(super) fn surroundings(env: &Env) -> AwsSurroundings {
    AwsSurroundings {
        eks_endpoint: endpoint(&env.aws, &env.aws.endpoint_url_eks),
        iam_endpoint: endpoint(&env.aws, &env.aws.endpoint_url_iam),
        sts_endpoint: endpoint(&env.aws, &env.aws.endpoint_url_sts),
        host_form: HostForm {
            fips: env.aws.use_fips.as_deref().and_then(truth).unwrap_or_default(),
            dual_stack: env.aws.use_dual_stack.as_deref().and_then(truth).unwrap_or_default(),
        },
        ca_bundle: env.aws.ca_bundle.as_ref().or(env.aws.ssl_cert_file.as_ref()).map(PathBuf::from),
        environment_keys: environment_keys(&env.aws),
    }
}

/// A service's own variable, else the one for all; neither where they are to be ignored.
pub(super) fn endpoint(aws: &AwsEnv, own: &Option<String>) -> Option<String> {
    let are_ignored = aws.ignore_endpoint_urls.as_deref().and_then(truth).unwrap_or_default();
    own.as_ref().or(aws.endpoint_url.as_ref()).filter(|_| !are_ignored).cloned()
}
