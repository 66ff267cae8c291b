//! What flags, environment and file say about the look-up of nodes.

use std::path::PathBuf;

use clap::Parser;
use iam_bridge::aws::{Ec2Settings, HostForm, NodeName};
use iam_bridge::config::env::Env;
use iam_bridge::config::flags::{Command, Flags};
use iam_bridge::config::server::resolve;
use iam_bridge::document::Format;
use iam_bridge::sources::FileText;

fn settings(keys: &str, flags: &[&str], variables: &[(&str, &str)]) -> Ec2Settings {
    let bytes = format!("clusterID: c\nserver:\n  port: 1\n{keys}").into_bytes();
    let file = FileText { name: "c.yaml".into(), bytes, format: Format::Yaml };
    let of = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let flags = Flags::try_parse_from(["iam-bridge", "server"].iter().chain(flags)).unwrap();
    let Command::Server(server) = flags.command else { panic!("another command") };
    resolve(Some(&file), &flags.global, &server, &Env::from_lookup(of)).unwrap().settings.ec2
}

#[test]
fn nothing_said_is_the_default() {
    assert_eq!(settings("", &[], &[]), Ec2Settings::default());
}

#[test]
fn the_sdks_variables_say_where_ec2_and_sts_are_and_whose_keys_sign() {
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:2"),
        ("AWS_CA_BUNDLE", "/ca.pem"),
        ("AWS_ACCESS_KEY_ID", "AKIA1"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
    ];
    let seen = settings("  nodeName: instanceId\n", &["--ec2-describeInstances-qps", "7"], &variables);
    let keys = seen.environment_keys.clone().unwrap();
    let expected = Ec2Settings {
        qps: 7,
        node_name: NodeName::InstanceId,
        region: Some("eu-west-1".to_owned()),
        endpoint: Some("http://127.0.0.1:1".to_owned()),
        sts_endpoint: Some("http://127.0.0.1:2".to_owned()),
        ca_bundle: Some(PathBuf::from("/ca.pem")),
        host_form: HostForm { fips: true, dual_stack: false },
        environment_keys: Some(keys.clone()),
        ..Ec2Settings::default()
    };
    assert_eq!(seen, expected);
    assert_eq!((keys.access_key_id(), keys.secret_access_key()), ("AKIA1", "secret"));
    let ignored = [&variables[..], &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]].concat();
    let seen = settings("", &[], &ignored);
    assert_eq!((seen.endpoint, seen.sts_endpoint), (None, None));
}
