//! get-token with every source of credentials that people have: the real binary against AWS on loopback.
//!
//! Each token is looked at (whose key signed it) and verified with the real `verify` command, by an STS that makes the
//! signature again.

use std::process::Command;

use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;

use crate::harness::aws::{ACCOUNT, Aws, Instance, START_URL, SsoLogin, access_key_id};
use crate::harness::process::{Said, run, run_ok};

const GET_TOKEN: [&str; 5] = ["get-token", "-i", "c", "--token-only", "--no-cache"];

/// Runs a command whose token must be signed with `principal`'s own key, and whom STS must take for `principal`.
fn assert_signs_as(aws: &Aws, command: &mut Command, principal: &Principal) {
    let said = run(command);
    assert_eq!(access_key_id(&said), principal.access_key_id, "{}", said.stderr);
    assert_verifies(aws, &said, &principal.arn);
}

fn assert_verifies(aws: &Aws, said: &Said, arn: &str) {
    let verified = run_ok(&mut aws.iam_bridge(&["verify", "-i", "c", "-o", "json", "-t", said.stdout.trim()]));
    assert!(verified.contains(arn), "{arn}: {verified}");
}

fn by_profile(aws: &Aws, profile: &str) -> Command {
    aws.iam_bridge(&[&GET_TOKEN[..], &["--profile", profile]].concat())
}

fn static_profile(name: &str, principal: &Principal) -> String {
    let section = if name == "default" { "[default]".to_owned() } else { format!("[profile {name}]") };
    let token = principal.session_token.as_ref();
    format!(
        "{section}\naws_access_key_id = {}\naws_secret_access_key = {}\n{}",
        principal.access_key_id,
        principal.secret_access_key.expose_secret(),
        token.map(|token| format!("aws_session_token = {}\n", token.expose_secret())).unwrap_or_default(),
    )
}

#[test]
fn environment_and_static_profiles_sign_at_once() {
    let aws = Aws::start();
    let (user, session) = (aws.user("dev"), aws.role_session("Dev", "alice"));
    for principal in [&user, &session] {
        let mut command = aws.iam_bridge(&GET_TOKEN);
        assert_signs_as(&aws, aws.with_keys(principal, &mut command), principal);
    }
    aws.write_config(&(static_profile("default", &user) + &static_profile("session", &session)));
    assert_signs_as(&aws, &mut aws.iam_bridge(&GET_TOKEN), &user);
    assert_signs_as(&aws, &mut by_profile(&aws, "session"), &session);
    assert_signs_as(&aws, aws.iam_bridge(&GET_TOKEN).env("AWS_PROFILE", "session"), &session);
}

#[test]
fn identity_center_by_session_and_by_legacy_profile() {
    let aws = Aws::start();
    aws.write_config(&format!(
        "[profile people]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Admin\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\n\
         [profile legacy]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\nsso_account_id = {ACCOUNT}\n\
         sso_role_name = Reader\n"
    ));
    let session = SsoLogin { identifier: "corp", role: "Admin", lives: 28_000, refreshes: false };
    let (admin, _) = aws.log_in_by_sso(session);
    let legacy = SsoLogin { identifier: START_URL, role: "Reader", lives: 28_000, refreshes: false };
    let (reader, _) = aws.log_in_by_sso(legacy);
    assert_signs_as(&aws, &mut by_profile(&aws, "people"), &admin);
    assert_signs_as(&aws, &mut by_profile(&aws, "legacy"), &reader);
    assert_eq!((aws.calls("GetRoleCredentials"), aws.calls("CreateToken")), (2, 0));
}

#[test]
fn an_identity_center_session_that_is_over_is_refreshed() {
    let aws = Aws::start();
    aws.write_config(&format!(
        "[profile people]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Admin\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\n"
    ));
    let login = SsoLogin { identifier: "corp", role: "Admin", lives: -60, refreshes: true };
    let (admin, file) = aws.log_in_by_sso(login);
    let before = std::fs::read_to_string(&file).unwrap();
    assert_signs_as(&aws, &mut by_profile(&aws, "people"), &admin);
    assert_eq!(aws.calls("CreateToken"), 1);
    assert_ne!(std::fs::read_to_string(&file).unwrap(), before, "the new login is kept where the AWS CLI keeps it");
    assert_signs_as(&aws, &mut by_profile(&aws, "people"), &admin);
    assert_eq!(aws.calls("CreateToken"), 1, "and found there");
}

#[test]
fn a_console_login_signs_and_is_refreshed() {
    let aws = Aws::start();
    let session = format!("arn:aws:iam::{ACCOUNT}:user/person");
    aws.write_config(&format!("[profile console]\nlogin_session = {session}\nregion = eu-central-1\n"));
    let (first, ..) = aws.log_in(&session, 800, true);
    assert_signs_as(&aws, &mut by_profile(&aws, "console"), &first);
    assert_eq!(aws.calls("CreateOAuth2Token"), 0);
    let (_, refreshed, _) = aws.log_in(&session, -60, true);
    assert_signs_as(&aws, &mut by_profile(&aws, "console"), &refreshed);
    assert_eq!(aws.calls("CreateOAuth2Token"), 1);
}

