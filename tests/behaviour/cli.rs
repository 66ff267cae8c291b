//! The command line as scripts and people meet it: help, exit codes, streams, and the reference's name.

use std::fs::OpenOptions;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::packaging::parses;
use crate::harness::process::{Said, binary, clean, iam_bridge, run};

const COMMANDS: [&str; 19] = [
    "server",
    "get-token",
    "token",
    "kubeconfig",
    "whoami",
    "doctor",
    "cache",
    "cache list",
    "cache clear",
    "add",
    "add user",
    "add role",
    "verify",
    "explain",
    "check",
    "init",
    "version",
    "completion",
    "demo",
];

fn said(args: &[&str]) -> Said {
    run(iam_bridge().args(args).env("AWS_EC2_METADATA_DISABLED", "true"))
}

#[test]
fn help_of_the_program_is_as_reviewed() {
    let said = said(&["--help"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!("help", said.stdout);
}

#[test]
fn help_of_every_command_is_as_reviewed_and_has_an_example() {
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let said = said(&words);
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(said.stdout.contains(&format!("Example:\n  iam-bridge {command}")) || command == "verify", "{command}");
        insta::assert_snapshot!(format!("help-{}", words[..words.len() - 1].join("-")), said.stdout);
    }
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    let token = "k8s-aws-v1.dG9rZW4";
    for (args, code, why) in [
        (&["version"][..], 0, "good"),
        (&["completion", "bash"], 0, "good"),
        (&[], 2, "no command"),
        (&["frobnicate"], 2, "no such command"),
        (&["server", "--frobnicate"], 2, "no such flag"),
        (&["server", "--port", "eighty"], 2, "no number"),
        (&["get-token"], 2, "no cluster id"),
        (&["token"], 1, "no cluster id, as the reference"),
        (&["get-token", "-i", "c", "-s", "ab", "--forward-session-name"], 2, "two session names"),
        (&["-i", "c", "token", "-s", "ab", "--forward-session-name"], 1, "two session names, as the reference"),
        (&["get-token", "--frobnicate"], 2, "no such flag"),
        (&["token", "--frobnicate"], 1, "no such flag, as the reference"),
        (&["-i", "get-token", "token", "--frobnicate"], 1, "a value is no command"),
        (&["get-token", "-i", "c"], 1, "no credentials"),
        (&["token", "-i", "c"], 1, "no credentials"),
        (&["-v", "loud", "version"], 1, "no log level, as the reference"),
        (&["verify", "-i", "c"], 2, "no token"),
        (&["verify", "-t", token], 2, "no cluster id"),
        (&["verify", "-t", token, "-i", "c"], 1, "no good token"),
    ] {
        let said = said(args);
        assert_eq!(said.code, Some(code), "{args:?}: {why}: {}", said.stderr);
        let (data, talk) = (said.stdout.is_empty(), said.stderr.is_empty());
        assert!(if code == 0 { !data } else { data && !talk }, "{args:?}: {} | {}", said.stdout, said.stderr);
    }
}

#[test]
fn under_the_references_name_usage_is_1_and_the_bare_name_is_help() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("aws-iam-authenticator");
    std::os::unix::fs::symlink(binary(), &program).unwrap();
    for (args, code) in [
        (&[][..], 0),
        (&["version", "-s"], 0),
        (&["frobnicate"], 1),
        (&["server", "--frobnicate"], 1),
        (&["token"], 1),
        (&["get-token"], 1),
        (&["verify"], 1),
    ] {
        let said = run(clean(&program).args(args));
        assert_eq!(said.code, Some(code), "{args:?}: {}", said.stderr);
    }
    let said = run(clean(&program).args(["token", "--frobnicate"]));
    assert!(said.stderr.contains("Usage: aws-iam-authenticator token"), "{}", said.stderr);
    let mut command = clean(&program);
    command.env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTKEY").env("AWS_SECRET_ACCESS_KEY", "secret");
    let said = run(command.args(["token", "-i", "c", "--region", "eu-west-1"]));
    assert!(said.stdout.starts_with(r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1""#));
}

#[test]
fn a_usage_error_of_token_begins_as_the_references() {
    for args in [&["token"][..], &["token", "-i", "c", "-s", "ab", "--forward-session-name"]] {
        let said = said(args);
        assert!(said.stderr.starts_with("Error: "), "{}", said.stderr);
        assert!(said.stderr.contains("Usage: iam-bridge token"), "{}", said.stderr);
    }
}

#[test]
fn a_token_typed_in_the_wrong_place_is_not_repeated() {
    for args in [
        &["verify", "k8s-aws-v1.c2VjcmV0LXRva2Vu"][..],
        &["verify", "--tokn=k8s-aws-v1.c2VjcmV0LXRva2Vu"],
        &["k8s-aws-v1.c2VjcmV0LXRva2Vu"],
        &["verify", "-i", "c", "-t", "k8s-aws-v1.c2VjcmV0LXRva2Vu"],
        &["verify", "-i", "c", "-t", "c2VjcmV0LXRva2Vu"],
    ] {
        let said = said(args);
        assert_ne!(said.code, Some(0));
        assert!(!said.stderr.contains("c2VjcmV0"), "{}", said.stderr);
    }
}

#[test]
fn a_flag_stands_before_or_after_the_command_and_a_switch_takes_go_spellings() {
    let keys = |args: &[&str]| {
        let mut command = iam_bridge();
        command.env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTKEY").env("AWS_SECRET_ACCESS_KEY", "secret");
        run(command.env("AWS_REGION", "eu-west-1").args(args))
    };
    for args in [
        &["-i", "c", "token", "--token-only"][..],
        &["token", "-i", "c", "--token-only=true"],
        &["token", "--cluster-id=c", "--token-only=T"],
        &["-i=c", "-v", "debug", "-l", "json", "token", "--token-only=1"],
    ] {
        let said = keys(args);
        assert!(said.stdout.starts_with("k8s-aws-v1."), "{args:?}: {}", said.stderr);
    }
    let said = keys(&["token", "-i", "c", "--cache"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "keys of the environment need no cache");
}

#[test]
fn the_version_is_printed_as_the_reference_prints_it() {
    let short = said(&["version", "-s"]);
    assert_eq!(short.stdout, format!("{}\n", env!("CARGO_PKG_VERSION")));
    let json: Value = serde_json::from_str(&said(&["version"]).stdout).unwrap();
    assert_eq!(json["Version"], env!("CARGO_PKG_VERSION"));
    let yaml = said(&["version", "-o", "yaml"]).stdout;
    let keys: Vec<&str> = yaml.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key).collect();
    assert_eq!(keys, ["version", "commit", "date"]);
}

#[test]
fn every_shell_gets_its_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = said(&["completion", shell]);
        for word in COMMANDS.iter().flat_map(|command| command.split(' ')).chain(["role-arn", "convert", "cache-dir"]) {
            assert!(said.stdout.contains(word), "{shell}: {word}");
        }
    }
}

