//! `--cache`: the reference's credential cache file, by the real binary and a credential process that counts its calls.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::aws::access_key_id;
use crate::harness::process::{Said, iam_bridge, run};

const SECRET: &str = "canarySecretKey0123456789abcdefghijklmno";
const SESSION: &str = "canarySessionToken/+=";
const FILE: &str = ".kube/cache/aws-iam-authenticator/credentials.yaml";

/// A home with one profile, whose credential process says what it is told and notes that it was asked.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(TempDir::new().unwrap());
        let [count, answer, script] = ["count", "answer", "process.sh"].map(|name| home.at(name));
        fs::write(&script, format!("echo x >> {}\ncat {}\n", count.display(), answer.display())).unwrap();
        let config = format!("[profile p]\nregion = eu-west-1\ncredential_process = sh {}\n", script.display());
        fs::write(home.at("config"), config).unwrap();
        home.answer("ASIAFRESHFRESHFRESH", Some(3600));
        home
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.at(FILE)
    }

    /// What the process says from now on.
    fn answer(&self, id: &str, life: Option<i64>) {
        let end = life.map(|seconds| format!(r#","Expiration":"{}""#, in_seconds(seconds))).unwrap_or_default();
        let keys = format!(
            r#"{{"Version":1,"AccessKeyId":"{id}","SecretAccessKey":"{SECRET}","SessionToken":"{SESSION}"{end}}}"#
        );
        fs::write(self.at("answer"), keys).unwrap();
    }

    /// How often it was asked.
    fn asked(&self) -> usize {
        fs::read_to_string(self.at("count")).unwrap_or_default().lines().count()
    }

    /// Puts a cache file there, as the reference leaves it.
    fn seed(&self, text: &str) {
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), text).unwrap();
        self.set_mode(0o600);
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(self.file(), Permissions::from_mode(mode)).unwrap();
    }

    fn content(&self) -> Value {
        serde_saphyr::from_str(&fs::read_to_string(self.file()).unwrap()).unwrap()
    }

    /// The binary for `cluster`, without the token cache.
    fn command(&self, cluster: &str) -> Command {
        let mut command = iam_bridge();
        command
            .args(["token", "--cache", "--token-only", "-i", cluster])
            .env("HOME", self.0.path())
            .env("AWS_CONFIG_FILE", self.at("config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.at("none"))
            .env("AWS_PROFILE", "p")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("IAM_BRIDGE_NO_CACHE", "1");
        command
    }

    fn run(&self, cluster: &str) -> Said {
        let said = run(&mut self.command(cluster));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        assert!(!said.stderr.contains(SECRET) && !said.stderr.contains(SESSION), "{}", said.stderr);
        said
    }
}

fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}

/// An entry of this key and end, with `more` members, indented as a role's.
fn entry(id: &str, more: &str) -> String {
    format!(
        "        accesskeyid: {id}\n        secretaccesskey: {SECRET}\n        sessiontoken: {SESSION}\n        \
         source: ProcessProvider\n{more}        accountid: \"\"\n"
    )
}

/// A cache file with one entry, for cluster `c`.
fn one(more: &str) -> String {
    format!("clusters:\n  c:\n    p:\n      \"\":\n{}", entry("ASIAKEPTKEPTKEPTKEPT", more))
}

fn ends(end: Timestamp) -> String {
    format!("        canexpire: true\n        expires: {end}\n")
}

#[test]
fn keys_are_fetched_once_and_kept_privately() {
    let home = Home::new();
    let first = home.run("c");
    assert!(first.stderr.contains("does not exist yet"), "{}", first.stderr);
    let second = home.run("c");
    assert_eq!((home.asked(), second.stderr.as_str()), (1, ""));
    assert_eq!(access_key_id(&second), "ASIAFRESHFRESHFRESH");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(home.file()), mode(home.at(".kube"))), (0o600, 0o700));
    assert_eq!(mode(home.at(".kube/cache/aws-iam-authenticator")), 0o700);

    let kept = &home.content()["clusters"]["c"]["p"][""];
    assert_eq!(kept["accesskeyid"], "ASIAFRESHFRESHFRESH");
    assert_eq!(kept["secretaccesskey"], SECRET);
    assert_eq!(kept["sessiontoken"], SESSION);
    assert_eq!(kept["canexpire"], true);
    assert!(kept["expires"].as_str().unwrap().parse::<Timestamp>().unwrap() > Timestamp::now());
    assert_eq!((kept["source"].is_string(), kept["accountid"].is_string()), (true, true));

    home.run("d");
    assert_eq!(home.asked(), 2, "another cluster's keys are kept apart");
}

