//! The documents say what the code does: names, commands, files and divergences, held together from both sides.

use std::collections::BTreeSet;

use clap::CommandFactory;
use iam_bridge::authenticator::Reason;
use iam_bridge::config::flags::Flags;
use serde_json::Value;

use super::architecture::{files, files_ending, read};
use super::packaging::parses;

/// Prefix of the reference's metrics.
const REFERENCE: &str = "aws_iam_authenticator_";

/// A vector that says what the reference does otherwise stands in the list of divergences.
#[test]
fn every_divergence_of_the_vectors_is_documented() {
    let page = read("docs/compatibility.md");
    let mut seen = 0;
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")).unwrap() {
        let vectors: Value = serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            if ["reference", "reference_stdout"].iter().any(|key| case["expect"].get(key).is_some()) {
                let name = case["name"].as_str().unwrap();
                assert!(
                    page.contains(&format!("\"{name}\"")),
                    "docs/compatibility.md does not name the case \"{name}\""
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 9, "{seen} cases with a reference member");
}

/// Both ways: what the page names is registered, what is registered stands on the page.
#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
    let catalogue = [
        read("src/telemetry/metrics.rs"),
        read("src/telemetry/metrics/policies.rs"),
        read("src/telemetry/metrics/sources.rs"),
    ];
    let page = read("docs/reference/metrics.md");
    let registered: BTreeSet<String> = catalogue
        .iter()
        .flat_map(|code| code.split('"').skip(1).step_by(2))
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'))
        .filter_map(|text| match text {
            _ if text.starts_with("iam_bridge_") || text.starts_with(REFERENCE) => Some(text.to_owned()),
            _ if ["_total", "_seconds", "_enabled", "_only"].iter().any(|end| text.ends_with(end)) => {
                Some(format!("{REFERENCE}{text}"))
            }
            _ => None,
        })
        .collect();
    let documented: BTreeSet<String> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with("iam_bridge_") || text.starts_with(REFERENCE))
        .map(str::to_owned)
        .collect();
    assert_eq!(registered, documented);
    assert!(registered.len() > 20, "{registered:?}");
}

/// Commands in the documents' `sh` blocks are commands we have, with flags they take.
#[test]
fn every_command_of_the_documents_exists() {
    let manifest = read("Cargo.toml");
    let gate = read(".ci/run");
    let mut seen = 0;
    for (page, text) in documents() {
        for command in commands(&text) {
            let words: Vec<&str> = command.split_whitespace().skip_while(|word| word.contains('=')).collect();
            match words.as_slice() {
                ["iam-bridge", rest @ ..] | ["cargo", "run", "--release", "--", rest @ ..] => parses(&rest.join(" ")),
                ["cargo", "bench", "--bench", name] => {
                    assert!(manifest.contains(&format!("[[bench]]\nname = \"{name}\"")), "{page}: no bench `{name}`");
                }
                ["bash", ".ci/run", steps @ ..] => {
                    assert!(steps.iter().all(|step| gate.contains(&format!("\nstep_{step}()"))), "{page}: {command}");
                }
                _ => continue,
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} commands");
    let readme = read("README.md");
    for command in ["cargo run --release -- demo", "cargo test"] {
        assert!(commands(&readme).contains(&command.to_owned()), "the README's command `{command}`");
    }
}

/// Every flag that a person's commands take stands in some document, by one of its names.
#[test]
fn every_flag_of_a_persons_commands_is_documented() {
    let pages: String = documents().into_iter().map(|(_, text)| text).collect();
    let stands = |name: &str| {
        let flag = format!("--{name}");
        let mut ends = pages
            .match_indices(&flag)
            .map(|(at, flag)| pages.get(at + flag.len()..).and_then(|rest| rest.chars().next()));
        ends.any(|next| next.is_none_or(|next| next != '-' && !next.is_ascii_alphanumeric()))
    };
    let root = Flags::command();
    let mut open: Vec<_> = ["get-token", "kubeconfig", "whoami", "doctor", "cache", "add"]
        .map(|name| root.find_subcommand(name).unwrap())
        .to_vec();
    let (mut seen, mut missing) = (0, Vec::new());
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands());
        for flag in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
            seen += 1;
            if !flag.get_long_and_visible_aliases().unwrap_or_default().into_iter().any(stands) {
                missing.push(format!("{} {flag}", command.get_name()));
            }
        }
    }
    assert!(seen > 40, "{seen} flags");
    assert_eq!(missing, [""; 0], "flags that no document names");
}

