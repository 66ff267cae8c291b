//! `check`: what would stop the server, doubts, and what differs from the reference.

use std::fs;
use std::path::{Path, PathBuf};

use iam_bridge::check::{self, Checked, Options};
use iam_bridge::config::flags::Global;
use iam_bridge::diagnostic::{Diagnostic, Severity};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with one file, checked.
pub(super) fn judged(name: &str, text: &str, options: &Options) -> Checked {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    check::check(&[path], options)
}

/// Its faults.
pub(super) fn checked(name: &str, text: &str, options: &Options) -> Vec<Diagnostic> {
    judged(name, text, options).faults
}

pub(super) fn codes(found: &[Diagnostic]) -> Vec<(&'static str, Severity, Option<u32>)> {
    found.iter().map(|fault| (fault.code, fault.severity, fault.at.map(|at| at.line))).collect()
}

const GOOD: &str = "clusterID: prod.example.com\nserver:\n  mapRoles:\n  - rolearn: arn:aws:iam::111122223333:role/Dev\n    username: dev:{{SessionName}}\n    groups: [developers]\n";

#[test]
fn a_good_file_has_no_fault_and_a_bad_one_all_of_its_own() {
    assert_eq!(checked("c.yaml", GOOD, &Options::default()), []);
    let bad = format!("{GOOD}    usrid: AROAX\n  prot: 1\n  webIdentity: {{}}\n");
    let report = judged("c.yaml", &bad, &Options::default());
    let found = &report.faults;
    assert_eq!(
        codes(found),
        [
            ("misspelt-guard", Severity::Error, Some(7)),
            ("unknown-key", Severity::Error, Some(8)),
            ("not-available", Severity::Error, Some(9))
        ]
    );
    assert!(check::failed(&report));
    let text = check::render_text(&report);
    assert!(
        text.contains("/c.yaml:8:3: unknown-key: server.prot: the key `prot` is not known; did you mean `port`?\n"),
        "{text}"
    );
    assert!(text.ends_with("3 errors, 0 warnings, 0 notes\n"), "{text}");
    let json: Value = serde_json::from_str(&check::render_json(&report).unwrap()).unwrap();
    assert_eq!((json["errors"].as_u64(), json["faults"][1]["at"]["column"].as_u64()), (Some(3), Some(3)));
    assert_eq!(json["faults"][1]["severity"], "error");
    assert!(json.get("tables").is_none(), "a server config has none: {json}");
}

/// Every file of `config/`, alone and as a folder.
#[test]
fn the_shipped_examples_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut seen = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let found = check::check(std::slice::from_ref(&path), &Options::default()).faults;
        match path.file_name().and_then(|name| name.to_str()).unwrap() {
            "kubeconfig-exec.yaml" => assert_eq!(codes(&found), [("other-format", Severity::Error, Some(3))]),
            name => assert_eq!(found, [], "{name}"),
        }
        seen += 1;
    }
    assert!(seen >= 6, "{seen} files");
    // As a folder the kubeconfig beside them is told, and fails nothing.
    let report = check::check(&[folder], &Options::default());
    assert_eq!(codes(&report.faults), [("other-format", Severity::Note, Some(3))]);
    let tables: Vec<&str> = report.tables.iter().map(|table| table.source.as_str()).collect();
    assert_eq!(tables, ["AccessEntryFile", "EKSConfigMap", "DynamicFile", "CRD"]);
}

#[test]
fn what_the_server_would_be_given_besides_counts() {
    let text = "server: {}\n";
    assert_eq!(codes(&checked("c.yaml", text, &Options::default())), [("bad-cluster-id", Severity::Error, None)]);
    let global = Global { cluster_id: Some("prod.example.com".to_owned()), ..Global::default() };
    assert_eq!(checked("c.yaml", text, &Options { global, ..Options::default() }), []);
}

#[test]
fn paths_may_be_files_folders_and_wrong() {
    let folder = TempDir::new().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir_all(inner.join(".hidden")).unwrap();
    fs::write(inner.join("b.yaml"), "clusterID: [\n").unwrap();
    fs::write(inner.join(".hidden/c.yaml"), "[").unwrap();
    fs::write(folder.path().join("a.json"), "{").unwrap();
    fs::write(folder.path().join("notes.txt"), "not ours").unwrap();
    let paths: Vec<PathBuf> = vec![folder.path().into(), "/nowhere.yaml".into(), "/etc/passwd".into()];
    let found = check::check(&paths, &Options::default()).faults;
    let all: Vec<&str> = found.iter().map(|fault| fault.code).collect();
    assert_eq!(all, ["json-syntax", "yaml-syntax", "unreadable-file", "unsupported-format"]);
    assert_eq!(check::check(&[], &Options::default()).faults[0].code, "no-files");
}

#[test]
fn a_start_that_would_be_refused_is_an_error() {
    let text = "clusterID: prod.example.com\nserver:\n  backendMode: [MountedFile, CRD, AccessEntryFile]\n  dynamicBackendModePath: /m\n";
    let found = checked("c.yaml", text, &Options::default());
    assert_eq!(codes(&found), [("access-entry-file", Severity::Error, None)]);
    assert!(found[0].what.contains("AccessEntryFile"), "{}", found[0]);
}

