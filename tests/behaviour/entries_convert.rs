//! `entries convert`: how each kind of line ends, and what is written.

use std::fs;
use std::path::Path;
use std::process::Command;

use iam_bridge::clock::UnixSeconds;
use iam_bridge::convert::{
    Conversion, How, Input, Intake, LineReport, Outcome, Target, Usernames, convert, read, terraform, yaml,
};
use iam_bridge::diagnostic::Severity;
use iam_bridge::document::Format;
use iam_bridge::sources::keys::{AccessEntryFileSettings, parse_access_entry_file};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::process::{Said, iam_bridge, run};

/// An instant within no window of the tests.
pub(super) const NOW: UnixSeconds = UnixSeconds(1_900_000_000);
const YAML: How = How { target: Target::Yaml, usernames: Usernames::Drop };
const AWS: How = How { target: Target::Aws, usernames: Usernames::Drop };

pub(super) fn taken(files: &[(&str, &str)]) -> Intake {
    let inputs: Vec<Input<'_>> =
        files.iter().map(|(name, text)| Input { name, text, format: format_of(name) }).collect();
    read(&inputs)
}

fn format_of(name: &str) -> Format {
    if name.ends_with(".json") { Format::Json } else { Format::Yaml }
}

/// An aws-auth whose mapRoles is `roles`.
pub(super) fn aws_auth(roles: &str) -> String {
    let lines: String = roles.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "kind: ConfigMap\napiVersion: v1\nmetadata: {{name: aws-auth, namespace: kube-system}}\ndata:\n  mapRoles: |\n{lines}"
    )
}

fn role(name: &str, username: &str, groups: &str) -> String {
    format!("- rolearn: arn:aws:iam::111122223333:role/{name}\n  username: \"{username}\"\n  groups: {groups}\n")
}

/// What becomes of one role of aws-auth.
fn one(name: &str, username: &str, groups: &str, how: How) -> (Conversion, LineReport) {
    let text = aws_auth(&role(name, username, groups));
    let intake = taken(&[("aws-auth.yaml", &text)]);
    assert!(!intake.any_error(), "{:?}", intake.faults);
    let conversion = convert(&intake, how, None, NOW);
    let line = conversion.lines[0].clone();
    assert_eq!(conversion.lines.len(), 1);
    (conversion, line)
}

