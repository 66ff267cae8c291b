//! get-token where AWS has to be asked, or its files be read: the real binary against a fake STS on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tempfile::TempDir;

use crate::harness::process::{Said, iam_bridge, run};

const SECRET: &str = "canarySecretKey0123456789abcdefghijklmno";
const SESSION: &str = "canarySessionToken/+=";
const ROLE: &str = "arn:aws:iam::111122223333:role/Dev";

/// Answers calls in turn, over plain HTTP, and tells what it was asked.
pub(super) struct FakeSts {
    address: SocketAddr,
    asked: Receiver<String>,
}

impl FakeSts {
    pub(super) fn start(answers: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, asked) = channel();
        thread::spawn(move || {
            for (status, body) in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                let _ = sender.send(answer(stream, status, &body));
            }
        });
        Self { address, asked }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = offline(args);
        command.env("AWS_ENDPOINT_URL_STS", self.url());
        command
    }

    /// Form of the next request.
    fn asked(&self) -> String {
        self.asked.try_recv().expect("STS was asked")
    }
}

fn answer(stream: TcpStream, status: u16, body: &str) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).unwrap();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    String::from_utf8(form).unwrap()
}

fn assumed(expiration: &str) -> (u16, String) {
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser>\
         <AssumedRoleId>AROAEXAMPLEEXAMPLE:s</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/Dev/s</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>ASIAASSUMEDASSUMED</AccessKeyId>\
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{SESSION}</SessionToken>\
         <Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    (200, body)
}

fn identity(user_id: &str) -> (u16, String) {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:sts::111122223333:assumed-role/Base/alice</Arn><UserId>{user_id}</UserId>\
         <Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    (200, body)
}

pub(super) fn refusal(code: &str, message: &str) -> (u16, String) {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    (403, body)
}

/// The binary, with no file, variable or metadata service of this machine.
fn offline(args: &[&str]) -> Command {
    let mut command = iam_bridge();
    command.args(args).env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command
}

fn with_keys(mut command: Command) -> Command {
    command.env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTKEY").env("AWS_SECRET_ACCESS_KEY", SECRET);
    command
}

/// The binary with the AWS config file `text` in `folder`.
fn with_config(folder: &TempDir, text: &str, args: &[&str]) -> Command {
    let file = folder.path().join("config");
    std::fs::write(&file, text).unwrap();
    let mut command = offline(args);
    command.env("AWS_CONFIG_FILE", &file).env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("none"));
    command
}

/// The presigned URL inside the token that was printed.
fn url(said: &Said) -> String {
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let token = said.stdout.trim().strip_prefix("k8s-aws-v1.").expect("a bare token");
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
}

fn assert_no_secret(said: &Said) {
    for secret in [SECRET, SESSION] {
        assert!(!said.stderr.contains(secret) && !said.stdout.contains(secret), "{}", said.stderr);
    }
}

const BARE: [&str; 6] = ["get-token", "-i", "c", "--region", "eu-west-1", "--token-only"];

