//! The token cache as a person meets it: which token is printed, what lies on the disk, what is said.
//!
//! Keys in the environment sign alike within a second, so a hit is told by a mark: a token that only the file can hold.

mod bad_files;
mod clock;
mod commands;
mod crowd;
mod key;
mod refused;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::aws::{Aws, START_URL, SsoLogin};
use crate::harness::process::{Said, iam_bridge, run, say_aloud};

/// A token of the right form that nobody signed.
const MARK: &str = "k8s-aws-v1.bWFya2Vk";

/// Prints the bare token.
const BARE: [&str; 6] = ["get-token", "-i", "c", "--region", "eu-west-1", "--token-only"];

/// Keys in the environment and a home of one's own.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = iam_bridge();
        command
            .args(args)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTKEY")
            .env("AWS_SECRET_ACCESS_KEY", "canarySecretKey0123456789")
            .env("HOME", self.0.path());
        command
    }

    fn home(&self) -> &Path {
        self.0.path()
    }

    fn cache(&self) -> PathBuf {
        self.home().join(".kube/cache/iam-bridge")
    }

    /// Fills the cache and marks what is in it; yields the file.
    fn marked(&self) -> PathBuf {
        assert_ne!(token(&run(&mut self.command(&BARE))), MARK);
        let file = only_token_in(&self.cache());
        mark(&file);
        file
    }
}

/// What was printed by a command that must succeed.
fn token(said: &Said) -> &str {
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    said.stdout.trim_end()
}

/// Whether the command took its token from the cache, and said nothing about it.
fn hits(command: &mut Command) -> bool {
    let said = run(command);
    let is_hit = token(&said) == MARK;
    assert_eq!(said.stderr, "");
    is_hit
}

/// Files of tokens, sorted.
fn tokens_in(cache: &Path) -> Vec<PathBuf> {
    names_in(cache).into_iter().filter(|name| name.ends_with(".token.json")).map(|name| cache.join(name)).collect()
}

fn only_token_in(cache: &Path) -> PathBuf {
    let [file] = <[PathBuf; 1]>::try_from(tokens_in(cache)).expect("one token");
    file
}

/// The lock beside a token.
fn lock_of(token: &Path) -> PathBuf {
    let name = token.file_name().unwrap().to_str().unwrap();
    token.with_file_name(name.replace(".token.json", ".lock"))
}

/// Everything in a directory, sorted; nothing in one that is not there.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = directory.read_dir().into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().expect("a name in UTF-8")).collect();
    names.sort();
    names
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut entry = read(file);
    change(&mut entry);
    fs::write(file, entry.to_string()).unwrap();
}

fn mark(file: &Path) {
    edit(file, |entry| entry["token"] = MARK.into());
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_token_is_signed_once_and_given_out_again() {
    let desk = Desk::new();
    let file = desk.marked();
    assert!(hits(&mut desk.command(&BARE)));
    assert!(hits(&mut desk.command(&["token", "-i", "c", "--region", "eu-west-1", "--token-only"])), "the other name");

    let entry = read(&file);
    let said = run(&mut desk.command(&["get-token", "--cluster-name", "c", "--region", "eu-west-1"]));
    let printed: Value = serde_json::from_str(&said.stdout).expect(&said.stderr);
    assert_eq!(printed["status"]["token"], MARK);
    let told: jiff::Timestamp = printed["status"]["expirationTimestamp"].as_str().unwrap().parse().unwrap();
    assert_eq!(told.as_second(), entry["expiration"].as_i64().unwrap(), "the stored end is told");
    assert_eq!(entry["expiration"].as_i64().unwrap() - entry["signed_at"].as_i64().unwrap(), 14 * 60);
}

#[test]
fn a_cached_token_costs_one_file_and_nothing_else() {
    if !Path::new("/usr/bin/strace").exists() {
        return say_aloud("not run: there is no strace (a_cached_token_costs_one_file_and_nothing_else)");
    }
    let desk = Desk::new();
    fs::create_dir(desk.home().join(".aws")).unwrap();
    fs::write(desk.home().join(".aws/config"), "[default]\nregion = eu-west-1\n").unwrap();
    desk.marked();
    let trace = desk.home().join("trace");
    let command = desk.command(&BARE);
    let mut strace = Command::new("/usr/bin/strace");
    strace.args(["-f", "-e", "trace=network,process,open,openat", "-o"]).arg(&trace);
    strace.arg(command.get_program()).args(command.get_args()).env_clear();
    assert!(hits(strace.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))));
    let trace = fs::read_to_string(trace).unwrap();
    let of_ours: Vec<&str> = trace.lines().filter(|line| line.contains(desk.home().to_str().unwrap())).collect();
    assert_eq!(of_ours.len(), 1, "{trace}");
    for call in ["socket", "connect", "clone", "fork"] {
        assert!(!trace.contains(call), "{call}: {trace}");
    }
}