/// More than a screenful is only read when it is told apart.
#[test]
fn a_command_with_many_flags_groups_them() {
    for command in COMMANDS {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let mut counted = vec![0];
        for line in said(&words).stdout.lines() {
            match line.trim_start() {
                _ if line.ends_with(':') && !line.starts_with(' ') => counted.push(0),
                flag if flag.starts_with('-') => *counted.last_mut().unwrap() += 1,
                _ => {}
            }
        }
        assert!(counted.iter().all(|flags| *flags <= 14), "{command}: {counted:?}");
    }
}

/// What the AWS CLI's users have in their kubeconfigs and fingers; the answer is JSON, as nothing else is understood.
#[test]
fn the_flags_of_the_aws_cli_are_taken() {
    for args in [
        &["--cluster-name", "c", "--output", "json"][..],
        &["--cluster", "c", "--output", "text"],
        &["--cluster-id", "c", "--output=table"],
        &["--cluster-name=c", "--output", "JSON", "--region", "eu-west-1"],
        &["--region", "eu-west-1", "--cluster-name", "c"],
    ] {
        let mut command = iam_bridge();
        command.env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTKEY").env("AWS_SECRET_ACCESS_KEY", "secret");
        let said = run(command.env("AWS_REGION", "eu-west-1").arg("get-token").args(args));
        let answer: Value = serde_json::from_str(&said.stdout).expect(&said.stderr);
        assert_eq!(answer["kind"], "ExecCredential", "{args:?}");
    }
    for role in ["--role-arn", "--role", "-r"] {
        parses(&format!("get-token --cluster-name c {role} arn:aws:iam::111122223333:role/Dev"));
    }
}

#[test]
fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = iam_bridge().arg("version").stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));

    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else { return };
    let output = iam_bridge().arg("version").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.starts_with("error: standard output cannot be written"), "{words}");
}

#[test]
fn nothing_is_coloured_when_nobody_looks() {
    for args in [&["--help"][..], &["frobnicate"], &["verify"]] {
        let Said { stdout, stderr, .. } = said(args);
        assert!(!stdout.contains('\u{1b}') && !stderr.contains('\u{1b}'), "{args:?}");
    }
}