/// Files that the documents link to or name are there, and so are the tests they call as witnesses.
#[test]
fn documents_point_at_things_that_exist() {
    let code: String = ["src", "tests"].into_iter().flat_map(files).map(read).collect();
    let mut faults = Vec::new();
    for (page, text) in documents() {
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains("://") && !exists(&format!("{folder}/{target}")) {
                faults.push(format!("{page}: link to {target}"));
            }
        }
        for word in prose(&text).split('`').skip(1).step_by(2) {
            let path = ["src/", "tests/", "docs/", "deploy/", "config/", "benches/", ".ci/", ".cargo/"];
            if path.iter().any(|start| word.starts_with(start)) && !word.contains(['*', ' ']) && !exists(word) {
                faults.push(format!("{page}: file {word}"));
            }
            let sentence = word.split('_').count() > 3
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            // A word of the code's own stands there as a text: metrics, labels, details.
            let text = word.strip_prefix(REFERENCE).unwrap_or(word);
            if sentence && !code.contains(&format!("fn {word}(")) && !code.contains(&format!("{text}\"")) {
                faults.push(format!("{page}: test {word}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// All pages of prose, by their path.
fn documents() -> Vec<(String, String)> {
    let mut pages: Vec<String> = ["README.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned).into();
    pages.extend(files_ending("docs", "md"));
    pages.into_iter().map(|page| (page.clone(), read(page))).collect()
}

/// A page without its fenced blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// Commands of the `sh` blocks: continued lines joined, pipes taken apart.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    let lines: Vec<String> =
        blocks.flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines
        .iter()
        .flat_map(|line| line.split(" #").next().unwrap_or_default().split(['|', '>']))
        .map(|command| command.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|command| !command.is_empty())
        .collect()
}

fn exists(path: &str) -> bool {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path.trim_start_matches('/')).exists()
}

/// Both ways: every code of the closed list has its line, every line and every detail is a word of the code.
#[test]
fn every_reason_code_is_documented_and_every_documented_code_exists() {
    let page = read("docs/reference/reason-codes.md");
    let (codes, details) = page.split_once("## Details").unwrap();
    let in_table = |part: &str| -> BTreeSet<String> {
        let rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
    };
    let mut known: BTreeSet<String> = Reason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
    known.extend(["audience", "panic"].map(str::to_owned)); // the review's own: no Denial has them
    assert_eq!(in_table(codes), known);
    assert!(in_table(details).is_subset(&known));

    let code: String = files("src").into_iter().map(read).collect();
    let words: Vec<&str> = details
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| !word.contains([' ', '.']) && *word != "explain" && *word != "verify")
        .collect();
    for word in &words {
        assert!(code.contains(&format!("\"{word}\"")), "`{word}` is no word of the code");
    }
    for label in read("src/token/error.rs").lines().filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\",")) {
        assert!(words.contains(&label), "the detail `{label}` is not documented");
    }
}

/// A reader of the code finds the pages it names.
#[test]
fn pages_named_in_the_code_exist() {
    let mut faults = Vec::new();
    for file in ["src", "tests", "benches"].into_iter().flat_map(files) {
        for word in read(&file).split('`').skip(1).step_by(2) {
            if word.ends_with(".md") && !word.contains(char::is_whitespace) && !exists(word) {
                faults.push(format!("{file}: {word}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A config key named in a document is a key that is read.
#[test]
fn every_config_key_of_the_documents_exists() {
    let keys = [read("src/config/file.rs"), read("src/config/entry_keys.rs")].concat();
    let mut seen = 0;
    for (page, text) in documents() {
        for path in text.split('`').skip(1).step_by(2).filter_map(|word| word.strip_prefix("server.")) {
            let path = path.split([':', ' ', '=']).next().unwrap_or_default();
            for key in path.split('.') {
                assert!(keys.contains(&format!("\"{key}\"")), "{page}: server.{path}: no key `{key}`");
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} keys");
}

/// Both ways: what is read stands on the page, what stands in its tables is read.
#[test]
fn every_variable_is_documented_and_every_documented_variable_is_read() {
    let is_name = |word: &str| {
        word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let code = read("src/config/env.rs");
    let read_here: BTreeSet<&str> = code.split('"').skip(1).step_by(2).filter(|word| is_name(word)).collect();
    let page = read("docs/reference/environment.md");
    let firsts = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let documented: BTreeSet<&str> = firsts.flat_map(|cell| cell.split('`')).filter(|word| is_name(word)).collect();
    assert_eq!(read_here, documented);
    assert!(read_here.len() > 30, "{read_here:?}");
}

/// The codes themselves are held by `cli.rs`.
#[test]
fn every_exit_code_is_documented() {
    let page = read("docs/reference/exit-codes.md");
    let codes: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(codes, ["0", "1", "2", "130"]);
}
