//! Many processes at once: one signs, the others wait for it, and nobody waits for one that has died.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use iam_bridge::demo::sts::Behaviour;

use super::*;
use crate::harness::waiting::until;

const CROWD: usize = 50;
const ROLE: &str = "arn:aws:iam::111122223333:role/Deployer";

/// Runs so many at once; yields the different things they printed.
fn all_at_once(command: impl Fn() -> Command) -> BTreeSet<String> {
    let children: Vec<_> = (0..CROWD)
        .map(|_| command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs"))
        .collect();
    let printed = children.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert_eq!(said, "");
        String::from_utf8(output.stdout).unwrap()
    });
    printed.collect()
}

#[test]
fn fifty_processes_assume_a_role_once_and_print_one_token() {
    let aws = Aws::start();
    let principal = aws.role_session("Base", "alice");
    let cache = aws.at(".kube/cache/iam-bridge");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !is_over.load(Ordering::SeqCst) {
                for file in tokens_in(&cache) {
                    assert_eq!((mode(&file), read(&file)["v"].as_u64()), (0o600, Some(1)), "whole whenever it is read");
                    seen += 1;
                }
                thread::yield_now();
            }
            seen
        });
        let printed = all_at_once(|| {
            let mut command = aws.iam_bridge(&["get-token", "-i", "c", "-r", ROLE]);
            aws.with_keys(&principal, &mut command);
            command
        });
        is_over.store(true, Ordering::SeqCst);
        assert!(reader.join().unwrap() > 0);
        assert_eq!(printed.len(), 1, "{printed:?}");
    });
    assert_eq!(aws.calls("AssumeRole"), 1);
    assert_eq!(names_in(&cache).len(), 2, "a token and its lock");
}

#[test]
fn fifty_processes_ask_a_credential_process_once() {
    let desk = Desk::new();
    let counter = desk.home().join("asked");
    let program = desk.home().join("process");
    let keys = r#"{"Version":1,"AccessKeyId":"ASIAPROCESSPROCESS","SecretAccessKey":"canary","SessionToken":"s"}"#;
    fs::write(&program, format!("#!/bin/sh\necho asked >> {}\necho '{keys}'\n", counter.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(desk.home().join(".aws")).unwrap();
    let config = format!("[profile p]\nregion = eu-west-1\ncredential_process = {}\n", program.display());
    fs::write(desk.home().join(".aws/config"), config).unwrap();
    let printed = all_at_once(|| desk.command(&["get-token", "-i", "c", "--profile", "p"]));
    assert_eq!(printed.len(), 1, "{printed:?}");
    assert_eq!(fs::read_to_string(counter).unwrap().lines().count(), 1);

    let entry = read(&only_token_in(&desk.cache()));
    let lives = |end: &str| entry[end].as_i64().unwrap() - entry["signed_at"].as_i64().unwrap();
    assert_eq!((lives("expiration"), lives("reuse_until")), (840, 300), "keys that may change unseen: five minutes");
}

#[test]
fn nobody_waits_for_a_holder_that_was_killed() {
    let aws = Aws::start();
    let principal = aws.role_session("Base", "alice");
    let command = || {
        let mut command = aws.iam_bridge(&["get-token", "-i", "c", "-r", ROLE, "--token-only"]);
        aws.with_keys(&principal, &mut command);
        command
    };
    aws.sts.behave(Behaviour::Hang);
    let mut holder = command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lock = until("the holder has the lock", Duration::from_secs(20), || {
        let name = names_in(&aws.at(".kube/cache/iam-bridge")).into_iter().find(|name| name.ends_with(".lock"))?;
        let path = aws.at(".kube/cache/iam-bridge").join(name);
        File::open(&path).unwrap().try_lock().is_err().then_some(path)
    });
    fs::write(&lock, "asking a person\n").unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    aws.be_honest();
    let said = run(&mut command());
    assert!(token(&said).starts_with("k8s-aws-v1."));
    assert_eq!(fs::metadata(&lock).unwrap().len(), 0, "its note is gone, too");
    assert_eq!(read(&only_token_in(&aws.at(".kube/cache/iam-bridge")))["token"], token(&said));
}

#[test]
fn whoever_waited_long_enough_goes_on_alone() {
    let desk = Desk::new();
    let file = desk.marked();
    let lock = File::open(lock_of(&file)).unwrap();
    lock.lock().unwrap();
    fs::remove_file(&file).unwrap();
    let said = run(&mut desk.command(&BARE));
    assert_eq!((token(&said).starts_with("k8s-aws-v1."), said.stderr.as_str()), (true, ""));
    assert_eq!(read(&file)["token"], token(&said));
}

/// A person needs longer than a signature: who asks one says so, and the others wait on.
#[test]
fn a_holder_that_asks_a_person_is_given_time() {
    let desk = Desk::new();
    let file = desk.marked();
    let kept = fs::read(&file).unwrap();
    let mut lock = File::options().write(true).open(lock_of(&file)).unwrap();
    lock.lock().unwrap();
    lock.write_all(b"asking a person\n").unwrap();
    fs::remove_file(&file).unwrap();
    let began = Instant::now();
    let waiting = desk.command(&BARE).stdout(Stdio::piped()).spawn().unwrap();
    until("longer than others wait", Duration::from_secs(20), || {
        (began.elapsed() > Duration::from_millis(2500)).then_some(())
    });
    fs::write(&file, &kept).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    drop(lock);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), MARK);
}

/// A lock file that was swept while others waited for it is no lock any more.
#[test]
fn a_lock_whose_file_is_gone_does_not_count() {
    let desk = Desk::new();
    let file = desk.marked();
    let path = lock_of(&file);
    let gone = File::open(&path).unwrap();
    gone.lock().unwrap();
    fs::remove_file(&path).unwrap();
    let held = File::create(&path).unwrap();
    held.lock().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    drop(gone);
    fs::remove_file(&file).unwrap();
    let mut waiting = desk.command(&BARE).stdout(Stdio::piped()).spawn().unwrap();
    drop(held);
    assert!(waiting.wait().unwrap().success());
    assert!(file.exists() && path.exists());
}
