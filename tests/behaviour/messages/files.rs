//! AWS files with faults in them, and programs that they name.

use super::{get_token, role_arn, tell};
use crate::harness::aws::Aws;

#[test]
fn profiles_that_are_not_there_are_told_with_those_that_are() {
    let aws = Aws::start();
    tell(&aws, "profile-without-files", &mut get_token(&aws, &["--profile", "prod"]));
    aws.write_config("[profile dev]\nregion = eu-west-1\n[profile prd]\nregion = eu-west-1\n");
    tell(&aws, "profile-not-found", &mut get_token(&aws, &["--profile", "prod"]));
    tell(&aws, "profile-not-found-by-environment", get_token(&aws, &[]).env("AWS_PROFILE", "prod"));
}

#[test]
fn chains_that_lead_nowhere_are_told() {
    let aws = Aws::start();
    aws.write_config(&format!(
        "[profile a]\nrole_arn = {0}\nsource_profile = b\n[profile b]\nrole_arn = {0}\nsource_profile = a\n\
         [profile open]\nrole_arn = {0}\nsource_profile = nowhere\n[profile bare]\nrole_arn = {0}\n\
         [profile odd]\nrole_arn = {0}\ncredential_source = Cloud\n",
        role_arn("R")
    ));
    for (name, profile) in
        [("chain-loop", "a"), ("chain-open", "open"), ("chain-without-source", "bare"), ("chain-odd-source", "odd")]
    {
        tell(&aws, name, &mut get_token(&aws, &["--profile", profile]));
    }
}

#[test]
fn credential_processes_that_fail_are_told() {
    let aws = Aws::start();
    let old = aws.write("old.json", r#"{"Version":9,"AccessKeyId":"A","SecretAccessKey":"canary"}"#);
    aws.write_config(&format!(
        "[profile fails]\ncredential_process = sh -c 'echo vault is sealed >&2; exit 3'\n\
         [profile silent]\ncredential_process = true\n[profile babbles]\ncredential_process = echo hello\n\
         [profile old]\ncredential_process = cat {}\n[profile missing]\ncredential_process = /nonexistent/helper\n",
        old.display()
    ));
    for profile in ["fails", "silent", "babbles", "old", "missing"] {
        tell(&aws, &format!("process-{profile}"), &mut get_token(&aws, &["--profile", profile]));
    }
}

#[test]
fn files_that_cannot_be_read_are_told_with_their_path() {
    let aws = Aws::start();
    aws.write_config("[profile broken\nregion = eu-west-1\n");
    tell(&aws, "config-corrupted", &mut get_token(&aws, &["--profile", "broken"]));
    tell(&aws, "config-corrupted-without-profile", &mut get_token(&aws, &[]));
    std::fs::remove_file(aws.at(".aws/config")).unwrap();
    std::fs::create_dir(aws.at(".aws/config")).unwrap();
    tell(&aws, "config-is-a-directory", &mut get_token(&aws, &["--profile", "broken"]));
}