#[test]
fn what_is_kept_is_private_and_its_name_tells_nothing() {
    let desk = Desk::new();
    run(&mut desk.command(&BARE));
    let file = only_token_in(&desk.cache());
    assert_eq!((mode(&file), mode(&desk.cache())), (0o600, 0o700));
    let (digits, end) = file.file_name().unwrap().to_str().unwrap().split_once('.').unwrap();
    assert_eq!((digits.len(), end), (64, "token.json"));
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)), "{digits}");
    let lock = format!("{digits}.lock");
    assert_eq!(names_in(&desk.cache()), [lock.clone(), format!("{digits}.token.json")], "and nothing unfinished");
    assert_eq!(mode(&desk.cache().join(lock)), 0o600);
    assert!(!fs::read_to_string(&file).unwrap().contains("canary"), "no secret key");
}

#[test]
fn whoever_wants_no_cache_has_none() {
    for (args, variables, why) in [
        (&["--no-cache"][..], &[][..], "the flag"),
        (&[], &[("IAM_BRIDGE_NO_CACHE", "1")], "the variable"),
        (&["--no-cache=false"], &[], "a flag that says no"),
        (&["--no-cache=false"], &[("IAM_BRIDGE_NO_CACHE", "1")], "the flag wins"),
        (&[], &[("IAM_BRIDGE_NO_CACHE", "0")], "a variable that says no"),
    ] {
        let is_off = !args.contains(&"--no-cache=false") && !variables.contains(&("IAM_BRIDGE_NO_CACHE", "0"));
        let args: Vec<&str> = BARE.iter().chain(args).copied().collect();
        let desk = Desk::new();
        run(desk.command(&args).envs(variables.iter().copied()));
        assert_eq!(names_in(desk.home()).is_empty(), is_off, "{why}: written");
        desk.marked();
        assert_eq!(hits(desk.command(&args).envs(variables.iter().copied())), !is_off, "{why}: read");
    }
}

#[test]
fn a_refresh_can_be_forced_and_is_kept() {
    for flag in ["--force-refresh", "--no-cache-read"] {
        let desk = Desk::new();
        let file = desk.marked();
        let args: Vec<&str> = BARE.iter().chain(&[flag]).copied().collect();
        let said = run(&mut desk.command(&args));
        assert_ne!(token(&said), MARK, "{flag}");
        assert_eq!(read(&file)["token"], token(&said), "{flag}: kept in place of the old one");
    }
}

#[test]
fn the_cache_is_where_flag_and_variables_say() {
    let desk = Desk::new();
    let at = |name: &str| desk.home().join(name).to_str().unwrap().to_owned();
    let (flag, ours, kubectls) = (at("flag"), at("ours"), at("kubectls"));
    for (args, variables, place) in [
        (
            &["--cache-dir", flag.as_str()][..],
            &[("IAM_BRIDGE_CACHE_DIR", &ours), ("KUBECACHEDIR", &kubectls)][..],
            "flag",
        ),
        (&[], &[("IAM_BRIDGE_CACHE_DIR", &ours), ("KUBECACHEDIR", &kubectls)], "ours"),
        (&[], &[("KUBECACHEDIR", &kubectls)], "kubectls/iam-bridge"),
        (&[], &[], ".kube/cache/iam-bridge"),
    ] {
        let before: Vec<String> = names_in(desk.home());
        let args: Vec<&str> = BARE.iter().chain(args).copied().collect();
        run(desk.command(&args).envs(variables.iter().copied()));
        let file = only_token_in(&desk.home().join(place));
        assert_eq!(names_in(desk.home()).len(), before.len() + 1, "{place}: and nowhere else");
        mark(&file);
        assert!(hits(desk.command(&args).envs(variables.iter().copied())), "{place}");
    }
}