/// Each row of the table in `docs/reference/entries.md`.
#[test]
fn every_kind_of_line_ends_as_the_page_says() {
    use Outcome::{Changed, Converted, NotCarried};
    for (name, username, groups, outcome, words, entry) in [
        ("Dev", "dev:{{SessionName}}", "[devs]", Converted, "", "STANDARD dev:{{SessionName}} devs"),
        ("Node", "system:node:{{EC2PrivateDNSName}}", "[system:nodes]", Converted, "", "EC2_LINUX - "),
        (
            "Node",
            "system:node:{{EC2PrivateDNSName}}",
            "[system:bootstrappers, system:nodes]",
            Changed,
            "`system:bootstrappers` is dropped",
            "EC2_LINUX - ",
        ),
        (
            "Win",
            "system:node:{{EC2PrivateDNSName}}",
            "[system:nodes, eks:kube-proxy-windows]",
            Converted,
            "",
            "EC2_WINDOWS - ",
        ),
        ("Node", "system:node:{{EC2PrivateDNSName}}", "[other]", NotCarried, "gives `system:nodes`", ""),
        ("Hybrid", "system:node:{{SessionName}}", "[system:nodes]", Converted, "", "HYBRID_LINUX - "),
        (
            "Fargate",
            "system:node:{{SessionName}}",
            "[system:bootstrappers, system:nodes, system:node-proxier]",
            Changed,
            "`system:bootstrappers` is dropped",
            "FARGATE_LINUX - ",
        ),
        ("Node", "system:node:{{SessionNameRaw}}", "[system:nodes]", NotCarried, "no type of entry", ""),
        (
            "Admin",
            "admin",
            "[system:masters, ops]",
            Changed,
            "becomes the policy AmazonEKSClusterAdminPolicy",
            "STANDARD admin ops AmazonEKSClusterAdminPolicy@cluster",
        ),
        ("Boot", "b", "[system:bootstrappers]", NotCarried, "kubectl create clusterrolebinding", ""),
        ("Odd", "system:odd", "[g]", Changed, "assumed-role/Odd/{{SessionName}}`", "STANDARD - g"),
        ("Free", "x{{SessionName}}", "[g]", Changed, "has no colon", "STANDARD - g"),
        ("Acc", "a:{{AccountID}}", "['t-{{AccountID}}']", Converted, "", "STANDARD a:111122223333 t-111122223333"),
        ("Team", "t", "['t:{{SessionName}}']", NotCarried, "literal", ""),
        ("Ec2", "mine:{{EC2PrivateDNSName}}", "[g]", NotCarried, "node types alone", ""),
        ("team/Path", "p", "[g]", NotCarried, "matches nobody", ""),
        ("Empty", "", "[g]", NotCarried, "refuses everybody", ""),
        ("Anon", "system:anonymous", "[g]", NotCarried, "lets nobody in", ""),
        ("Taken", "t", "['iam-bridge.dev:x']", NotCarried, "iam-bridge.dev:", ""),
        ("aws-service-role/x.amazonaws.com/AWSServiceRoleForX", "t", "[g]", NotCarried, "matches nobody", ""),
    ] {
        let (conversion, line) = one(name, username, groups, YAML);
        let told = format!("{:?} {:?} {:?}", line.changes, line.why, line.cure);
        assert_eq!(line.outcome, outcome, "{name} {username} {groups}: {told}");
        assert!(told.contains(words), "{name} {username} {groups}: {told}");
        assert_eq!(line.cure.is_some(), outcome == NotCarried, "{name}: {line:?}");
        assert!(line.place.starts_with("aws-auth.yaml:6"), "{line:?}");
        let made = conversion.entries.first().map(|entry| {
            let text = &entry.text;
            let policies: Vec<String> =
                text.associations.iter().map(|one| format!(" {}@{}", one.policy, one.scope_type)).collect();
            let (kind, name) = (text.entry_type.as_deref().unwrap_or("STANDARD"), text.username.as_deref());
            format!("{kind} {} {}{}", name.unwrap_or("-"), text.kubernetes_groups.join(","), policies.concat())
        });
        assert_eq!(made.unwrap_or_default(), entry, "{name} {username} {groups}");
    }
}

#[test]
fn usernames_that_no_entry_may_have_end_as_the_flag_says() {
    for (choice, username, made) in [
        (Usernames::Drop, "x{{SessionName}}", Some(None)),
        (Usernames::Colon, "x{{SessionName}}", Some(Some("x:{{SessionName}}"))),
        (Usernames::Colon, "{{SessionNameRaw}}", Some(Some(":{{SessionNameRaw}}"))),
        (Usernames::Colon, "aws:{{SessionName}}", Some(None)),
        (Usernames::Refuse, "x{{SessionName}}", None),
        (Usernames::Refuse, "x:{{SessionName}}", Some(Some("x:{{SessionName}}"))),
    ] {
        let (conversion, line) = one("R", username, "[g]", How { usernames: choice, ..YAML });
        let name = conversion.entries.first().map(|entry| entry.text.username.as_deref());
        assert_eq!(name, made, "{choice:?} {username}: {line:?}");
    }
}

/// Permission sets, patterns and accounts name many.
#[test]
fn lines_that_name_many_principals_are_not_carried_and_say_what_to_do() {
    let config = "clusterID: c\nserver:\n  mapRoles:\n  - sso: {permissionSetName: Ops, accountID: '111122223333'}\n    username: o\n  - rolearnLike: arn:aws:iam::111122223333:role/ci-*\n    username: ci\n  mapAccounts: ['111122223333']\n";
    let conversion = convert(&taken(&[("config.yaml", config)]), YAML, None, NOW);
    let told: Vec<(Outcome, String, String)> = conversion
        .lines
        .iter()
        .map(|line| (line.outcome, line.place.clone(), line.cure.clone().unwrap_or_default()))
        .collect();
    assert!(conversion.entries.is_empty() && conversion.any_left());
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|(outcome, ..)| *outcome == Outcome::NotCarried));
    assert!(told[0].2.contains("role/aws-reserved/sso.amazonaws.com/REGION/AWSReservedSSO_Ops_SUFFIX"), "{told:?}");
    assert!(told[1].2.contains("one entry for each role"), "{told:?}");
    assert_eq!(told[2].1, "config.yaml:8", "{told:?}");
}

