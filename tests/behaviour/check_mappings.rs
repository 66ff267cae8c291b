//! `check` of aws-auth, dynamic files and backend-mode files: the faults the source would tell, and the table.

use std::fs;

use iam_bridge::check::{self, Checked, Options};
use iam_bridge::config::flags::Global;
use iam_bridge::diagnostic::{Diagnostic, Severity};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::check::{checked, judged};
use crate::harness::process::{Said, iam_bridge, run};

const GOOD: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth, namespace: kube-system}
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/Admin
      username: admin:{{SessionName}}
      groups: [admins, 'ops']
    - rolearn: arn:aws:iam::111122223333:role/Admin
      username: late:{{SessionName}}
      userid: AROAEXAMPLE
      notAfter: 2040-01-01T00:00:00Z
    - rolearn: arn:aws:iam::111122223333:role/path/Never
      username: never
    - rolearn: arn:aws:iam::111122223333:role/Nameless
  mapUsers: |
    - userarn: arn:aws:iam::111122223333:user/alice
      username: alice
  mapAccounts: |
    - \"444455556666\"
";

/// `line:column code key`, errors first.
pub(super) fn places(found: &[Diagnostic], severity: Severity) -> Vec<String> {
    let place = |fault: &Diagnostic| {
        let at = fault.at.unwrap_or_default();
        format!("{}:{} {} {}", at.line, at.column, fault.code, fault.key).trim_end().to_owned()
    };
    found.iter().filter(|fault| fault.severity == severity).map(place).collect()
}

fn errors(name: &str, text: &str) -> Vec<String> {
    places(&checked(name, text, &Options::default()), Severity::Error)
}

/// Runs the binary in a folder with these files.
fn run_check(files: &[(&str, &str)], args: &[&str]) -> Said {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    run(iam_bridge().arg("check").args(args).current_dir(folder.path()))
}

#[test]
fn what_a_file_holds_reaches_no_terminal_as_a_command() {
    let sly = "mapRoles: |\n  - rolearn: arn:aws:iam::111122223333:role/Dev\n    username: \"a\\e[2Jb\\u202Ec\"\n";
    let said = run_check(&[("sly.yaml", sly)], &["sly.yaml"]);
    assert!(said.stdout.contains("role/Dev"), "{}", said.stdout);
    assert!(!said.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", said.stdout);
}

#[test]
fn u1_check_fails_a_tab_with_its_place_and_shows_who_becomes_whom_by_a_good_map() {
    let bad = GOOD.replace(
        "    - rolearn: arn:aws:iam::111122223333:role/path",
        "\t- rolearn: arn:aws:iam::111122223333:role/path",
    );
    let said = run_check(&[("bad.yaml", &bad)], &["bad.yaml"]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    assert!(said.stdout.starts_with("bad.yaml:13:"), "{}", said.stdout);
    assert!(
        said.stdout.contains("yaml-syntax: a tab stands where YAML indents; indent with blanks\n"),
        "{}",
        said.stdout
    );

    let inner = GOOD.replace("      username: alice", "    \tusername: alice");
    let said = run_check(&[("bad.yaml", &inner)], &["bad.yaml"]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    assert!(said.stdout.contains("bad.yaml:18:5: yaml-syntax: mapUsers: a tab stands"), "{}", said.stdout);
    assert!(!said.stdout.contains("in force\n"), "a value that is no YAML keeps what it said before: {}", said.stdout);

    let said = run_check(&[("good.yaml", GOOD)], &["good.yaml"]);
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    let table = "\
good.yaml: EKSConfigMap, 3 entries in force
  PRINCIPAL                             USERNAME            GROUPS  ONLY
  arn:aws:iam::111122223333:role/Admin  late:{{SessionName}}          userid AROAEXAMPLE, until 2040-01-01T00:00:00Z
  arn:aws:iam::111122223333:user/alice  alice
  account 444455556666                  the caller's ARN
";
    let shown: Vec<String> =
        said.stdout.lines().take(5).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected: Vec<String> =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(shown, expected, "{}", said.stdout);

    let said = run_check(&[("good.yaml", GOOD)], &["good.yaml", "-o", "json"]);
    assert_eq!(said.code, Some(0), "{}", said.stdout);
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        report["tables"],
        json!([{
            "file": "good.yaml",
            "source": "EKSConfigMap",
            "entries": [
                {
                    "principal": "arn:aws:iam::111122223333:role/Admin",
                    "username": "late:{{SessionName}}",
                    "groups": [],
                    "userid": "AROAEXAMPLE",
                    "notAfter": "2040-01-01T00:00:00Z",
                    "line": 9
                },
                {"principal": "arn:aws:iam::111122223333:user/alice", "username": "alice", "groups": [], "line": 17}
            ],
            "accounts": ["444455556666"]
        }])
    );
    assert_eq!(report["errors"], 0);
}

#[test]
fn faults_of_aws_auth_stand_where_they_are_in_the_file() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth-2}
data:
  mapRoles: |

    # a comment
    - rolearn: arn:aws:iam::111122223333:role/Admin
      usrid: AROAEXAMPLE
      username: n
    - username: nobody
  mapUsers: \"- userarn: x\\n  username: [1]\\n\"
  mapusers: ''
  mapAccounts: |-
    111122223333
  mapRole: ''
  somebody.elses: key
";
    let found = checked("a.yaml", text, &Options::default());
    assert_eq!(
        places(&found, Severity::Error),
        [
            "9:7 misspelt-guard mapRoles[0].usrid",
            "10:17 bad-type mapRoles[0].username",
            "11:7 no-principal mapRoles[1]",
            "12:13 bad-type mapUsers[0].username",
            "13:3 unknown-key data.mapusers",
            "13:3 duplicate-key data.mapusers",
            "15:5 bad-type mapAccounts",
            "16:3 unknown-key data.mapRole",
        ]
    );
    assert!(places(&found, Severity::Warning).contains(&"3:18 other-config-map metadata.name".to_owned()), "{found:?}");
    assert_eq!(errors("a.yaml", "data: {mapRoles: [{rolearn: a}]}\n"), ["1:18 bad-type data.mapRoles"]);
    let json = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "aws-auth"}, "data": {"mapRoles": "- username: u\n"}});
    assert_eq!(errors("a.json", &json.to_string()).len(), 1);
    assert_eq!(
        errors("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth}\n"),
        [""; 0],
        "empty is good"
    );
}

