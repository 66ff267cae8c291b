//! `entries diff`: who becomes another user, and who does not.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::entries_convert::aws_auth;
use crate::harness::process::{Said, iam_bridge, run};

/// Two sides, compared by the binary.
fn diff(before: &str, after: &str, more: &[&str]) -> Said {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("before.yaml"), before).unwrap();
    fs::write(at("after.yaml"), after).unwrap();
    let mut command = iam_bridge();
    command.args(["entries", "diff", "--before"]).arg(at("before.yaml")).arg("--after").arg(at("after.yaml"));
    run(command.args(more))
}

fn differences(before: &str, after: &str, more: &[&str]) -> Vec<Value> {
    let said = diff(before, after, &[more, &["-o", "json"]].concat());
    let json: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let found = json["differences"].as_array().unwrap().clone();
    assert_eq!(said.code, Some(i32::from(!found.is_empty())), "{said:?}");
    found
}

fn entry(spec: &str) -> String {
    let lines: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntry\nmetadata: {{name: e}}\nspec:\n{lines}")
}

const DEV: &str = "- rolearn: arn:aws:iam::111122223333:role/Dev\n  username: dev:{{SessionName}}\n  groups: [devs]\n";
const DEV_ENTRY: &str =
    "principalArn: arn:aws:iam::111122223333:role/team/Dev\nusername: dev:{{SessionName}}\nkubernetesGroups: [devs]";

#[test]
fn the_same_users_are_no_difference_whatever_the_format() {
    let said = diff(&aws_auth(DEV), &entry(DEV_ENTRY), &[]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "no principal becomes another user\n"), "{said:?}");
}

#[test]
fn what_a_policy_gives_is_a_group_like_others() {
    let masters = "- rolearn: arn:aws:iam::111122223333:role/Admin\n  username: admin\n  groups: [system:masters]\n";
    let admin = "principalArn: arn:aws:iam::111122223333:role/Admin\nusername: admin\npolicyAssociations:\n- policy: AmazonEKSClusterAdminPolicy\n  accessScope: {type: cluster}";
    let found = differences(&aws_auth(masters), &entry(admin), &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["lost"], serde_json::json!(["system:masters"]));
    assert_eq!(found[0]["gained"], serde_json::json!(["iam-bridge.dev:policy:AmazonEKSClusterAdminPolicy"]));
    assert_eq!(found[0]["before"]["username"], "admin");
}

#[test]
fn whoever_is_named_on_one_side_alone_is_lost_or_gained() {
    let other = "- rolearn: arn:aws:iam::111122223333:role/Other\n  username: o\n  groups: [g]\n";
    let found = differences(&aws_auth(DEV), &aws_auth(other), &[]);
    let told: Vec<(&str, bool, bool)> = found
        .iter()
        .map(|one| {
            let is_user = |side: &str| one[side].get("username").is_some();
            (one["principal"].as_str().unwrap().rsplit('/').next().unwrap(), is_user("before"), is_user("after"))
        })
        .collect();
    assert_eq!(told, [("Dev", true, false), ("Other", false, true)]);
    assert_eq!(found[0]["after"]["refused"], "not mapped");
}

/// A guard that is gone lets others in, at another time or with another id.
#[test]
fn a_guard_that_is_gone_is_a_difference() {
    let guarded = |guard: &str| aws_auth(&format!("{DEV}  {guard}\n"));
    for (guard, only) in [
        ("userid: AROAABCDEFGHIJKLMNOP", "with another unique id"),
        ("notAfter: 2031-01-01T00:00:00Z", "at 2031-01-01T00:00:00Z"),
        ("notBefore: 2029-01-01T00:00:00Z", "at 2028-12-31T23:59:59Z"),
    ] {
        let found = differences(&guarded(guard), &aws_auth(DEV), &["--at", "2030-01-01T00:00:00Z"]);
        assert_eq!(found.len(), 1, "{guard}: {found:?}");
        assert_eq!(found[0]["only"], only, "{guard}");
        assert!(found[0]["before"].get("refused").is_some() && found[0]["after"].get("username").is_some());
        assert!(differences(&guarded(guard), &guarded(guard), &[]).is_empty(), "{guard}");
    }
}

#[test]
fn permission_sets_patterns_and_accounts_are_shown_as_they_are_written() {
    let config = "clusterID: c\nserver:\n  mapRoles:\n  - sso: {permissionSetName: Ops, accountID: '111122223333'}\n    username: o\n  - rolearnLike: arn:aws:iam::111122223333:role/ci-*\n    username: ci\n  mapAccounts: ['444455556666']\n";
    let found = differences(config, &entry(DEV_ENTRY), &[]);
    let principals: Vec<&str> = found.iter().map(|one| one["principal"].as_str().unwrap()).collect();
    assert_eq!(
        principals,
        [
            "arn:aws:iam::111122223333:role/AWSReservedSSO_Ops_*",
            "arn:aws:iam::111122223333:role/ci-*",
            "arn:aws:iam::111122223333:role/team/Dev",
            "any other principal of account 444455556666"
        ]
    );
}

/// A hit is final: an entry in front hides the line behind it.
#[test]
fn the_order_of_sources_decides() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("aws-auth.yaml"), aws_auth(DEV)).unwrap();
    fs::write(at("entries.yaml"), entry("principalArn: arn:aws:iam::111122223333:role/Dev\nusername: new")).unwrap();
    let asked = |modes: &[&str]| {
        let mut command = iam_bridge();
        command.args(["entries", "diff", "--before"]).arg(at("aws-auth.yaml"));
        command.arg("--after").arg(at("aws-auth.yaml")).arg(at("entries.yaml"));
        run(command.args(modes)).code
    };
    assert_eq!(asked(&[]), Some(1), "entries stand first");
    assert_eq!(asked(&["--backend-mode", "AccessEntry,EKSConfigMap"]), Some(1), "whichever source of entries");
    assert_eq!(asked(&["--backend-mode", "EKSConfigMap,AccessEntryFile"]), Some(0));
    assert_eq!(asked(&["--backend-mode", "Nonsense"]), Some(2));
}

#[test]
fn the_table_says_who_and_what() {
    let fewer = DEV_ENTRY.replace("[devs]", "[viewers]");
    let said = diff(&aws_auth(DEV), &entry(&fewer), &[]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.stdout, @r"
    arn:aws:iam::111122223333:role/Dev
      before  dev:alice-example.com in devs
      after   dev:alice-example.com in viewers
      lost    devs
      gained  viewers
    1 difference
    ");
}
