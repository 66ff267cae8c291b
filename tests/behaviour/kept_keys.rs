//! `--cache-credentials`: keys of roles kept between runs, by the real binary and an AWS that counts its calls.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::harness::aws::{ACCOUNT, Aws, SsoLogin, access_key_id};
use crate::harness::process::{Said, run};

const ROLE: &str = "arn:aws:iam::111122223333:role/Dev";
const DIRECTORY: &str = ".kube/cache/iam-bridge";

/// get-token for `cluster` as `principal`, by the environment; keys are kept, tokens are not.
fn command(aws: &Aws, principal: &Principal, cluster: &str, more: &[&str]) -> Command {
    let mut command = bare(aws, cluster, more);
    aws.with_keys(principal, &mut command);
    command
}

fn bare(aws: &Aws, cluster: &str, more: &[&str]) -> Command {
    let mut command =
        aws.iam_bridge(&["get-token", "--token-only", "--cache-credentials", "--no-cache", "-i", cluster]);
    command.args(more);
    command
}

fn good(aws: &Aws, command: &mut Command) -> Said {
    let said = run(command);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    aws.assert_no_secret(&said);
    said
}

/// The files of kept keys.
fn kept(aws: &Aws) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(aws.at(DIRECTORY)) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_str().unwrap().ends_with(".credentials.json")).collect()
}

fn the_file(aws: &Aws) -> PathBuf {
    let files = kept(aws);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn a_role_is_assumed_once_for_two_clusters() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    let first = good(&aws, &mut command(&aws, &alice, "one", &["-r", ROLE]));
    let second = good(&aws, &mut command(&aws, &alice, "two", &["-r", ROLE]));
    assert_eq!(aws.calls("AssumeRole"), 1);
    assert_eq!(access_key_id(&first), access_key_id(&second));
    assert_ne!(first.stdout, second.stdout);
    assert_eq!(second.stderr, "");

    let file = the_file(&aws);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(file.clone()), mode(aws.at(DIRECTORY))), (0o600, 0o700));
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let digits = name.strip_suffix(".credentials.json").unwrap();
    assert!(digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(alice.secret_access_key.expose_secret()), "only the role's keys are kept");
}

#[test]
fn keys_are_kept_only_when_asked_for() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    for _ in 0..2 {
        let mut unasked = aws.iam_bridge(&["get-token", "--token-only", "--no-cache", "-i", "c", "-r", ROLE]);
        good(&aws, aws.with_keys(&alice, &mut unasked));
        good(&aws, command(&aws, &alice, "c", &["-r", ROLE]).env("IAM_BRIDGE_NO_CACHE", "1"));
    }
    assert_eq!((aws.calls("AssumeRole"), kept(&aws).len()), (4, 0), "the variable says that nothing is kept");
}

#[test]
fn keys_that_are_there_without_asking_are_never_kept() {
    let aws = Aws::start();
    let session = aws.role_session("Ci", "job");
    good(&aws, &mut command(&aws, &session, "c", &[]));
    let mut ending = command(&aws, &session, "c", &[]);
    good(&aws, ending.env("AWS_CREDENTIAL_EXPIRATION", "2099-01-01T00:00:00Z"));
    let user = aws.user("bob");
    aws.write_config(&format!(
        "[profile p]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        user.access_key_id,
        user.secret_access_key.expose_secret()
    ));
    good(&aws, &mut bare(&aws, "c", &["--profile", "p"]));
    let mut metadata = bare(&aws, "c", &[]);
    good(&aws, aws.in_container(&session, &mut metadata));
    assert_eq!(kept(&aws), Vec::<PathBuf>::new());
}

#[test]
fn other_settings_and_other_people_get_other_keys() {
    let aws = Aws::start();
    let (alice, bob) = (aws.user("alice"), aws.user("bob"));
    good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    for (calls, who, more) in [
        (2, &bob, &["-r", ROLE][..]),
        (3, &alice, &["-r", ROLE, "-e", "external"]),
        (4, &alice, &["-r", ROLE, "-s", "name"]),
        (5, &alice, &["-r", "arn:aws:iam::111122223333:role/Other"]),
    ] {
        for _ in 0..2 {
            good(&aws, &mut command(&aws, who, "c", more));
            assert_eq!(aws.calls("AssumeRole"), calls, "{more:?}");
        }
    }
    assert_eq!(kept(&aws).len(), 5);
}

#[test]
fn a_changed_config_file_drops_the_keys() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    aws.write_config("[default]\nregion = eu-central-1\n");
    good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    assert_eq!(aws.calls("AssumeRole"), 2);
}