#[test]
fn what_the_reference_kept_is_used() {
    let end = in_seconds(3600);
    let offset = (end + SignedDuration::from_hours(2)).strftime("%Y-%m-%dT%H:%M:%S.123456789+02:00").to_string();
    for expires in [end.to_string(), offset, format!("\"{end}\"")] {
        let home = Home::new();
        home.seed(&one(&format!("        canexpire: true\n        expires: {expires}\n")));
        let said = home.run("c");
        assert_eq!((access_key_id(&said).as_str(), said.stderr.as_str()), ("ASIAKEPTKEPTKEPTKEPT", ""), "{expires}");
        assert_eq!(home.asked(), 0);
    }
}

#[test]
fn keys_end_whatever_their_entry_says_about_it() {
    let (past, soon, later) = (in_seconds(-5), in_seconds(60), in_seconds(600));
    for (more, used) in [
        (ends(later), true),
        (ends(soon), false),
        (ends(past), false),
        (format!("        expires: {later}\n"), true),
        (format!("        expires: {past}\n"), false),
        (format!("        canexpire: false\n        expires: {past}\n"), false),
        ("        canexpire: false\n        expires: 0001-01-01T00:00:00Z\n".to_owned(), false),
        ("        canexpire: true\n".to_owned(), false),
        (String::new(), false),
        ("        expires: never\n".to_owned(), false),
    ] {
        let home = Home::new();
        home.seed(&one(&more));
        let said = home.run("c");
        let expected = if used { "ASIAKEPTKEPTKEPTKEPT" } else { "ASIAFRESHFRESHFRESH" };
        assert_eq!((access_key_id(&said).as_str(), home.asked()), (expected, usize::from(!used)), "{more}");
        home.run("c");
        assert_eq!(home.asked(), usize::from(!used), "kept in its place: {more}");
    }
}

#[test]
fn what_others_keep_stays_and_what_has_ended_goes() {
    let home = Home::new();
    let (live, dead) = (ends(in_seconds(600)), ends(in_seconds(-600)));
    let text = format!(
        "later: {{words: [1, -2, 0.5, true, null, \"007\"]}}\nclusters:\n  other:\n    p:\n      \"\":\n{}      arn:x:\n{}    q:\n      \
         \"\":\n{}  \"1e5\":\n    p:\n      \"\":\n{}  odd: 7\n  old:\n    p:\n      \"\":\n        credential: {{accesskeyid: x}}\n",
        entry("ASIAOTHEROTHEROTHER", &(live.clone() + "        future: kept\n")),
        entry("ASIADEADDEADDEADDEA", &dead),
        entry("ASIADEADDEADDEADDEA", &dead),
        entry("ASIANUMBERNUMBERNUM", &live),
    );
    home.seed(&text);
    let mut expected = home.content();
    home.run("c");
    let mut content = home.content();
    let ours = content["clusters"].as_object_mut().unwrap().remove("c").unwrap();
    assert_eq!(ours["p"][""]["accesskeyid"], "ASIAFRESHFRESHFRESH");
    let clusters = expected["clusters"].as_object_mut().unwrap();
    clusters["other"].as_object_mut().unwrap().remove("q");
    clusters["other"]["p"].as_object_mut().unwrap().remove("arn:x");
    assert_eq!(content, expected);
    assert!(fs::read_to_string(home.file()).unwrap().contains("\"1e5\":"), "a text stays one for every reader");
}

#[test]
fn a_file_that_is_not_a_private_cache_is_left_alone() {
    let good = one(&ends(in_seconds(600)));
    let home = Home::new();
    let expect = |words: &str| {
        let before = home.asked();
        let said = home.run("c");
        assert!(said.stderr.contains("unable to use cache: "), "{}", said.stderr);
        assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
        assert_eq!((access_key_id(&said).as_str(), home.asked()), ("ASIAFRESHFRESHFRESH", before + 1));
    };
    for mode in [0o640, 0o604, 0o666] {
        home.seed(&good);
        home.set_mode(mode);
        expect("is not private");
        assert_eq!(fs::read_to_string(home.file()).unwrap(), good);
        assert_eq!(fs::metadata(home.file()).unwrap().permissions().mode() & 0o777, mode);
    }
    home.seed(&good);
    fs::rename(home.file(), home.at("elsewhere")).unwrap();
    symlink(home.at("elsewhere"), home.file()).unwrap();
    expect("is a symbolic link");
    assert_eq!(fs::read_to_string(home.at("elsewhere")).unwrap(), good);
    fs::remove_file(home.file()).unwrap();

    let kubeconfig = "apiVersion: v1\nclusters:\n- cluster: {}\n";
    for text in [kubeconfig, "- a\n", "apiVersion: v1\n"] {
        home.seed(text);
        expect("holds no cached credentials but something else");
        assert_eq!(fs::read_to_string(home.file()).unwrap(), text);
    }
    home.seed(&good);
    // Only root can give files away.
    if std::os::unix::fs::chown(home.file(), Some(65_534), None).is_ok() {
        expect("belongs to user 65534");
        assert_eq!(fs::read_to_string(home.file()).unwrap(), good);
    }
    fs::remove_file(home.file()).unwrap();
    fs::create_dir(home.file()).unwrap();
    expect("unable to use cache");
}