/// In a server config the last of two counts, in aws-auth nobody knows.
#[test]
fn of_two_lines_the_one_counts_that_the_source_would_use() {
    let two = |second: &str| format!("{}{}", role("Dup", "a", "[x]"), role("dup", second, "[x]"));
    let outcomes = |conversion: &Conversion| conversion.lines.iter().map(|line| line.outcome).collect::<Vec<_>>();
    let unsettled = convert(&taken(&[("a.yaml", &aws_auth(&two("b")))]), YAML, None, NOW);
    assert_eq!(outcomes(&unsettled), [Outcome::NotCarried; 2]);
    assert!(unsettled.lines[0].why.as_ref().unwrap().contains("not settled"), "{unsettled:?}");
    let same = convert(&taken(&[("a.yaml", &aws_auth(&two("a")))]), YAML, None, NOW);
    assert_eq!((outcomes(&same), same.entries.len()), (vec![Outcome::Converted; 2], 1));
    assert!(same.lines[1].notes[0].contains("says the same as the line at a.yaml:6"), "{same:?}");
    let indented: String = two("b").lines().map(|line| format!("  {line}\n")).collect();
    let config = format!("clusterID: c\nserver:\n  mapRoles:\n{indented}");
    let settled = convert(&taken(&[("c.yaml", &config)]), YAML, None, NOW);
    assert_eq!(outcomes(&settled), [Outcome::NotCarried, Outcome::Converted]);
    assert_eq!(settled.entries[0].text.username.as_deref(), Some("b"));
    assert!(settled.lines[0].why.as_ref().unwrap().contains("decided by the line at c.yaml:7"), "{settled:?}");
    // Of two files the first is asked first.
    let both =
        convert(&taken(&[("c.yaml", &config), ("a.yaml", &aws_auth(&role("Dup", "other", "[x]")))]), YAML, None, NOW);
    assert_eq!(outcomes(&both), [Outcome::NotCarried, Outcome::Converted, Outcome::NotCarried]);
}

/// Pins, windows and reasons are ours alone.
#[test]
fn guards_are_carried_to_our_objects_and_keep_a_line_from_eks() {
    let guarded = "- rolearn: arn:aws:iam::111122223333:role/Temp\n  username: t\n  userid: AROAABCDEFGHIJKLMNOP\n  notBefore: 2030-01-01T00:00:00Z\n  notAfter: 2031-01-01T00:00:00Z\n  reason: an incident\n";
    let files = [("a.yaml", aws_auth(guarded))];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let ours = convert(&taken(&files), YAML, None, NOW);
    let text = &ours.entries[0].text;
    assert_eq!(text.principal_id.as_deref(), Some("AROAABCDEFGHIJKLMNOP"));
    assert_eq!(text.not_before.as_deref(), Some("2030-01-01T00:00:00Z"));
    assert_eq!(text.expires_at.as_deref(), Some("2031-01-01T00:00:00Z"));
    assert_eq!(text.reason.as_deref(), Some("an incident"));
    assert_eq!(ours.lines[0].outcome, Outcome::Converted, "{ours:?}");
    for target in [Target::Aws, Target::Terraform] {
        let theirs = convert(&taken(&files), How { target, ..YAML }, None, NOW);
        assert!(theirs.entries.is_empty());
        let why = theirs.lines[0].why.as_ref().unwrap();
        assert!(["a pin", "notBefore", "expiresAt"].iter().all(|guard| why.contains(guard)), "{why}");
    }
    let reason = aws_auth("- rolearn: arn:aws:iam::111122223333:role/R\n  username: t\n  reason: because\n");
    let theirs = convert(&taken(&[("a.yaml", &reason)]), AWS, None, NOW);
    assert_eq!(theirs.lines[0].outcome, Outcome::Converted);
    assert!(theirs.lines[0].notes.iter().any(|note| note.contains("no reason")), "{theirs:?}");
}

