//! Tokens that other programs make are as good as ours: the AWS CLI's, and the reference's where it is installed.

use std::process::Command;

use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::harness::process::{clean, run_ok, say_aloud};
use crate::harness::webhook_server::WebhookServer;

const CLUSTER_ID: &str = "e2e.example";

const MAPPINGS: &str = "  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/Deployer
    username: deployer:{{SessionName}}
";

#[test]
fn e2e_tokens_of_the_aws_cli_are_accepted_from_regional_and_global_hosts() {
    let aws = || clean("aws");
    if !is_installed(aws().arg("--version"), "the AWS CLI") {
        return;
    }
    let hosts = tell_who_is_who(|environment| {
        [("us-west-2", "regional"), ("us-east-1", "legacy")]
            .map(|(region, endpoints)| {
                let mut command = aws();
                environment(&mut command);
                command.args([
                    "eks",
                    "get-token",
                    "--cluster-name",
                    CLUSTER_ID,
                    "--region",
                    region,
                    "--output",
                    "json",
                ]);
                command.env("AWS_STS_REGIONAL_ENDPOINTS", endpoints);
                command
            })
            .into()
    });
    assert_eq!(hosts, ["sts.us-west-2.amazonaws.com:443", "sts.amazonaws.com:443"]);
}

#[test]
fn e2e_tokens_of_the_reference_are_accepted() {
    let reference = || clean("aws-iam-authenticator");
    if !is_installed(reference().arg("version"), "aws-iam-authenticator") {
        return;
    }
    let hosts = tell_who_is_who(|environment| {
        let mut command = reference();
        environment(&mut command);
        command.args(["token", "-i", CLUSTER_ID]).env("AWS_REGION", "eu-central-1");
        vec![command]
    });
    assert_eq!(hosts, ["sts.eu-central-1.amazonaws.com:443"]);
}

/// Runs clients that print an ExecCredential; the server must know each one's principal. Yields the hosts STS was
/// asked under.
fn tell_who_is_who(clients: impl FnOnce(&dyn Fn(&mut Command)) -> Vec<Command>) -> Vec<String> {
    let bridge = WebhookServer::start(CLUSTER_ID, MAPPINGS, &[]);
    let principal = Principal::role_session("111122223333", "Deployer", "alice").unwrap();
    bridge.sts.add(principal.clone());
    let environment = |command: &mut Command| {
        command
            .env("HOME", bridge.at("."))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", &principal.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", principal.secret_access_key.expose_secret())
            .env("AWS_SESSION_TOKEN", principal.session_token.as_ref().unwrap().expose_secret());
    };
    for mut client in clients(&environment) {
        let credential: Value = serde_json::from_str(&run_ok(&mut client)).unwrap();
        let token = credential["status"]["token"].as_str().unwrap().to_owned();
        let answer = bridge.block_on(async { bridge.connect().await.review(&token.into()).await.unwrap() });
        let user = answer.text("/status/user/username");
        assert_eq!(user.as_deref(), Some("deployer:alice"), "{client:?}\n{}", bridge.log());
    }
    bridge.proxy.asked()
}

fn is_installed(version: &mut Command, name: &str) -> bool {
    let installed = version.output().is_ok_and(|output| output.status.success());
    if !installed {
        say_aloud(&format!("end-to-end test NOT RUN: {name} is not installed"));
    }
    installed
}