#[test]
fn a_damaged_file_is_replaced_with_a_note() {
    let whole = one(&ends(in_seconds(600)));
    let cut = whole.split_at(whole.len() - 20).0;
    let marked = format!("@{}", whole.split_at(1).1);
    for (text, is_ours) in [
        (&whole.replace("accesskeyid", "\taccesskeyid"), true),
        (&format!("{cut}\n\""), true),
        (&marked, true),
        (&"garbage: [ x".to_owned(), false),
        (&"a letter".to_owned(), false),
        (&"\u{1}\u{2}".to_owned(), false),
    ] {
        let home = Home::new();
        home.seed(text);
        let said = home.run("c");
        assert!(said.stderr.contains("is damaged"), "{text}: {}", said.stderr);
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
        assert_eq!(home.run("c").stderr, "");
        assert_eq!(home.asked(), 1);
        let aside = PathBuf::from(format!("{}.bad", home.file().display()));
        assert_eq!(aside.exists(), !is_ours, "{text}");
        if !is_ours {
            assert_eq!(fs::read_to_string(&aside).unwrap(), *text, "somebody may still need it");
            assert_eq!(fs::metadata(&aside).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    let home = Home::new();
    home.seed("");
    fs::write(home.file(), [0xff, 0xfe, 0x80]).unwrap();
    assert!(home.run("c").stderr.contains("is damaged"));
    assert_eq!(fs::read(home.at(&format!("{FILE}.bad"))).unwrap(), [0xff, 0xfe, 0x80]);
    for text in ["", "\n", "\0\0\0", "clusters:\n", "clusters: {}\n", "null\n"] {
        let home = Home::new();
        home.seed(text);
        assert_eq!(home.run("c").stderr, "", "{text:?} is an empty cache");
        assert_eq!(home.run("c").stderr, "");
        assert_eq!(home.asked(), 1);
    }
}

#[test]
fn twenty_processes_at_once_lose_nothing() {
    let home = Home::new();
    let start =
        |number| home.command(&format!("c{number}")).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..20).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("unable"), "{stderr}");
    }
    let content = home.content();
    let clusters = content["clusters"].as_object().unwrap();
    assert_eq!((clusters.len(), home.asked()), (20, 20));
    assert!(clusters.values().all(|cluster| cluster["p"][""]["sessiontoken"] == SESSION));
    home.run("c7");
    assert_eq!(home.asked(), 20);
}

#[test]
fn a_lock_is_shared_by_readers_and_waited_for_but_not_long() {
    let home = Home::new();
    home.seed(&one(&ends(in_seconds(600))));
    let file = File::open(home.file()).unwrap();
    file.try_lock_shared().unwrap();
    assert_eq!((home.run("c").stderr.as_str(), home.asked()), ("", 0));
    file.unlock().unwrap();
    file.try_lock().unwrap();
    let said = home.run("c");
    assert!(said.stderr.contains("unable to use cache: "), "{}", said.stderr);
    assert!(said.stderr.contains("is locked by another process"), "{}", said.stderr);
    assert_eq!(home.asked(), 1);
}

#[test]
fn keys_without_an_end_are_not_kept() {
    let home = Home::new();
    home.answer("AKIAENDLESSENDLESS", None);
    for asked in 1..3 {
        let said = home.run("c");
        assert!(said.stderr.contains("unable to cache credentials: they do not expire"), "{}", said.stderr);
        assert_eq!(home.asked(), asked);
    }
    assert!(!home.file().exists());
}

#[test]
fn keys_of_the_environment_pass_the_cache_by() {
    let home = Home::new();
    let text = one(&ends(in_seconds(600)));
    home.seed(&text);
    let mut command = home.command("c");
    command.env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTKEY").env("AWS_SECRET_ACCESS_KEY", SECRET);
    assert_eq!(access_key_id(&run(&mut command)), "AKIAENVIRONMENTKEY");
    assert_eq!(fs::read_to_string(home.file()).unwrap(), text);
}

#[test]
fn another_place_is_named_by_the_references_variable() {
    let home = Home::new();
    let file = home.at("new/place/keys.yaml");
    for _ in 0..2 {
        let said = run(home.command("c").env("AWS_IAM_AUTHENTICATOR_CACHE_FILE", &file));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
    }
    assert_eq!((file.exists(), home.file().exists(), home.asked()), (true, false, 1));
}