#[test]
fn lost_digits_are_an_error() {
    for config in [
        "clusterID: c\nserver:\n  mapAccounts: [012345670123]\n",
        "clusterID: c\nserver:\n  mapRoles:\n  - sso: {permissionSetName: S, accountID: 012345670123}\n    username: x\n",
    ] {
        let intake = taken(&[("c.yaml", config)]);
        let errors: Vec<&str> =
            intake.faults.iter().filter(|fault| fault.severity == Severity::Error).map(|fault| fault.code).collect();
        assert!(!errors.is_empty() && intake.any_error(), "{config}: {:?}", intake.faults);
    }
}

const EKSCTL: &str = "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\naccessConfig:\n  authenticationMode: API\n  accessEntries:\n  - principalARN: arn:aws:iam::111122223333:role/team/Viewer\n    kubernetesUsername: v:{{SessionName}}\n    kubernetesGroups: [viewers]\n    accessPolicies:\n    - policyARN: arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy\n      accessScope: {type: namespace, namespaces: [dev-*]}\niamIdentityMappings:\n- arn: arn:aws:iam::111122223333:role/Old\n  username: old\n  groups: [olds]\n";
const ACK: &str = "apiVersion: eks.services.k8s.aws/v1alpha1\nkind: AccessEntry\nmetadata: {name: ops, namespace: default}\nspec:\n  clusterName: prod\n  principalARN: arn:aws:iam::111122223333:role/Ops\n  accessPolicies:\n  - policyARN: arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy\n    accessScope: {type: cluster}\n";
const PRINTED: &str = r#"{"accessEntries": [{"accessEntry": {"clusterName": "prod", "principalArn": "arn:aws:iam::111122223333:role/Edit", "kubernetesGroups": ["e"], "accessEntryArn": "arn:aws:eks:eu-west-1:111122223333:access-entry/prod/role/111122223333/Edit/00000000-0000-0000-0000-000000000000", "createdAt": 1767225600.5, "username": "arn:aws:sts::111122223333:assumed-role/Edit/{{SessionName}}", "type": "STANDARD"}, "associatedAccessPolicies": [{"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy", "accessScope": {"type": "cluster", "namespaces": []}}]}, {"accessEntry": {"clusterName": "prod", "principalArn": "arn:aws:iam::111122223333:role/Nodes", "kubernetesGroups": ["system:nodes"], "accessEntryArn": "arn:aws:eks:eu-west-1:111122223333:access-entry/prod/role/111122223333/Nodes/00000000-0000-0000-0000-000000000001", "username": "system:node:{{EC2PrivateDNSName}}", "type": "EC2_LINUX"}}]}"#;
const MAPPING: &str = "apiVersion: iamauthenticator.k8s.aws/v1alpha1\nkind: IAMIdentityMapping\nmetadata: {name: bob}\nspec:\n  arn: arn:aws:iam::111122223333:user/bob\n  username: bob\n  groups: [a]\n  userid: AIDAABCDEFGHIJKLMNOP\n";
const DYNAMIC: &str =
    r#"{"mapUsers": [{"userarn": "arn:aws:iam::111122223333:user/eve", "username": "eve", "groups": ["b"]}]}"#;

/// Every format, read into one set; and back from what was written.
#[test]
fn entries_of_every_format_are_read_and_read_back_the_same() {
    let files = [
        ("eksctl.yaml", EKSCTL),
        ("ack.yaml", ACK),
        ("eks.json", PRINTED),
        ("mapping.yaml", MAPPING),
        ("dynamic.json", DYNAMIC),
    ];
    let intake = taken(&files);
    assert!(!intake.any_error(), "{:?}", intake.faults);
    let conversion = convert(&intake, YAML, None, NOW);
    assert!(!conversion.any_left(), "{:?}", conversion.lines);
    let names: Vec<&str> = conversion.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["viewer", "old", "ops", "edit", "nodes", "bob", "eve"]);
    let written = yaml(&conversion.entries);
    let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
    let file = parse_access_entry_file("made.yaml", &written, Format::Yaml, &settings).unwrap();
    assert_eq!(file.names.iter().flatten().collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    // What is read back makes the same objects.
    let again = convert(&taken(&[("made.yaml", &written)]), YAML, None, NOW);
    assert_eq!(again.entries, conversion.entries);
    assert_eq!(yaml(&again.entries), written);
    // The default name is left out, and policies have their bare names.
    assert_eq!(conversion.entries[3].text.username, None);
    assert!(written.contains("policy: AmazonEKSEditPolicy\n"), "{written}");
}