#[test]
fn an_instance_gives_its_roles_keys_and_its_region() {
    let aws = Aws::start();
    let node = aws.role_session("Node", "i-0123456789abcdef0");
    let mut command = aws.iam_bridge(&GET_TOKEN);
    command.env_remove("AWS_REGION");
    let said = run(aws.on_instance(Instance::Role(node.clone()), &mut command));
    assert_eq!(access_key_id(&said), node.access_key_id, "{}", said.stderr);
    assert_verifies(&aws, &said, &node.arn);
    assert_eq!(aws.proxy.asked(), ["sts.eu-central-1.amazonaws.com:443"]);
}

#[test]
fn a_container_gives_its_keys() {
    let aws = Aws::start();
    let pod = aws.role_session("Pod", "eks-pod");
    let mut command = aws.iam_bridge(&GET_TOKEN);
    assert_signs_as(&aws, aws.in_container(&pod, &mut command), &pod);
}

#[test]
fn a_token_does_not_outlive_the_keys_that_signed_it() {
    let aws = Aws::start();
    let pod = aws.role_session("Pod", "eks-pod");
    aws.give_keys_for(400);
    let mut command = aws.iam_bridge(&["get-token", "-i", "c"]);
    let printed = run_ok(aws.in_container(&pod, &mut command));
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let told: jiff::Timestamp = printed["status"]["expirationTimestamp"].as_str().unwrap().parse().unwrap();
    let left = told.as_second() - aws.now().0;
    assert!((300..=400).contains(&left), "{left} s");
}

#[test]
fn a_web_identity_token_is_turned_into_keys() {
    let aws = Aws::start();
    let ci = aws.trust_web_identity("canary.web.identity", "Ci", "job-1");
    let file = aws.write("web-identity", "canary.web.identity");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Ci");
    let mut command = aws.iam_bridge(&GET_TOKEN);
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", &file).env("AWS_ROLE_ARN", &role).env("AWS_ROLE_SESSION_NAME", "job-1");
    assert_signs_as(&aws, &mut command, &ci);

    aws.write_config(&format!(
        "[profile ci]\nrole_arn = {role}\nrole_session_name = job-1\nweb_identity_token_file = {}\n",
        file.display()
    ));
    assert_signs_as(&aws, &mut by_profile(&aws, "ci"), &ci);
    assert_eq!(aws.calls("AssumeRoleWithWebIdentity"), 2);
}

#[test]
fn a_credential_process_gives_keys() {
    let aws = Aws::start();
    let vault = aws.role_session("Vault", "alice");
    let answer = aws.write(
        "answer.json",
        &serde_json::json!({
            "Version": 1,
            "AccessKeyId": vault.access_key_id,
            "SecretAccessKey": vault.secret_access_key.expose_secret(),
            "SessionToken": vault.session_token.as_ref().map(ExposeSecret::expose_secret),
        })
        .to_string(),
    );
    aws.write_config(&format!("[profile vault]\ncredential_process = cat {}\n", answer.display()));
    assert_signs_as(&aws, &mut by_profile(&aws, "vault"), &vault);
}

#[test]
fn a_role_profile_over_each_base_is_assumed_under_the_callers_name() {
    let aws = Aws::start();
    let base = aws.user("dev");
    let node = aws.role_session("Node", "i-0123456789abcdef0");
    let role = |name: &str| format!("role_arn = arn:aws:iam::{ACCOUNT}:role/{name}\n");
    aws.write_config(&format!(
        "{}[profile one]\n{}source_profile = base\nrole_session_name = one\n\
         [profile two]\n{}source_profile = one\nrole_session_name = two\nduration_seconds = 1800\n\
         [profile node]\n{}credential_source = Ec2InstanceMetadata\nrole_session_name = node\n\
         [profile env]\n{}credential_source = Environment\nrole_session_name = env\n",
        static_profile("base", &base),
        role("One"),
        role("Two"),
        role("OnNode"),
        role("OverEnv"),
    ));
    let said = run(&mut by_profile(&aws, "one"));
    assert_verifies(&aws, &said, &format!("arn:aws:sts::{ACCOUNT}:assumed-role/One/one"));
    let said = run(&mut by_profile(&aws, "two"));
    assert_verifies(&aws, &said, &format!("arn:aws:sts::{ACCOUNT}:assumed-role/Two/two"));
    assert_eq!(aws.calls("AssumeRole"), 3);
    let form = aws.last_form("AssumeRole");
    assert!(form.contains(&("DurationSeconds".to_owned(), "1800".to_owned())), "{form:?}");

    let mut command = by_profile(&aws, "node");
    let said = run(aws.on_instance(Instance::Role(node), &mut command));
    assert_verifies(&aws, &said, &format!("arn:aws:sts::{ACCOUNT}:assumed-role/OnNode/node"));
    let mut command = by_profile(&aws, "env");
    let said = run(aws.with_keys(&base, &mut command));
    assert_verifies(&aws, &said, &format!("arn:aws:sts::{ACCOUNT}:assumed-role/OverEnv/env"));
}