#[test]
fn doubts_are_told_where_they_stand() {
    let text = "\
clusterID: prod
server:
  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/Dev
    username: \"{{SessionName}}\"
    groups: [system:masters]
  mapAccounts: [012345678901]
  deny:
  - accessKeyID: ASIAEXAMPLEEXAMPLE12
";
    let found = checked("c.yaml", text, &Options::default());
    assert!(found.iter().all(|fault| fault.severity != Severity::Error), "{found:?}");
    for code in [
        "plain-cluster-id",
        "free-username",
        "system-masters",
        "account-number",
        "whole-account",
        "deny-without-jwt",
        "unpinned-admin",
    ] {
        assert!(found.iter().any(|fault| fault.code == code), "{code} is not among {:?}", codes(&found));
    }
    assert!(found.is_sorted_by_key(|fault| fault.at));
    let mut codes = codes(&found);
    codes.dedup();
    assert_eq!(codes.len(), found.len(), "a doubt is told twice: {codes:?}");
}

#[test]
fn compat_lists_what_differs_for_this_file() {
    let options = Options { compat: true, ..Options::default() };
    let text = "\
clusterID: prod.example.com
server:
  rolePaths: ignore
  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/path/Dev
    username: dev:{{SessionName}}
    userid: AROAEXAMPLE
    notAfter: 2040-01-01T00:00:00Z
  - sso: {permissionSetName: View, accountID: '111122223333', partition: aws}
    username: sso:{{SessionName}}
  - rolearnLike: arn:aws:iam::111122223333:role/x-*
    username: x
  - rolearn: arn:aws:iam::111122223333:role/Empty
  - rolearn: arn:aws:iam::111122223333:role/Node
    username: system:node:{{EC2PrivateDNSName}}
  - rolearn: arn:aws:iam::111122223333:role/Sa
    username: system:serviceaccount:a:b
  mapAccounts: ['111122223333']
  deny: [{account: '444455556666'}]
  backendMode: [MountedFile, EKSConfigMap, CRD]
  dynamicBackendModePath: /modes.json
  nodeName: instanceId
  ec2: {instanceProfiles: [node]}
  ec2DescribeInstancesQps: 3
";
    let found = checked("c.yaml", text, &options);
    assert!(found.iter().all(|fault| fault.severity != Severity::Error), "{found:?}");
    let told: Vec<(&str, u32)> = found
        .iter()
        .filter(|fault| fault.code.starts_with("compat-"))
        .map(|fault| (fault.code, fault.at.unwrap().line))
        .collect();
    for expected in [
        ("compat-reload", 1),
        ("compat-our-key", 3),
        ("compat-role-path", 5),
        ("compat-pin", 7),
        ("compat-window", 8),
        ("compat-sso", 9),
        ("compat-sso-suffix", 9),
        ("compat-sso-partition", 9),
        ("compat-our-key", 11),
        ("compat-empty-username", 13),
        ("compat-node-names", 15),
        ("compat-reserved-name", 17),
        ("compat-accounts", 18),
        ("compat-our-key", 19),
        ("compat-broken-document", 20),
        ("compat-crd-index", 20),
        ("compat-backend-mode", 21),
        ("compat-our-key", 22),
        ("compat-our-key", 23),
        ("compat-ec2-rate", 24),
    ] {
        assert!(told.contains(&expected), "{expected:?} is not among {told:?}");
    }
    let without = checked("c.yaml", text, &Options::default());
    assert!(without.iter().all(|fault| !fault.code.starts_with("compat-")));
    let plain = "clusterID: prod.example.com\nserver: {port: 1}\n";
    assert_eq!(checked("c.yaml", plain, &options), [], "nothing differs for this one");
    let gate = Global { feature_gates: vec!["SSORoleMatch=false".to_owned()], ..Global::default() };
    let off = checked("c.yaml", text, &Options { compat: true, global: gate, ..Options::default() });
    assert!(off.iter().all(|fault| !fault.code.starts_with("compat-sso")));
}

proptest! {
    /// The verdict of `check` is the server's: what it passes resolves, what it fails (but for what `check` adds) does not.
    #[test]
    fn check_and_server_agree(lines in proptest::collection::vec(line(), 0..12)) {
        let text = format!("clusterID: c\nserver:\n{}", lines.concat());
        let report = judged("c.yaml", &text, &Options::default());
        let found = &report.faults;
        let refused = super::config::load("c.yaml", &text, &["--strict-config"]).is_err();
        prop_assert_eq!(check::failed(&report), refused, "{:?}", found);
    }
}

fn line() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "  port: 1\n",
        "  port: x\n",
        "  PORT: 2\n",
        "  bogus: 1\n",
        "  backendMode: [CRD]\n",
        "  backendMode: [AccessEntry]\n",
        "  backendMode: [EKSConfigMap, AccessEntryFile]\n",
        "  accessEntryFile: /e.yaml\n",
        "  authenticationMode: API\n",
        "  authenticationMode: mirror\n",
        "  eksAccessEntries: {clusterName: c}\n",
        "  backendMode: [Foo]\n",
        "  mapRoles: []\n",
        "  mapRoles:\n",
        "  - rolearn: arn:aws:iam::111122223333:role/A\n    username: a\n",
        "  - rolearn: b\n",
        "    userid: AROA\n",
        "    usrid: AROA\n",
        "  deny:\n",
        "  - account: '111122223333'\n",
        "  mapAccounts: [1]\n",
        "  sts: {timeout: 1s}\n",
        "  sts: {timeout: x}\n",
        "  identityCache: {freshFor: 16m}\n",
        "\t\n",
        "---\n",
        "  ec2: 1\n",
    ])
    .prop_map(str::to_owned)
}
