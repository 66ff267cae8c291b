//! `--cache` where roles are assumed: what is kept are the keys before `--role`, so that a person is asked for a code once.

use std::fs::{self, File};

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::harness::aws::{ACCOUNT, Aws, access_key_id};
use crate::harness::process::{clean, run};

const FILE: &str = ".kube/cache/aws-iam-authenticator/credentials.yaml";

#[test]
fn a_person_is_asked_for_a_code_once() {
    const DEVICE: &str = "arn:aws:iam::111122223333:mfa/phone";
    let arn = |role: &str| format!("arn:aws:iam::{ACCOUNT}:role/{role}");
    let aws = Aws::start();
    let user = aws.user("dev");
    aws.require_mfa(&arn("Ops"), DEVICE, "123456");
    aws.deny_role(&arn("Denied"));
    aws.write_config(&format!(
        "[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile ops]\nrole_arn = {}\nsource_profile = base\nmfa_serial = {DEVICE}\nrole_session_name = dev\n",
        user.access_key_id,
        user.secret_access_key.expose_secret(),
        arn("Ops"),
    ));
    // In a session of its own: without a terminal, the code is read from standard input.
    let get = |more: &[&str], typed: &str| {
        let command =
            aws.iam_bridge(&[&["token", "--cache", "--no-cache", "-i", "c", "--profile", "ops"], more].concat());
        let mut detached = clean("setsid");
        detached.arg("-w").arg(command.get_program()).args(command.get_args());
        detached.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let said = run(detached.stdin(File::open(aws.write("typed", typed)).unwrap()));
        aws.assert_no_secret(&said);
        said
    };
    let first = get(&[], "123456\n");
    assert!(first.stderr.contains("Assume Role MFA token code: "), "{}", first.stderr);
    let second = get(&[], "");
    assert_eq!((access_key_id(&second), second.stderr.as_str()), (access_key_id(&first), ""));
    assert_eq!(aws.calls("AssumeRole"), 1);

    // What was kept under one role does not serve another; and a refusal of that role costs no second code.
    let denied = get(&["-r", &arn("Denied")], "123456\n");
    assert_eq!(denied.code, Some(1), "{}", denied.stderr);
    let denied = get(&["-r", &arn("Denied")], "");
    assert!(!denied.stderr.contains("MFA token code") && denied.stderr.contains("AccessDenied"), "{}", denied.stderr);
    assert_eq!(aws.calls("AssumeRole"), 4);
}

#[test]
fn the_role_is_assumed_anew_with_kept_base_keys() {
    let aws = Aws::start();
    let base = aws.role_session("Base", "dev");
    let script = aws.write("process.sh", "");
    let answer = format!(
        r#"{{"Version":1,"AccessKeyId":"{}","SecretAccessKey":"{}","SessionToken":"{}","Expiration":"{}"}}"#,
        base.access_key_id,
        base.secret_access_key.expose_secret(),
        base.session_token.as_ref().unwrap().expose_secret(),
        Timestamp::now() + SignedDuration::from_hours(1),
    );
    let count = aws.at("count");
    fs::write(&script, format!("echo x >> {}\necho '{answer}'\n", count.display())).unwrap();
    aws.write_config(&format!("[profile p]\ncredential_process = sh {}\n", script.display()));
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Dev");
    let mut key_ids = Vec::new();
    for _ in 0..2 {
        let args = ["token", "--cache", "--no-cache", "-i", "c", "--profile", "p", "-r", &role, "-s", "dev"];
        let said = run(&mut aws.iam_bridge(&args));
        aws.assert_no_secret(&said);
        key_ids.push(access_key_id(&said));
    }
    assert_ne!(key_ids[0], key_ids[1]);
    assert_eq!((aws.calls("AssumeRole"), fs::read_to_string(&count).unwrap().lines().count()), (2, 1));
    let file: Value = serde_saphyr::from_str(&fs::read_to_string(aws.at(FILE)).unwrap()).unwrap();
    assert_eq!(file["clusters"]["c"]["p"][&role]["accesskeyid"], base.access_key_id.as_str());
}
