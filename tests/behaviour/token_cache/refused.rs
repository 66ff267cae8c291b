//! The 401 rule: client-go asks again within one process only when a token has ended or the server refused it.

use std::process::Stdio;
use std::time::Duration;

use super::*;
use crate::harness::process::binary;
use crate::harness::waiting::until;

const EXEC_INFO: &str =
    r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#;

/// The command as a client runs it that is this process.
fn by_client(desk: &Desk) -> Command {
    let mut command = desk.command(&BARE);
    command.env("KUBERNETES_EXEC_INFO", EXEC_INFO);
    command
}

/// The command as a child of a shell that is called `name`, `times` in a row; the last one's answer.
fn below(desk: &Desk, name: &str, times: usize, between: &str) -> Command {
    let shell = desk.home().join(name);
    if !shell.exists() {
        fs::copy("/bin/sh", &shell).unwrap();
    }
    let mut command = desk.command(&[]);
    let calls = vec!["\"$@\" > out"; times].join(&format!("; {between}; "));
    let mut outer = Command::new(shell);
    outer.args(["-c", &format!("{calls}; cat out"), "sh"]).arg(command.get_program()).args(BARE).env_clear();
    command.env("KUBERNETES_EXEC_INFO", EXEC_INFO).env("PATH", "/usr/bin:/bin");
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(desk.home());
    outer
}

#[test]
fn a_client_that_asks_again_gets_a_new_token() {
    let desk = Desk::new();
    let by_client = || by_client(&desk);
    run(&mut by_client());
    let file = only_token_in(&desk.cache());
    mark(&file);
    assert!(hits(&mut desk.command(&BARE)), "a shell loop tells nothing of a client");
    let said = run(&mut by_client());
    assert_ne!(token(&said), MARK, "made for this process, and asked for again");
    assert_eq!(read(&file)["token"], token(&said), "replaced");
}

#[test]
fn another_client_gets_the_cached_token() {
    let desk = Desk::new();
    let file = desk.marked();
    assert!(hits(&mut below(&desk, "kubectl", 1, "true")));
    fs::remove_file(&file).unwrap();
    run(&mut below(&desk, "kubectl", 1, "true"));
    mark(&file);
    assert!(hits(&mut below(&desk, "kubectl", 1, "true")), "a client that was started later");
}

/// The fields of `/proc/…/stat` come after the program's name, whatever that looks like.
#[test]
fn a_client_is_known_by_its_start_whatever_its_name() {
    for name in ["kubectl", "a b", "x) R 1 (2", "((", "))) 1"] {
        let desk = Desk::new();
        let file = desk.marked();
        fs::remove_file(&file).unwrap();
        let marks = "sed -i 's/k8s-aws-v1[^\"]*/k8s-aws-v1.bWFya2Vk/' .kube/cache/iam-bridge/*.token.json";
        assert!(!hits(&mut below(&desk, name, 2, marks)), "{name}: the same process");

        edit(&file, |entry| entry["token"] = MARK.into());
        let start = read(&file)["parent"]["start"].as_u64().expect("a start");
        assert!(start > 0, "{name}");
        assert!(hits(&mut below(&desk, name, 1, "true")), "{name}: a later one");
    }
}

#[test]
fn a_process_of_the_same_number_is_another_client() {
    let desk = Desk::new();
    let file = desk.marked();
    let by_client = || by_client(&desk);
    edit(&file, |entry| entry["parent"]["start"] = 1.into());
    assert!(hits(&mut by_client()), "it began at another time");
    edit(&file, |entry| entry["parent"] = Value::Null);
    assert!(hits(&mut by_client()), "nobody's");
    edit(&file, |entry| {
        entry["parent"] = serde_json::json!({"pid": std::process::id(), "start": null});
    });
    assert!(!hits(&mut by_client()), "the start is not known, and the token is young");
    edit(&file, |entry| {
        entry["token"] = MARK.into();
        entry["parent"] = serde_json::json!({"pid": std::process::id(), "start": null});
        entry["signed_at"] = (entry["signed_at"].as_i64().unwrap() - 60).into();
    });
    assert!(hits(&mut by_client()), "a minute later the number may be another's");
}

/// Calls that one client begins side by side share a token: what is made after a process began was not refused before.
#[test]
fn calls_that_begin_together_are_no_refusal() {
    let desk = Desk::new();
    let file = desk.marked();
    let kept = read(&file);
    fs::remove_file(&file).unwrap();
    // A second process of the same client waits for its turn while the first one signs.
    let path = lock_of(&file);
    let lock = fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    let waiting = by_client(&desk).stdout(Stdio::piped()).spawn().unwrap();
    let unfinished = desk.home().join("unfinished");
    fs::write(&unfinished, kept.to_string()).unwrap();
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600)).unwrap();
    until("the process looks for the lock", Duration::from_secs(20), || {
        // Until it has begun, its descriptors are copies of ours.
        let process = PathBuf::from(format!("/proc/{}", waiting.id()));
        let is_begun = fs::read_link(process.join("exe")).is_ok_and(|program| program == binary());
        let mut open = fs::read_dir(process.join("fd")).ok()?.flatten();
        (is_begun && open.any(|file| fs::read_link(file.path()).is_ok_and(|to| to == path))).then_some(())
    });
    fs::rename(unfinished, &file).unwrap();
    drop(lock);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), MARK);
}
