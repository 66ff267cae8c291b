//! Ways to STS that are closed.

use iam_bridge::demo::sts::{Behaviour, Principal};

use super::{get_token, role_arn, tell};
use crate::harness::aws::{Aws, closed_port_url};

/// A command that must ask STS.
fn assuming(aws: &Aws, dev: &Principal, more: &[&str]) -> std::process::Command {
    let role = role_arn("Deploy");
    let mut command = get_token(aws, &[&["--role-arn", &role], more].concat());
    aws.with_keys(dev, &mut command);
    command
}

#[test]
fn an_sts_that_cannot_be_reached_is_told() {
    let aws = Aws::start();
    let dev = aws.user("dev");
    aws.sts.behave(Behaviour::Down);
    tell(&aws, "sts-down", &mut assuming(&aws, &dev, &[]));
    aws.sts.behave(Behaviour::Throttle);
    tell(&aws, "sts-throttles", &mut assuming(&aws, &dev, &[]));
    aws.be_honest();
    aws.proxy.refuse("sts.eu-nowhere-9.amazonaws.com");
    tell(&aws, "region-unknown", &mut assuming(&aws, &dev, &["--region", "eu-nowhere-9"]));
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    let aws = Aws::start();
    let dev = aws.user("dev");
    tell(&aws, "proxy-unreachable", assuming(&aws, &dev, &[]).env("HTTPS_PROXY", closed_port_url()));
}

#[test]
fn trust_roots_that_do_not_fit_are_told() {
    let aws = Aws::start();
    let dev = aws.user("dev");
    let other = aws.write("other-ca.pem", crate::harness::authority::Authority::new("other").pem());
    tell(&aws, "ca-unknown", assuming(&aws, &dev, &[]).env("SSL_CERT_FILE", other));
    tell(&aws, "ca-file-missing", assuming(&aws, &dev, &[]).env("AWS_CA_BUNDLE", aws.at("no-ca.pem")));
    tell(&aws, "ca-file-empty", assuming(&aws, &dev, &[]).env("AWS_CA_BUNDLE", aws.write("empty.pem", "")));
}