#[test]
fn verify_reads_its_token_from_standard_input() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "k8s-aws-v1.dG9rZW4\n").unwrap();
    let mut command: Command = iam_bridge();
    let said = run(command.args(["verify", "-i", "c", "-t", "-"]).stdin(std::fs::File::open(&file).unwrap()));
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.starts_with("could not verify token: "), "{}", said.stderr);
}

const CONFIG: &str = "clusterID: c\nserver:\n  mapRoles:\n  - rolearn: arn:aws:iam::111122223333:role/Dev\n    \
                      username: dev:{{SessionName}}\n    groups: [devs]\n";

fn config(folder: &TempDir, text: &str) -> String {
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn explain_says_who_a_caller_becomes_and_why_nobody() {
    let folder = TempDir::new().unwrap();
    let file = config(&folder, CONFIG);
    let ask = |principal: &str| said(&["explain", "-c", &file, principal, "-o", "json"]);
    let allowed = ask("arn:aws:sts::111122223333:assumed-role/Dev/alice");
    let answer: Value = serde_json::from_str(&allowed.stdout).expect(&allowed.stderr);
    assert_eq!((allowed.code, &answer["user"]["username"]), (Some(0), &Value::from("dev:alice")));
    let refused = ask("arn:aws:iam::111122223333:user/mallory");
    let answer: Value = serde_json::from_str(&refused.stdout).expect(&refused.stderr);
    assert_eq!((refused.code, &answer["reason"]), (Some(1), &Value::from("not_mapped")));
    let token = ask("k8s-aws-v1.dG9rZW4");
    let answer: Value = serde_json::from_str(&token.stdout).expect(&token.stderr);
    assert_eq!((token.code, &answer["reason"]), (Some(1), &Value::from("token_format")));
    assert_eq!(ask("arn:aws:s3:::bucket").code, Some(1));
    assert_eq!(said(&["explain", "arn:aws:iam::111122223333:user/u"]).code, Some(2));
    assert_eq!(said(&["explain", "-c", &file, "--at", "noon", "arn:aws:iam::111122223333:user/u"]).code, Some(2));
}

#[test]
fn check_ends_with_1_if_a_file_has_a_fault() {
    let folder = TempDir::new().unwrap();
    let file = config(&folder, CONFIG);
    assert_eq!(said(&["check", &file]).code, Some(0));
    assert_eq!(said(&["check", "-c", &file]).code, Some(0));
    let file = config(&folder, &CONFIG.replace("username", "usernmae"));
    let bad = said(&["check", &file, "-o", "json"]);
    let found: Value = serde_json::from_str(&bad.stdout).expect(&bad.stderr);
    assert_eq!(bad.code, Some(1));
    assert!(found["errors"].as_u64().unwrap() >= 1, "{found}");
}

#[test]
fn init_makes_what_a_server_needs_and_says_where_it_goes() {
    let folder = TempDir::new().unwrap();
    let mut command = iam_bridge();
    let plain = run(command.args(["init", "-i", "c", "--address", "127.0.0.9"]).current_dir(&folder));
    assert_eq!(plain.code, Some(0), "{}", plain.stderr);
    assert!(plain.stdout.starts_with("Authenticator Version: \""), "{}", plain.stdout);
    for file in ["cert.pem", "key.pem", "aws-iam-authenticator.kubeconfig"] {
        assert!(folder.path().join(file).is_file(), "{file}");
        assert!(plain.stderr.contains(file), "{}", plain.stderr);
    }
    let (state, kubeconfig) = (folder.path().join("state"), folder.path().join("webhook.yaml"));
    std::fs::create_dir(&state).unwrap();
    let mut command = iam_bridge();
    command.args(["init", "-i", "c", "--feature-gates=ConfiguredInitDirectories=true", "--state-dir"]).arg(&state);
    let gated = run(command.arg("--generate-kubeconfig").arg(&kubeconfig));
    assert_eq!(gated.code, Some(0), "{}", gated.stderr);
    assert!(state.join("cert.pem").is_file() && kubeconfig.is_file());
    let failed = said(&["init"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("could not get config: "), "{}", failed.stderr);
}

#[test]
fn a_server_that_cannot_start_says_all_faults_and_exits_1() {
    let folder = TempDir::new().unwrap();
    let file = config(&folder, "server:\n  port: eighty\n  backendMode: [Nonsense]\n");
    let said = said(&["server", "-c", &file]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.starts_with("Authenticator Version: \""), "{}", said.stdout);
    for key in ["clusterID", "server.port", "server.backendMode"] {
        assert!(said.stderr.contains(key), "{key}: {}", said.stderr);
    }
}