#[test]
fn keys_near_their_end_are_asked_for_anew() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    let file = the_file(&aws);
    let whole: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let now = aws.now().0;
    for (member, value) in [
        ("expiration", now + 290),
        ("reuse_until", now - 1),
        // The clock was set back.
        ("kept_at", now + 600),
    ] {
        let mut changed = whole.clone();
        changed[member] = value.into();
        if member == "expiration" {
            changed["reuse_until"] = (now + 200).into();
        }
        fs::write(&file, changed.to_string()).unwrap();
        let before = aws.calls("AssumeRole");
        assert_eq!(good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE])).stderr, "");
        assert_eq!(aws.calls("AssumeRole"), before + 1, "{member}");
    }
}

#[test]
fn a_bad_file_is_ignored_with_a_note_and_replaced() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    let file = the_file(&aws);
    let good_text = fs::read_to_string(&file).unwrap();
    let elsewhere = aws.write("elsewhere", &good_text);
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o600)).unwrap();
    let edited = |member: &str, value: Value| {
        let mut text: Value = serde_json::from_str(&good_text).unwrap();
        text[member] = value;
        text.to_string()
    };
    let texts = [
        "{".to_owned(),
        edited("v", 2.into()),
        edited("key", "0".repeat(64).into()),
        edited("secret_access_key", "".into()),
        edited("expiration", i64::MAX.into()),
        " ".repeat(17 * 1024),
    ];
    let expect = |what: &str| {
        let before = aws.calls("AssumeRole");
        let said = good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
        assert!(said.stderr.contains("kept credentials"), "{what}: {}", said.stderr);
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
        assert_eq!(aws.calls("AssumeRole"), before + 1, "{what}");
        assert_eq!(good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE])).stderr, "");
        assert_eq!(aws.calls("AssumeRole"), before + 1, "{what}");
    };
    for text in texts {
        fs::write(&file, &text).unwrap();
        expect(&text);
    }
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    expect("mode");
    fs::remove_file(&file).unwrap();
    symlink(&elsewhere, &file).unwrap();
    expect("link");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), good_text);
}

#[test]
fn a_shared_directory_keeps_nothing() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    fs::set_permissions(aws.at(DIRECTORY), Permissions::from_mode(0o755)).unwrap();
    let said = good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    assert!(said.stderr.contains("the credentials cannot be kept"), "{}", said.stderr);
    assert_eq!(aws.calls("AssumeRole"), 2);
}

#[test]
fn kept_keys_are_listed_without_secrets_and_cleared() {
    let aws = Aws::start();
    let alice = aws.user("alice");
    good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    let listed = run(&mut aws.iam_bridge(&["cache", "list", "-o", "json"]));
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    assert!(listed.stdout.contains("credentials"), "{}", listed.stdout);
    assert!(!listed.stdout.contains(ACCOUNT) && !listed.stdout.contains("ASIA"), "{}", listed.stdout);
    let cleared = run(&mut aws.iam_bridge(&["cache", "clear"]));
    assert_eq!(cleared.code, Some(0), "{}", cleared.stderr);
    assert_eq!(kept(&aws), Vec::<PathBuf>::new());
    good(&aws, &mut command(&aws, &alice, "c", &["-r", ROLE]));
    assert_eq!(aws.calls("AssumeRole"), 2);
}

#[test]
fn keys_of_a_web_identity_are_kept() {
    let aws = Aws::start();
    aws.trust_web_identity("canary.oidc.token", "Ci", "job");
    let token = aws.write("token", "canary.oidc.token");
    for cluster in ["one", "two"] {
        let mut command = bare(&aws, cluster, &[]);
        command.env("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/Ci").env("AWS_WEB_IDENTITY_TOKEN_FILE", &token);
        good(&aws, &mut command);
    }
    assert_eq!(aws.calls("AssumeRoleWithWebIdentity"), 1);
    the_file(&aws);
}

#[test]
fn keys_of_identity_center_are_kept_until_the_logout() {
    let aws = Aws::start();
    let login = SsoLogin { identifier: "people", role: "Dev", lives: 3600, refreshes: false };
    let (_, login_file) = aws.log_in_by_sso(login);
    aws.write_config(&format!(
        "[sso-session people]\nsso_start_url = {}\nsso_region = {}\n[profile sso]\nsso_session = people\n\
         sso_account_id = {ACCOUNT}\nsso_role_name = Dev\n",
        crate::harness::aws::START_URL,
        crate::harness::aws::REGION
    ));
    let get = |cluster: &str| run(&mut bare(&aws, cluster, &["--profile", "sso"]));
    assert_eq!(get("one").code, Some(0));
    assert_eq!(get("two").code, Some(0));
    assert_eq!(aws.calls("GetRoleCredentials"), 1);
    the_file(&aws);
    fs::remove_file(login_file).unwrap();
    assert_eq!(get("two").code, Some(1), "who has logged out has no keys");
    aws.log_in_by_sso(login);
    assert_eq!(get("two").code, Some(0));
    assert_eq!(aws.calls("GetRoleCredentials"), 2);
}