#[test]
fn its_data_alone_and_another_map_with_its_keys_are_aws_auth_too() {
    let data = "mapRoles: |\n  - rolearn: arn:aws:iam::111122223333:role/A\n    username: a\n";
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  mapUsers: |\n    - userarn: arn:aws:iam::111122223333:user/a\n      username: a\n";
    let list = "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: aws-auth}\n  data:\n    mapRoles: |\n      - rolearn: a\n        username: [\n";
    for text in [data, other] {
        let report = judged("a.yaml", text, &Options::default());
        assert!(!check::failed(&report), "{report:?}");
        assert_eq!(report.tables[0].entries.len(), 1, "{report:?}");
    }
    let found = checked("a.yaml", list, &Options::default());
    assert_eq!(found[0].at.map(|at| at.line), Some(8), "{found:?}");
}

#[test]
fn doubts_about_a_map_are_those_about_a_config() {
    let text = "\
mapRoles: |
  - rolearn: arn:aws:iam::111122223333:role/Admin
    username: \"{{SessionName}}\"
    groups: [system:masters]
mapAccounts: |
  - 111122223333
";
    let found = checked("a.yaml", &format!("{text}---\n{text}"), &Options::default());
    for (code, lines) in [
        ("unpinned-admin", vec![2, 9]),
        ("system-masters", vec![4, 11]),
        ("free-username", vec![3, 10]),
        ("whole-account", vec![6, 13]),
        ("aws-auth-twice", vec![8]),
    ] {
        let told: Vec<u32> =
            found.iter().filter(|fault| fault.code == code).filter_map(|fault| Some(fault.at?.line)).collect();
        assert_eq!(told, lines, "{code}: {found:?}");
    }
    assert!(found.is_sorted_by_key(|fault| fault.at));
}

