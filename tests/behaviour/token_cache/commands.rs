//! `cache list` and `cache clear`, and what is swept by itself.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use super::*;

const DIGITS: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A kept credential as another command would leave it.
fn keep_credentials(desk: &Desk, expiration: i64) -> PathBuf {
    let file = desk.cache().join(format!("{DIGITS}.credentials.json"));
    let text = format!(r#"{{"v":1,"secret_access_key":"canarySecretKey0123456789","expiration":{expiration}}}"#);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn make_old(file: &Path) {
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    File::options().read(true).open(file).unwrap().set_modified(old).unwrap();
}

#[test]
fn what_is_cached_is_listed_without_secrets() {
    let desk = Desk::new();
    let file = desk.marked();
    keep_credentials(&desk, 1_700_000_000);
    let list = |format: &str| run(&mut desk.command(&["cache", "list", "-o", format]));
    let said = list("json");
    let listed: Value = serde_json::from_str(token(&said)).unwrap();
    let end = jiff::Timestamp::from_second(read(&file)["expiration"].as_i64().unwrap()).unwrap().to_string();
    let mut expected = vec![
        serde_json::json!({"kind": "credentials", "file": format!("{DIGITS}.credentials.json"),
                           "expiresAt": "2023-11-14T22:13:20Z", "isExpired": true}),
        serde_json::json!({"kind": "token", "file": file.file_name().unwrap().to_str().unwrap(),
                           "expiresAt": end, "isExpired": false}),
    ];
    expected.sort_by_key(|cached| cached["file"].as_str().unwrap().to_owned());
    assert_eq!(listed, Value::Array(expected));
    for format in ["json", "table", "yaml"] {
        let said = list(format);
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{format}");
        assert!(said.stdout.contains(&end) && said.stdout.contains("credentials"), "{format}: {}", said.stdout);
        assert!(!said.stdout.contains("canary") && !said.stdout.contains(MARK), "{format}: {}", said.stdout);
    }
    let table = list("table").stdout;
    assert!(table.starts_with("KIND") && table.lines().count() == 3, "{table}");
    fs::write(&file, "{").unwrap();
    let said = list("json");
    assert!(said.stderr.contains("is not what iam-bridge writes") && !said.stdout.contains("\"token\""), "{said:?}");
    assert_eq!(said.code, Some(0));
}

#[test]
fn a_cache_that_is_not_there_is_empty() {
    let desk = Desk::new();
    for (home, why) in [(desk.home().to_str().unwrap(), "no directory"), ("", "no home")] {
        let said = run(desk.command(&["cache", "list"]).env("HOME", home));
        assert_eq!(
            (said.code, said.stdout.as_str(), said.stderr.as_str()),
            (Some(0), "", "nothing is cached\n"),
            "{why}"
        );
        let said = run(desk.command(&["cache", "list", "-o", "json"]).env("HOME", home));
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), "[]\n"), "{why}");
        let said = run(desk.command(&["cache", "clear"]).env("HOME", home));
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), "deleted 0 cached files\n"), "{why}");
    }
    assert_eq!(names_in(desk.home()), [""; 0], "nothing is made");
    let file = desk.home().join("file");
    fs::write(&file, "").unwrap();
    let said = run(desk.command(&["cache", "list"]).env("IAM_BRIDGE_CACHE_DIR", file));
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("cannot be read") && said.stderr.contains("--cache-dir"), "{}", said.stderr);
}

#[test]
fn clearing_deletes_what_is_ours_and_nothing_else() {
    let desk = Desk::new();
    desk.marked();
    run(desk.command(&["get-token", "-i", "d", "--region", "eu-west-1"]).env("X", "x"));
    keep_credentials(&desk, 1_700_000_000);
    let short = DIGITS.get(1..).unwrap();
    let others =
        ["credentials.yaml".to_owned(), format!("{short}.token.json"), format!("{DIGITS}.txt"), "x.lock".into()];
    others.iter().for_each(|name| fs::write(desk.cache().join(name), "x").unwrap());
    fs::write(desk.cache().join(".iam-bridge-abc.tmp"), "x").unwrap();
    let said = run(&mut desk.command(&["cache", "clear"]));
    assert_eq!(token(&said), "deleted 3 cached files");
    let mut left = others.to_vec();
    left.sort();
    assert_eq!(names_in(&desk.cache()), left);

    let elsewhere = desk.home().join("elsewhere");
    let at = ["--cache-dir", elsewhere.to_str().unwrap()];
    run(desk.command(&BARE).args(at));
    assert_eq!(token(&run(desk.command(&["cache", "clear"]).args(at))), "deleted 1 cached file");
    assert_eq!(names_in(&elsewhere), [""; 0]);
}

#[test]
fn a_lock_that_is_held_is_not_deleted() {
    let desk = Desk::new();
    let lock = lock_of(&desk.marked());
    let held = File::open(&lock).unwrap();
    held.lock().unwrap();
    run(&mut desk.command(&["cache", "clear"]));
    assert!(lock.exists());
    drop(held);
    run(&mut desk.command(&["cache", "clear"]));
    assert!(!lock.exists());
}

#[test]
fn what_has_ended_is_swept_by_the_next_write() {
    let desk = Desk::new();
    desk.marked();
    let name = |end: &str| desk.cache().join(format!("{DIGITS}{end}"));
    let ended = [name(".token.json"), name(".lock"), desk.cache().join(".iam-bridge-abc.tmp")];
    let others = [desk.cache().join("notes.txt"), desk.cache().join(format!("{DIGITS}.txt"))];
    for file in ended.iter().chain(&others) {
        fs::write(file, "x").unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        make_old(file);
    }
    let next = |cluster: &str| run(&mut desk.command(&["get-token", "-i", cluster, "--region", "eu-west-1"]));
    let living = keep_credentials(&desk, 4_000_000_000);
    make_old(&living);
    next("d");
    assert!(!ended.iter().any(|file| file.exists()), "{:?}", names_in(&desk.cache()));
    assert!(others.iter().all(|file| file.exists()) && living.exists(), "{:?}", names_in(&desk.cache()));
    assert_eq!(tokens_in(&desk.cache()).len(), 2, "young ones stay");

    make_old(&keep_credentials(&desk, 1_700_000_000));
    next("e");
    assert!(!living.exists(), "kept keys that have ended");

    for number in 0..40 {
        let file = desk.cache().join(format!("{number:064x}.token.json"));
        fs::write(&file, "x").unwrap();
        make_old(&file);
    }
    next("f");
    assert_eq!(tokens_in(&desk.cache()).len(), 4 + 40 - 32, "some at a time");
}
