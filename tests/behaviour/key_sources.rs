//! What is known of keys besides the keys: where they came from, what they depend on, and when they are asked for again.

use std::process::Command;

use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;

use crate::harness::aws::{ACCOUNT, Aws, Instance, START_URL, SsoLogin, access_key_id};
use crate::harness::process::{run, run_ok};

const CORP: SsoLogin<'_> = SsoLogin { identifier: "corp", role: "Admin", lives: 28_000, refreshes: false };

fn config(user: &Principal) -> String {
    format!(
        "[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile people]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Admin\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\n\
         [profile console]\nlogin_session = {}\n\
         [profile over]\nsource_profile = people\nrole_arn = arn:aws:iam::{ACCOUNT}:role/Over\n\
         [profile node]\ncredential_source = Ec2InstanceMetadata\nrole_arn = arn:aws:iam::{ACCOUNT}:role/Over\n",
        user.access_key_id,
        user.secret_access_key.expose_secret(),
        console(),
    )
}

fn console() -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/person")
}

fn token(aws: &Aws, more: &[&str]) -> Command {
    aws.iam_bridge(&[&["get-token", "-i", "c", "--token-only"], more].concat())
}

#[test]
fn the_source_of_keys_is_told_truly() {
    let aws = Aws::start();
    let (user, node) = (aws.user("dev"), aws.role_session("Node", "i-0123456789abcdef0"));
    aws.write_config(&config(&user));
    aws.log_in_by_sso(CORP);
    aws.log_in(&console(), 800, true);
    aws.trust_web_identity("canary.web.identity", "Ci", "job");
    let identity = aws.write("web-identity", "canary.web.identity");
    let by = |more: &[&str]| aws.iam_bridge(&[&["whoami", "-o", "json"], more].concat());
    let assert_source = |command: &mut Command, source: &str| {
        let said = run_ok(command);
        let seen: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(seen["aws"]["credentialSource"], source, "{said}");
    };
    assert_source(aws.with_keys(&user, &mut by(&[])), "environment");
    assert_source(&mut by(&["--profile", "base"]), "profile");
    assert_source(&mut by(&["--profile", "people"]), "IAM Identity Center");
    assert_source(&mut by(&["--profile", "over"]), "IAM Identity Center");
    assert_source(&mut by(&["--profile", "console"]), "aws login");
    assert_source(aws.on_instance(Instance::Role(node.clone()), &mut by(&[])), "instance metadata");
    assert_source(aws.on_instance(Instance::Role(node.clone()), &mut by(&["--profile", "node"])), "instance metadata");
    assert_source(aws.in_container(&node, &mut by(&[])), "container");
    let mut by_token = by(&[]);
    by_token
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", identity)
        .env("AWS_ROLE_ARN", format!("arn:aws:iam::{ACCOUNT}:role/Ci"));
    assert_source(&mut by_token, "web identity");
}

#[test]
fn a_log_out_ends_the_cached_token_of_a_login_at_once() {
    let aws = Aws::start();
    aws.write_config(&config(&aws.user("dev")));
    let (_, sso) = aws.log_in_by_sso(CORP);
    let (.., login) = aws.log_in(&console(), 800, true);
    for (profile, file) in [("people", &sso), ("over", &sso), ("console", &login)] {
        let text = std::fs::read(file).unwrap();
        let first = run_ok(&mut token(&aws, &["--profile", profile]));
        assert_eq!(run_ok(&mut token(&aws, &["--profile", profile])), first, "{profile}: from the cache");
        std::fs::remove_file(file).unwrap();
        let said = run(&mut token(&aws, &["--profile", profile]));
        assert!(said.code == Some(1) && said.stderr.contains("is absent"), "{profile}: {}", said.stderr);
        std::fs::write(file, text).unwrap();
    }
}

#[test]
fn keys_about_to_end_are_asked_for_again() {
    let aws = Aws::start();
    aws.write_config(&config(&aws.user("dev")));
    aws.log_in_by_sso(CORP);
    for (life, calls) in [(3_600, 1), (60, 3)] {
        aws.give_keys_for(life);
        access_key_id(&run(&mut token(&aws, &["--profile", "people", "--no-cache"])));
        assert_eq!(aws.calls("GetRoleCredentials"), calls, "{life} s");
    }
}

#[test]
fn the_profile_asked_for_wins_over_the_environment_and_the_one_of_the_environment_does_not() {
    let aws = Aws::start();
    let (user, other) = (aws.user("dev"), aws.user("other"));
    aws.write_config(&config(&user));
    let by = |more: &[&str]| {
        let mut command = token(&aws, &[&["--no-cache"], more].concat());
        access_key_id(&run(aws.with_keys(&other, command.env("AWS_PROFILE", "base"))))
    };
    assert_eq!(by(&[]), other.access_key_id);
    assert_eq!(by(&["--profile", "base"]), user.access_key_id);
}
