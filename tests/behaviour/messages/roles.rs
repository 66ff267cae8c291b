//! Roles that AWS does not give, and MFA codes that nobody can be asked for.

use secrecy::ExposeSecret;

use super::{get_token, role_arn, tell};
use crate::harness::aws::Aws;
use crate::harness::process::run;

const DEVICE: &str = "arn:aws:iam::111122223333:mfa/phone";

/// client-go's word that there is no terminal.
const NOBODY: &str =
    r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#;

#[test]
fn a_denied_role_says_who_asked_for_what() {
    let aws = Aws::start();
    let dev = aws.user("dev");
    let admin = role_arn("Admin");
    aws.deny_role(&admin);
    let mut command = get_token(&aws, &["--role-arn", &admin]);
    tell(&aws, "role-denied", aws.with_keys(&dev, &mut command));

    aws.write_config(&format!(
        "[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile admin]\nrole_arn = {admin}\nsource_profile = base\n\
         [profile deploy]\nrole_arn = {}\nsource_profile = admin\n",
        dev.access_key_id,
        dev.secret_access_key.expose_secret(),
        role_arn("Deploy"),
    ));
    tell(&aws, "role-denied-of-profile", &mut get_token(&aws, &["--profile", "admin"]));
    tell(&aws, "role-denied-in-chain", &mut get_token(&aws, &["--profile", "deploy"]));
}

#[test]
fn mfa_without_anybody_to_ask_names_the_command_to_run_once() {
    let aws = Aws::start();
    let dev = aws.user("dev");
    let admin = role_arn("Admin");
    aws.require_mfa(&admin, DEVICE, "123456");
    aws.write_config(&format!(
        "[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile admin]\nrole_arn = {admin}\nsource_profile = base\nmfa_serial = {DEVICE}\n",
        dev.access_key_id,
        dev.secret_access_key.expose_secret(),
    ));
    let mut command = get_token(&aws, &["--profile", "admin"]);
    tell(&aws, "mfa-nobody-to-ask", command.env("KUBERNETES_EXEC_INFO", NOBODY));
    let mut command = get_token(&aws, &["--role-arn", &admin, "--mfa-serial", DEVICE]);
    tell(&aws, "mfa-nobody-to-ask-for-flag", aws.with_keys(&dev, &mut command).env("KUBERNETES_EXEC_INFO", NOBODY));
    // Without mfa_serial AWS only says that it denies.
    let mut command = get_token(&aws, &["--role-arn", &admin]);
    tell(&aws, "mfa-not-configured", aws.with_keys(&dev, &mut command));
}

#[test]
fn keys_that_sts_refuses_are_told_apart() {
    let aws = Aws::start();
    let session = aws.role_session("Dev", "alice");
    let arguments = ["--role-arn", &role_arn("Deploy")];
    let mut command = get_token(&aws, &arguments);
    aws.with_keys(&session, &mut command).env("AWS_SECRET_ACCESS_KEY", "canarySecretThatIsNotTheRightOne12345678");
    tell(&aws, "keys-wrong-secret", &mut command);

    aws.sts.expire(&session.access_key_id);
    let mut command = get_token(&aws, &arguments);
    tell(&aws, "keys-expired", aws.with_keys(&session, &mut command));

    let user = aws.user("former");
    aws.sts.revoke(&user.access_key_id);
    let mut command = get_token(&aws, &arguments);
    tell(&aws, "keys-unknown", aws.with_keys(&user, &mut command));
}

#[test]
fn a_clock_that_is_wrong_is_told_with_how_far() {
    for (name, seconds) in [("clock-behind", 1_260), ("clock-ahead", -1_260)] {
        let aws = Aws::start_ahead(seconds);
        let dev = aws.user("dev");
        let mut command = get_token(&aws, &["--role-arn", &role_arn("Deploy")]);
        tell(&aws, name, aws.with_keys(&dev, &mut command));
    }
}

#[test]
fn a_clock_that_is_a_little_off_costs_a_note() {
    for (name, seconds) in [("clock-a-little-behind", 360), ("clock-a-little-ahead", -280)] {
        let aws = Aws::start_ahead(seconds);
        let dev = aws.user("dev");
        let mut command = get_token(&aws, &["--role-arn", &role_arn("Deploy")]);
        let said = run(aws.with_keys(&dev, &mut command));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        insta::assert_snapshot!(name, said.stderr);
    }
}

#[test]
fn a_region_that_is_disabled_says_how_to_choose_another() {
    let aws = Aws::start();
    let dev = aws.user("dev");
    aws.disable_region("ap-east-1");
    let mut command = get_token(&aws, &["--region", "ap-east-1", "--role-arn", &role_arn("Deploy")]);
    tell(&aws, "region-disabled", aws.with_keys(&dev, &mut command));
}

#[test]
fn a_web_identity_that_is_refused_or_missing_is_told() {
    let aws = Aws::start();
    let file = aws.write("web-identity", "canary.web.identity");
    let mut command = get_token(&aws, &[]);
    command.env("AWS_ROLE_ARN", role_arn("Ci")).env("AWS_ROLE_SESSION_NAME", "job");
    tell(&aws, "web-identity-refused", command.env("AWS_WEB_IDENTITY_TOKEN_FILE", &file));
    tell(&aws, "web-identity-missing", command.env("AWS_WEB_IDENTITY_TOKEN_FILE", aws.at("nothing-here")));
}