#[test]
fn clusters_roles_profiles_and_regions_are_kept_apart() {
    let desk = Desk::new();
    let keys = "aws_access_key_id = AKIAPROFILEPROFILE\naws_secret_access_key = x\n";
    fs::create_dir(desk.home().join(".aws")).unwrap();
    fs::write(desk.home().join(".aws/config"), format!("[profile p]\n{keys}[profile q]\n{keys}")).unwrap();
    let calls = [
        &["-i", "c", "--region", "eu-west-1"][..],
        &["-i", "d", "--region", "eu-west-1"],
        &["-i", "c", "--region", "eu-west-2"],
        &["-i", "c", "--region", "eu-west-1", "--profile", "p"],
        &["-i", "c", "--region", "eu-west-1", "--profile", "q"],
    ];
    for (done, call) in calls.into_iter().enumerate() {
        let mut command = desk.command(&["get-token"]);
        assert!(token(&run(command.args(call))).starts_with('{'));
        assert_eq!(tokens_in(&desk.cache()).len(), done + 1, "{call:?}");
    }
    let aws = Aws::start();
    let principal = aws.role_session("Base", "alice");
    for (done, role) in ["One", "Two"].into_iter().enumerate() {
        let role = format!("arn:aws:iam::111122223333:role/{role}");
        let said = run(aws.with_keys(&principal, &mut aws.iam_bridge(&["get-token", "-i", "c", "-r", &role])));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        assert_eq!(tokens_in(&aws.at(".kube/cache/iam-bridge")).len(), done + 1, "{role}");
    }
}

#[test]
fn a_changed_config_file_ends_it() {
    let desk = Desk::new();
    desk.marked();
    fs::create_dir(desk.home().join(".aws")).unwrap();
    for name in ["config", "credentials"] {
        let file = desk.home().join(".aws").join(name);
        fs::write(&file, "[profile a]\nregion = eu-west-1\n").unwrap();
        assert!(!hits(&mut desk.command(&BARE)), "{name} has come");
        tokens_in(&desk.cache()).iter().for_each(|file| mark(file));
        assert!(hits(&mut desk.command(&BARE)));
        fs::write(&file, "[profile b]\nregion = eu-west-1\n").unwrap();
        assert!(!hits(&mut desk.command(&BARE)), "{name} has changed");
        tokens_in(&desk.cache()).iter().for_each(|file| mark(file));
    }
    assert!(hits(&mut desk.command(&BARE)));
    assert!(!hits(desk.command(&BARE).env("AWS_ACCESS_KEY_ID", "AKIAOTHEROTHEROTHER")), "other keys");
    assert!(!hits(desk.command(&BARE).env("AWS_SESSION_TOKEN", "canarySession")), "another session");
}

/// A secret that was mistyped makes a token that every server refuses: it must not outlive the mistake.
#[test]
fn a_corrected_secret_ends_it() {
    let desk = Desk::new();
    let file = desk.marked();
    assert!(!hits(desk.command(&BARE).env("AWS_SECRET_ACCESS_KEY", "canaryAnotherSecretKey")), "the same id");
    assert_eq!(tokens_in(&desk.cache()), [file], "in place of the old one: no secret is part of a name");
}

#[test]
fn a_logout_ends_it() {
    let aws = Aws::start();
    let login = SsoLogin { identifier: "people", role: "Dev", lives: 3600, refreshes: false };
    let (principal, file) = aws.log_in_by_sso(login);
    aws.write_config(&format!(
        "[sso-session people]\nsso_start_url = {START_URL}\nsso_region = eu-central-1\n\
         [profile p]\nsso_session = people\nsso_account_id = 111122223333\nsso_role_name = Dev\n"
    ));
    let call = || run(&mut aws.iam_bridge(&["get-token", "-i", "c", "--profile", "p", "--token-only"]));
    let first = call();
    assert_eq!(token(&first), token(&call()));
    assert_eq!(aws.calls("GetRoleCredentials"), 1, "{principal:?}");
    fs::remove_file(file).unwrap();
    let said = call();
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "a token of a login that is over is not given out");
}