fn bare(more: &[&'static str]) -> Vec<&'static str> {
    BARE.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn keys_of_the_environment_need_nothing_else() {
    let said = run(&mut with_keys(offline(&BARE)));
    let url = url(&said);
    assert!(url.starts_with("https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&"), "{url}");
    assert!(url.contains("X-Amz-Credential=AKIAENVIRONMENTKEY%2F"), "{url}");
    assert_eq!(said.stderr, "");
}

#[test]
fn a_role_is_assumed_for_a_quarter_of_an_hour() {
    let sts = FakeSts::start(vec![assumed("2099-01-01T00:00:00Z")]);
    let args = bare(&["--role-arn", ROLE, "--external-id", "ext 1", "--session-name", "alice"]);
    let said = run(&mut with_keys(sts.command(&args)));
    let url = url(&said);
    assert!(url.contains("X-Amz-Credential=ASIAASSUMEDASSUMED%2F"), "{url}");
    assert!(url.contains("X-Amz-Security-Token=canarySessionToken%2F%2B%3D&X-Amz-SignedHeaders="), "{url}");
    let form = sts.asked();
    for part in [
        "Action=AssumeRole",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2FDev",
        "RoleSessionName=alice",
        "DurationSeconds=900",
        "ExternalId=ext%201",
    ] {
        assert!(form.contains(part), "{part} in {form}");
    }
    assert_no_secret(&said);
}

#[test]
fn a_session_name_is_forwarded() {
    for (user_id, forwarded) in [
        ("AROAEXAMPLEEXAMPLE:alice@example.com", Some("alice%40example.com")),
        ("AIDAEXAMPLEEXAMPLE", None),
        ("AROAEXAMPLEEXAMPLE:a:b", None),
    ] {
        let sts = FakeSts::start(vec![identity(user_id), assumed("2099-01-01T00:00:00Z")]);
        let said = run(&mut with_keys(sts.command(&bare(&["-r", ROLE, "--forward-session-name"]))));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        assert!(sts.asked().contains("Action=GetCallerIdentity"));
        let form = sts.asked();
        let name = forwarded.unwrap_or("iam-bridge-");
        assert!(form.contains(&format!("RoleSessionName={name}")), "{form}");
    }
}

#[test]
fn a_session_name_that_cannot_be_asked_for_is_fatal() {
    let sts = FakeSts::start(vec![refusal("AccessDenied", "no")]);
    let said = run(&mut with_keys(sts.command(&bare(&["-r", ROLE, "--forward-session-name"]))));
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.starts_with("could not get token: "), "{}", said.stderr);
    assert!(
        said.stderr.contains("STS does not say whose keys") && said.stderr.contains("AccessDenied"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_refused_role_is_told_with_code_words_and_cure_but_no_secret() {
    let echo = format!("not authorized to assume\nThe Canonical String was x-amz-security-token:{SESSION} {SECRET}");
    let sts = FakeSts::start(vec![refusal("AccessDenied", &echo)]);
    let said = run(&mut with_keys(sts.command(&bare(&["-r", ROLE, "-s", "alice"]))));
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    for words in ["could not get token: ", ROLE, "AccessDenied", "not authorized to assume", "trust policy"] {
        assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
    }
    assert_no_secret(&said);
}

#[test]
fn the_expiry_follows_the_keys_of_the_role() {
    let sts = FakeSts::start(vec![assumed("2001-01-01T00:00:00Z")]);
    let args = ["get-token", "-i", "c", "--region", "eu-west-1", "-r", ROLE, "-s", "alice"];
    let said = run(&mut with_keys(sts.command(&args)));
    let answer: serde_json::Value = serde_json::from_str(&said.stdout).expect(&said.stderr);
    let told: jiff::Timestamp = answer["status"]["expirationTimestamp"].as_str().unwrap().parse().unwrap();
    let left = told.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((0..=60).contains(&left), "{left} s");
}

#[test]
fn profiles_give_keys_and_region() {
    let folder = TempDir::new().unwrap();
    let text = format!(
        "[default]\nregion = eu-west-3\naws_access_key_id = AKIADEFAULTDEFAULT\naws_secret_access_key = {SECRET}\n\
         [profile other]\nregion = ap-south-1\naws_access_key_id = AKIAOTHEROTHEROTHER\naws_secret_access_key = {SECRET}\n\
         use_fips_endpoint = true\n[profile vpc]\nregion = eu-west-3\nservices = here\n\
         aws_access_key_id = AKIAVPCVPCVPCVPC\naws_secret_access_key = {SECRET}\n\
         [services here]\nsts =\n  endpoint_url = https://sts.vpc.example\n"
    );
    let args = ["token", "-i", "c", "--token-only"];
    let by = |args: &[&str], variables: &[(&str, &str)]| {
        url(&run(with_config(&folder, &text, args).envs(variables.iter().copied())))
    };
    let seen = by(&args, &[]);
    assert!(seen.starts_with("https://sts.eu-west-3.amazonaws.com/") && seen.contains("=AKIADEFAULT"), "{seen}");
    let seen = by(&args, &[("AWS_PROFILE", "other")]);
    assert!(seen.starts_with("https://sts-fips.ap-south-1.amazonaws.com/") && seen.contains("=AKIAOTHER"), "{seen}");
    let seen = by(&args, &[("AWS_PROFILE", "vpc")]);
    assert!(seen.starts_with("https://sts.vpc.example/?Action"), "{seen}");
    let seen = by(&args, &[("AWS_PROFILE", "vpc"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]);
    assert!(seen.starts_with("https://sts.eu-west-3.amazonaws.com/"), "{seen}");

    // AWS_PROFILE leaves the environment's keys first; --profile does not.
    let keys =
        [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTKEY"), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_PROFILE", "other")];
    let seen = by(&args, &keys);
    assert!(seen.contains("=AKIAENVIRONMENTKEY%2F") && seen.contains("ap-south-1"), "{seen}");
    let seen = by(&["token", "-i", "c", "--token-only", "--profile", "other"], &keys);
    assert!(seen.contains("=AKIAOTHEROTHEROTHER%2F"), "{seen}");
}

#[test]
fn the_config_file_stands_behind_flags_and_environment() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("authenticator.yaml");
    std::fs::write(
        &file,
        format!("clusterid: f\nROLE: {ROLE}\nregion: eu-north-1\ntokenOnly: true\nsessionName: fromfile\n"),
    )
    .unwrap();
    let path = file.to_str().unwrap();
    for (args, region, name) in [
        (&["token", "-c", path][..], "eu-north-1", "fromfile"),
        (&["token", "-c", path, "--region", "eu-west-1", "-s", "typed"], "eu-west-1", "typed"),
    ] {
        let sts = FakeSts::start(vec![assumed("2099-01-01T00:00:00Z")]);
        let mut command = with_keys(sts.command(args));
        let url = url(&run(command.env("AWS_REGION", "ap-south-1")));
        assert!(url.contains(&format!("%2F{region}%2Fsts%2F")), "{url}");
        let form = sts.asked();
        assert!(form.contains(&format!("RoleSessionName={name}")) && form.contains("role%2FDev"), "{form}");
    }
    let said = run(&mut with_keys(offline(&["token", "-c", "/nonexistent/config.yaml"])));
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("could not get token: the config file cannot be used"), "{}", said.stderr);
}

#[test]
fn a_credential_process_gives_keys_and_their_end() {
    let folder = TempDir::new().unwrap();
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(300);
    let keys = format!(
        r#"{{"Version":1,"AccessKeyId":"ASIAPROCESSPROCESS","SecretAccessKey":"{SECRET}","SessionToken":"{SESSION}","Expiration":"{end}"}}"#
    );
    let answer = folder.path().join("answer.json");
    std::fs::write(&answer, keys).unwrap();
    let text = format!("[profile p]\nregion = eu-west-1\ncredential_process = cat {}\n", answer.display());
    let said = run(&mut with_config(&folder, &text, &["get-token", "-i", "c", "--profile", "p"]));
    let printed: serde_json::Value = serde_json::from_str(&said.stdout).expect(&said.stderr);
    let told = printed["status"]["expirationTimestamp"].as_str().unwrap();
    assert_eq!(told.parse::<jiff::Timestamp>().unwrap().as_second(), end.as_second());
    assert_no_secret(&said);
}

/// The two lines of a failure: what and why, then what to do.
fn failure(command: &mut Command) -> (String, String) {
    let said = run(command);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
    assert_no_secret(&said);
    let lines: Vec<&str> = said.stderr.lines().collect();
    let [what, remedy] = lines[..] else { panic!("two lines: {}", said.stderr) };
    let what = what.strip_prefix("could not get token: ").expect(what);
    (what.to_owned(), remedy.strip_prefix("hint: ").expect(remedy).to_owned())
}

#[test]
fn settings_that_cannot_be_are_refused() {
    for (name, value, words) in [
        ("AWS_REGION", "evil.example/", "is not a region name"),
        ("AWS_ENDPOINT_URL", "sts.example", "is not an http or https URL"),
        ("AWS_ENDPOINT_URL", "https://me:canary@sts.example?canary=1", "endpoint `https://sts.example` is not"),
    ] {
        let mut command = with_keys(offline(&["token", "-i", "c"]));
        let said = run(command.env(name, value));
        assert_eq!(said.code, Some(1), "{name}");
        assert!(said.stderr.contains(words) && !said.stderr.contains("canary@"), "{}", said.stderr);
    }
    let mut command = with_keys(offline(&["token", "-i", "c", "--region", "us-iso-east-1"]));
    let said = run(command.env("AWS_USE_DUALSTACK_ENDPOINT", "true"));
    assert!(said.stderr.contains("has no dual-stack endpoint"), "{}", said.stderr);
}

#[test]
fn a_broken_aws_config_file_stops_only_those_who_need_it() {
    let folder = TempDir::new().unwrap();
    let text = "[profile a\nregion";
    let said = run(&mut with_keys(with_config(&folder, text, &BARE)));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("going on with the keys of the environment"), "{}", said.stderr);
    let said = run(&mut with_config(&folder, text, &BARE));
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("AWS config files"), "{}", said.stderr);
}

#[test]
fn a_closed_port_and_bad_trust_roots_end_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut command = with_keys(offline(&bare(&["-r", ROLE])));
    let (why, told) = failure(command.env("AWS_ENDPOINT_URL_STS", format!("http://{address}")));
    assert!(why.contains(&format!("cannot be assumed: no answer from `http://{address}`: ")), "{why}");
    assert!(told.contains("network") && told.contains(&format!("`curl -sSI http://{address}`")), "{told}");

    let mut command = with_keys(offline(&bare(&["-r", ROLE])));
    command.env("AWS_ENDPOINT_URL_STS", format!("https://{address}"));
    let (why, _) = failure(command.env("AWS_CA_BUNDLE", Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")));
    assert!(why.contains("holds no certificate"), "{why}");
}