#[test]
fn compat_tells_what_differs_in_each_file() {
    let codes = |name: &str, text: &str, options: Options| {
        let found = checked(name, text, &Options { compat: true, ..options });
        let mut codes: Vec<&str> =
            found.iter().map(|fault| fault.code).filter(|code| code.starts_with("compat-")).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.join(" ")
    };
    let told = codes("a.yaml", GOOD, Options::default());
    assert_eq!(told, "compat-accounts compat-broken-document compat-empty-username compat-pin compat-window");
    let sso = "mapRoles: |\n  - sso: {permissionSetName: P, accountID: '111122223333', partition: aws}\n    username: u\n  - rolearnLike: arn:aws:iam::111122223333:role/x-*\n    username: v\n";
    let told = codes("a.yaml", sso, Options::default());
    assert_eq!(told, "compat-broken-document compat-our-key compat-sso compat-sso-partition compat-sso-suffix");
    let off = Global { feature_gates: vec!["SSORoleMatch=false".to_owned()], ..Global::default() };
    let told = codes("a.yaml", sso, Options { global: off, ..Options::default() });
    assert_eq!(told, "compat-broken-document compat-our-key");

    let dynamic =
        r#"{"mapRoles": [{"rolearn": "arn:aws:iam::111122223333:role/R", "username": "u", "userid": "AROAEXAMPLE"}]}"#;
    assert_eq!(codes("d.json", dynamic, Options::default()), "compat-pin");
    assert_eq!(codes("d.json", dynamic, Options { user_id_strict: true, ..Options::default() }), "", "there as here");
    assert_eq!(codes("m.json", r#"{"backendMode": "CRD"}"#, Options::default()), "compat-backend-mode");
}

#[test]
fn a_dynamic_file_is_good_as_a_whole_or_not_at_all() {
    let good = r#"{"LastUpdatedDateTime": "1", "mapRoles": [{"rolearn": "arn:aws:iam::111122223333:role/R", "username": "u"}]}"#;
    let report = judged("d.json", good, &Options::default());
    assert_eq!((report.faults.as_slice(), report.tables[0].entries.len()), (&[][..], 1));
    let bad = good.replace("\"username\": \"u\"", "\n\"username\": 1");
    let report = judged("d.json", &bad, &Options::default());
    assert_eq!(
        (places(&report.faults, Severity::Error), report.tables.len()),
        (vec!["2:13 bad-type mapRoles[0].username".to_owned()], 0)
    );
    assert_eq!(errors("d.json", "{\"mapRoles\": [\n}"), ["2:1 json-syntax"]);
    assert_eq!(errors("d.yaml", "mapRoles:\n- rolearn: a\n"), ["1:1 not-json"]);
    assert_eq!(errors("d.yaml", good), [""; 0], "JSON under another name");
}

#[test]
fn strict_user_ids_are_those_of_the_config_that_names_the_file_or_of_the_flag() {
    let dynamic = r#"{"mapRoles": [{"username": "u", "userid": "AROAEXAMPLE"}]}"#;
    let found = checked("d.json", dynamic, &Options::default());
    assert_eq!(places(&found, Severity::Error), ["1:15 no-principal mapRoles[0]"]);
    assert_eq!(places(&found, Severity::Note), ["1:1 user-id-strict"]);
    assert!(!check::failed(&judged("d.json", dynamic, &Options { user_id_strict: true, ..Options::default() })));

    let config = |path: &str, strict: bool| {
        format!(
            "clusterID: prod.example.com\nserver:\n  backendMode: [DynamicFile]\n  dynamicfilepath: {path}\n  dynamicfileUserIDStrict: {strict}\n"
        )
    };
    for (path, strict, args, code) in [
        ("/etc/nowhere/d.json", true, &["."][..], 0),
        ("d.json", true, &["c.yaml", "d.json"], 0),
        ("d.json", true, &["-c", "c.yaml", "d.json"], 0),
        ("/etc/nowhere/d.json", false, &["."], 1),
        ("/etc/nowhere/d.json", false, &[".", "--user-id-strict"], 1),
        ("/etc/nowhere/e.json", true, &["."], 1),
        ("/etc/nowhere/e.json", true, &[".", "--user-id-strict"], 0),
    ] {
        let said = run_check(&[("c.yaml", &config(path, strict)), ("d.json", dynamic)], args);
        assert_eq!(said.code, Some(code), "{path} {strict} {args:?}: {}", said.stdout);
    }
}

#[test]
fn a_backend_mode_file_names_sources_that_can_run() {
    let modes = |text: &str| judged("m.json", &json!({"backendMode": text}).to_string(), &Options::default());
    assert_eq!(modes("AccessEntryFile AccessEntry EKSConfigMap MountedFile CRD DynamicFile"), Checked::default());
    for (text, code) in
        [("EKSConfigMap AccessEntry", "entries-behind-aws-auth"), ("Foo", "bad-backend-mode"), (" ", "no-backend-mode")]
    {
        let report = modes(text);
        assert_eq!(report.faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), [code], "{text}");
        assert!(report.faults[0].at.is_some());
    }
    assert_eq!(errors("m.yaml", "backendMode: CRD\n"), ["1:1 not-json"]);

    let config = "clusterID: prod.example.com\nserver: {dynamicBackendModePath: /etc/nowhere/m.json}\n";
    let said = run_check(&[("c.yaml", config), ("m.json", r#"{"backendMode": "DynamicFile"}"#)], &["."]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    assert!(said.stdout.contains("m.json:1:17: no-dynamic-file: backendMode"), "{}", said.stdout);
}