#[test]
fn unknown_keys_of_foreign_entries_are_errors_with_their_line() {
    for (name, text, line) in [
        ("e.yaml", EKSCTL.replace("accessPolicies", "accessPolicy"), 9),
        ("a.yaml", ACK.replace("accessPolicies", "policies"), 7),
        ("m.yaml", MAPPING.replace("userid", "userId"), 8),
        ("s.yaml", EKSCTL.replace("namespaces: [dev-*]", "namespace: [dev-*]"), 11),
    ] {
        let intake = taken(&[(name, &text)]);
        let found = intake.faults.iter().find(|fault| fault.code == "unknown-key");
        assert_eq!(found.and_then(|fault| fault.at).map(|at| at.line), Some(line), "{name}: {:?}", intake.faults);
        assert!(intake.any_error());
        let first = intake.lines.first().map(iam_bridge::convert::Line::principal);
        assert!(first.as_ref().is_none_or(|first| first.ends_with("Old")), "{name}: {first:?}");
    }
}

#[test]
fn names_are_stable_and_never_the_same() {
    let roles = ["Dev", "DEV_1", "dev+1", "__"].map(|name| role(name, "u:{{SessionName}}", "[g]"));
    let reversed: String = roles.iter().rev().cloned().collect();
    let names = |text: &str| {
        let conversion = convert(&taken(&[("a.yaml", &aws_auth(text))]), YAML, None, NOW);
        let mut names: Vec<(String, String)> =
            conversion.entries.into_iter().map(|entry| (entry.text.principal_arn, entry.name)).collect();
        names.sort();
        names
    };
    let forward = names(&roles.concat());
    assert_eq!(forward, names(&reversed), "the order of lines is of no weight");
    let made: Vec<&str> = forward.iter().map(|(_, name)| name.as_str()).collect();
    assert!(made.contains(&"dev"), "{made:?}");
    assert_eq!(made.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{made:?}");
    let legal =
        |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    assert!(made.iter().all(|name| legal(name) && !name.starts_with('-') && !name.ends_with('-')), "{made:?}");
}

/// A username that changes is looked for in the bindings that are given.
#[test]
fn bindings_that_name_a_changed_username_are_told() {
    let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: odd-view}\nroleRef: {kind: ClusterRole, name: view, apiGroup: rbac.authorization.k8s.io}\nsubjects: [{kind: User, name: 'system:odd', apiGroup: rbac.authorization.k8s.io}]\n";
    let conversion = convert(
        &taken(&[("a.yaml", &aws_auth(&role("Odd", "system:odd", "[g]"))), ("b.yaml", binding)]),
        YAML,
        None,
        NOW,
    );
    assert!(
        conversion.lines[0].changes.iter().any(|change| change.contains("ClusterRoleBinding odd-view")),
        "{conversion:?}"
    );
}

const QUOTES: &str = "- rolearn: arn:aws:iam::111122223333:role/Quote\n  username: \"it's $HOME `id` \\\"x\\\"\"\n  groups: [\"a b\", \"-x\", \"file://y\", \"$(id)\", \"*\"]\n- rolearn: arn:aws:iam::111122223333:role/Plain\n  username: \"p:{{SessionName}}\"\n  groups: [plain, \"two words\", \"x$(id)\"]\n- rolearn: arn:aws:iam::111122223333:role/Admin\n  username: admin\n  groups: [\"system:masters\"]\n";

