//! No credentials at all, and metadata services that give none.

use super::{get_token, tell};
use crate::harness::aws::{Aws, Instance};

#[test]
fn no_credentials_at_all_lists_what_was_tried() {
    let aws = Aws::start();
    tell(&aws, "nothing", &mut get_token(&aws, &[]));
    aws.write_config("[profile empty]\nregion = eu-central-1\n");
    tell(&aws, "nothing-in-profile", &mut get_token(&aws, &["--profile", "empty"]));
    tell(&aws, "nothing-in-profile-by-environment", get_token(&aws, &[]).env("AWS_PROFILE", "empty"));
    tell(&aws, "half-of-a-key", get_token(&aws, &[]).env("AWS_ACCESS_KEY_ID", "AKIAHALFHALFHALFHALF"));
}

#[test]
fn a_metadata_service_that_is_not_there_is_told_with_its_switch() {
    let aws = Aws::start();
    for (name, instance) in [
        ("imds-refused", Instance::Absent),
        ("imds-hanging", Instance::Hanging),
        ("imds-without-role", Instance::NoRole),
    ] {
        let mut command = get_token(&aws, &[]);
        tell(&aws, name, aws.on_instance(instance, &mut command));
    }
}

#[test]
fn a_container_endpoint_that_refuses_is_told() {
    let aws = Aws::start();
    let pod = aws.role_session("Pod", "eks-pod");
    let mut command = get_token(&aws, &[]);
    tell(&aws, "container-refused", aws.in_container(&pod, &mut command).env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x"));
    let mut command = get_token(&aws, &[]);
    let uri = crate::harness::aws::closed_port_url();
    tell(&aws, "container-unreachable", command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri));
}
