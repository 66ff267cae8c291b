//! `server.ec2*`, `server.sourceARN` and `server.nodeName`: how nodes get their names.

use super::env::Env;
use super::file::{Given, ServerKeys};
use super::flags;
use super::judge::{From, Judge};
use super::pick::{text_of, values};
use super::surroundings::{endpoint, surroundings};
use crate::aws::Ec2Settings;
use crate::diagnostic::Severity;
use crate::iam::ArnSections;

/// Longest name of an instance profile.
const PROFILE_NAME: usize = 128;

/// Judges them. An ARN that is none is a fault of severity `strict`: the reference finds out at the first look-up.
pub(super) fn settings(
    typed: &flags::Server,
    server: &ServerKeys,
    env: &Env,
    strict: Severity,
    judge: &mut Judge,
) -> Ec2Settings {
    let defaults = Ec2Settings::default();
    let qps = ("server.ec2DescribeInstancesQps", "--ec2-describeInstances-qps", defaults.qps);
    let burst = ("server.ec2DescribeInstancesBurst", "--ec2-describeInstances-burst", defaults.burst);
    let around = surroundings(env);
    Ec2Settings {
        qps: rate(typed.ec2_describe_instances_qps, server.ec2_describe_instances_qps, qps, judge),
        burst: rate(typed.ec2_describe_instances_burst, server.ec2_describe_instances_burst, burst, judge),
        role_arn: arn(
            &server.ec2_describe_instances_role_arn,
            "server.ec2DescribeInstancesRoleARN",
            "write arn:aws:iam::ACCOUNT:role/NAME",
            strict,
            judge,
        ),
        source_arn: arn(
            &server.source_arn,
            "server.sourceARN",
            "write arn:aws:eks:REGION:ACCOUNT:cluster/NAME",
            strict,
            judge,
        ),
        instance_profiles: instance_profiles(server, judge),
        node_name: server.node_name.map(|given| given.value).unwrap_or_default(),
        region: env.aws.region.clone(),
        endpoint: endpoint(&env.aws, &env.aws.endpoint_url_ec2),
        host_form: around.host_form,
        sts_endpoint: around.sts_endpoint,
        ca_bundle: around.ca_bundle,
        environment_keys: around.environment_keys,
        budget: defaults.budget,
    }
}

/// The reference takes any number and does not limit these calls at all; here one a second is the least.
fn rate(
    typed: Option<u32>,
    given: Option<Given<i64>>,
    (key, flag, default): (&'static str, &'static str, u32),
    judge: &mut Judge,
) -> u32 {
    let (from, number) = match (typed, given) {
        (Some(typed), _) => (From::Flag(flag), i64::from(typed)),
        (None, Some(given)) => (From::File(given.at), given.value),
        (None, None) => return default,
    };
    if number < 1 {
        let what = format!("`{number}` would let no call to EC2 through, and 1 is taken");
        judge.warning(from, key, "ec2-rate", what, "write 1 or more");
    }
    u32::try_from(number.max(1)).unwrap_or(u32::MAX)
}

fn arn(
    given: &Option<Given<String>>,
    key: &'static str,
    cure: &str,
    strict: Severity,
    judge: &mut Judge,
) -> Option<String> {
    let text = text_of(given)?;
    if let (Err(error), Some(given)) = (ArnSections::split(&text), given) {
        judge.add(strict, From::File(given.at), key, "bad-arn", error.to_string(), cure);
    }
    Some(text)
}

fn instance_profiles(server: &ServerKeys, judge: &mut Judge) -> Vec<String> {
    for profile in server.ec2.instance_profiles.iter().flat_map(|given| &given.value) {
        if !is_profile(&profile.value) {
            let what = format!("`{}` is neither the name nor the ARN of an instance profile", profile.value);
            let cure = "write a name, or arn:aws:iam::ACCOUNT:instance-profile/NAME";
            let key = "server.ec2.instanceProfiles";
            judge.error(From::File(profile.at), key, "bad-instance-profile", what, cure);
        }
    }
    values(&server.ec2.instance_profiles).collect()
}

fn is_profile(text: &str) -> bool {
    let is_name = |name: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        (1..=PROFILE_NAME).contains(&name.len()) && name.bytes().all(known)
    };
    match ArnSections::split(text) {
        Ok(arn) => arn.service == "iam" && arn.resource.starts_with("instance-profile/"),
        Err(_) => is_name(text),
    }
}
