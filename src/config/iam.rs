//! How IAM is asked with a person's keys.

use aws_credential_types::provider::SharedCredentialsProvider;

use super::env::Env;
use super::surroundings::surroundings;
use crate::aws::{HostForm, IamSettings};
use crate::get_token::Keys;
use crate::iam::Partition;

/// With `keys`, in the partition of their region, at the hosts that environment and profile ask for.
#[must_use]
pub fn iam_settings(keys: &Keys, env: &Env) -> IamSettings {
    let around = surroundings(env);
    let region = keys.endpoint.signing_region().to_owned();
    let form = HostForm { fips: keys.form.fips, dual_stack: keys.form.dual_stack };
    IamSettings {
        partition: Partition::of_region(&region).unwrap_or(Partition::Aws),
        credentials: SharedCredentialsProvider::new(keys.credentials.clone()),
        endpoint: around.iam_endpoint,
        sts_endpoint: Some(keys.endpoint.origin().to_owned()),
        region: Some(region),
        host_form: form,
        http: keys.http.clone(),
    }
}