/// A shell runs the lines, and a program named `aws` sees the words that were meant.
#[test]
#[cfg(unix)]
fn a_shell_hands_the_aws_cli_the_words_that_were_meant() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("aws-auth.yaml"), aws_auth(QUOTES)).unwrap();
    let fake =
        "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\0' \"$word\" >> \"$0.log\"; done\nprintf '\\0' >> \"$0.log\"\n";
    fs::write(at("aws"), fake).unwrap();
    fs::set_permissions(at("aws"), fs::Permissions::from_mode(0o755)).unwrap();
    let words = ["--to", "aws", "--cluster-name", "prod; rm -rf /"];
    let said = converted(&at("aws-auth.yaml"), &words);
    assert_eq!(said.code, Some(0), "{said:?}");
    fs::write(at("made.sh"), &said.stdout).unwrap();
    let shell = |flags: &[&str]| {
        Command::new("/bin/sh").args(flags).arg(at("made.sh")).env("PATH", folder.path()).status().unwrap()
    };
    assert!(shell(&["-n"]).success() && shell(&[]).success());
    let log = fs::read_to_string(at("aws.log")).unwrap();
    let seen: Vec<Vec<&str>> =
        log.split("\0\0").filter(|call| !call.is_empty()).map(|call| call.split('\0').collect()).collect();
    let json: Value =
        serde_json::from_str(&converted(&at("aws-auth.yaml"), &[&words[..], &["-o", "json"]].concat()).stdout).unwrap();
    let meant: Vec<Vec<&str>> = json["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call.as_array().unwrap().iter().skip(1).map(|word| word.as_str().unwrap()).collect())
        .collect();
    assert_eq!(seen, meant);
    assert_eq!(meant.len(), 4, "{meant:?}");
    let input: Value = serde_json::from_str(meant[0].last().unwrap()).unwrap();
    assert_eq!(input["username"], "it's $HOME `id` \"x\"");
    assert_eq!(input["kubernetesGroups"], serde_json::json!(["a b", "-x", "file://y", "$(id)", "*"]));
    assert_eq!(
        meant[1][8..],
        ["--username", "p:{{SessionName}}", "--kubernetes-groups", "plain", "two words", "x$(id)"]
    );
    assert_eq!(
        meant[3][6..],
        [
            "--policy-arn",
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "--access-scope",
            "type=cluster"
        ]
    );
}

#[test]
fn terraform_takes_every_text_as_it_stands() {
    let text = "- rolearn: arn:aws-cn:iam::111122223333:role/T\n  username: 'a:${var.x} %{if} \"q\" \\'\n  groups: [g, 'system:masters']\n";
    let mut conversion =
        convert(&taken(&[("a.yaml", &aws_auth(text))]), How { target: Target::Terraform, ..YAML }, None, NOW);
    assert_eq!(conversion.lines[0].outcome, Outcome::Changed, "{conversion:?}");
    // Entries refuse braces, so they come to the writer by another way only.
    conversion.entries[0].text.username = Some("a:${var.x} %{if} \"q\" \\ {{SessionName}}".to_owned());
    insta::assert_snapshot!(terraform(&conversion.entries), @r#"
    access_entries = {
      "t" = {
        principal_arn     = "arn:aws-cn:iam::111122223333:role/T"
        type              = "STANDARD"
        user_name         = "a:$${var.x} %%{if} \"q\" \\ {{SessionName}}"
        kubernetes_groups = ["g"]
        policy_associations = {
          "AmazonEKSClusterAdminPolicy" = {
            policy_arn = "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
            access_scope = {
              type = "cluster"
            }
          }
        }
      }
    }
    "#);
}

fn converted(file: &Path, more: &[&str]) -> Said {
    run(iam_bridge().args(["entries", "convert"]).arg(file).args(more))
}

#[test]
fn the_exit_code_says_whether_every_line_is_carried() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().join("aws-auth.yaml");
    for (text, code, told) in [
        (
            aws_auth(&role("Dev", "d:{{SessionName}}", "[g]")),
            0,
            "aws-auth.yaml:6: converted: arn:aws:iam::111122223333:role/Dev -> dev",
        ),
        (aws_auth(&role("Boot", "b", "[system:x]")), 1, "0 converted, 0 changed, 1 not carried"),
        ("kind: Pod\napiVersion: v1\n".to_owned(), 1, "other-format"),
        (String::new(), 1, "empty-file"),
    ] {
        fs::write(&at, &text).unwrap();
        let said = converted(&at, &[]);
        assert_eq!(said.code, Some(code), "{text}: {said:?}");
        assert!(said.stderr.contains(told), "{text}: {said:?}");
    }
    for words in [&["entries", "convert"][..], &["entries", "convert", "x.yaml", "--to", "aws"]] {
        assert_eq!(run(iam_bridge().args(words)).code, Some(2), "{words:?}");
    }
}
