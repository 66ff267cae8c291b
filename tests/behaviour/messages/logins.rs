//! Logins that are over, or never were.

use super::{ACCOUNT, get_token, tell};
use crate::harness::aws::{Aws, START_URL, SsoLogin};

const LOGIN: SsoLogin<'_> = SsoLogin { identifier: "corp", role: "Admin", lives: 28_000, refreshes: false };

fn with_people() -> Aws {
    let aws = Aws::start();
    aws.write_config(&format!(
        "[profile people]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Admin\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\n\
         [profile legacy]\nsso_region = eu-central-1\nsso_start_url = {START_URL}\nsso_account_id = {ACCOUNT}\n\
         sso_role_name = Admin\n\
         [profile over-people]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/Deployer\nsource_profile = people\n\
         [profile console]\nlogin_session = arn:aws:iam::{ACCOUNT}:user/person\n"
    ));
    aws
}

#[test]
fn identity_center_logins_that_are_over_name_the_login_command() {
    let aws = with_people();
    aws.log_in_by_sso(SsoLogin { lives: -60, ..LOGIN });
    tell(&aws, "sso-expired", &mut get_token(&aws, &["--profile", "people"]));
    tell(&aws, "sso-expired-by-environment", get_token(&aws, &[]).env("AWS_PROFILE", "people"));
    tell(&aws, "sso-expired-below-a-role", &mut get_token(&aws, &["--profile", "over-people"]));

    aws.log_in_by_sso(SsoLogin { identifier: START_URL, lives: -60, ..LOGIN });
    tell(&aws, "sso-legacy-expired", &mut get_token(&aws, &["--profile", "legacy"]));

    aws.log_in_by_sso(SsoLogin { lives: -60, refreshes: true, ..LOGIN });
    aws.end_sso_logins();
    tell(&aws, "sso-refresh-refused", &mut get_token(&aws, &["--profile", "people"]));

    aws.log_in_by_sso(LOGIN);
    aws.end_sso_logins();
    tell(&aws, "sso-signed-out-elsewhere", &mut get_token(&aws, &["--profile", "people"]));
}

#[test]
fn identity_center_without_any_login_names_the_login_command() {
    let aws = with_people();
    tell(&aws, "sso-never-logged-in", &mut get_token(&aws, &["--profile", "people"]));
    tell(&aws, "sso-legacy-never-logged-in", &mut get_token(&aws, &["--profile", "legacy"]));
}

#[test]
fn an_identity_center_role_that_is_not_assigned_is_named() {
    let aws = with_people();
    aws.log_in_by_sso(SsoLogin { role: "Reader", ..LOGIN });
    tell(&aws, "sso-role-not-assigned", &mut get_token(&aws, &["--profile", "people"]));
}

#[test]
fn console_logins_name_their_own_login_command() {
    let aws = with_people();
    tell(&aws, "login-never-logged-in", &mut get_token(&aws, &["--profile", "console"]));
    aws.log_in(&format!("arn:aws:iam::{ACCOUNT}:user/person"), -60, false);
    tell(&aws, "login-expired", &mut get_token(&aws, &["--profile", "console"]));
}
