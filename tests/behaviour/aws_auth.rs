//! The data of `aws-auth`: what its YAML means, what is lost alone, what keeps the last good items, and where it stands.

use std::collections::BTreeMap;

use iam_bridge::diagnostic::{Diagnostic, Severity};
use iam_bridge::document::{self, Value as Tree};
use iam_bridge::mapping::Entry;
use iam_bridge::sources::keys::{self, AwsAuth, AwsAuthPart};
use serde_json::{Value, json};

use super::config::{entry, key_settings};
use crate::harness::vectors::Outcome;

/// Whether what is made of the data of a ConfigMap is what a vector expects.
pub(crate) fn vector(data: &Value, expect: Value) -> Outcome {
    let data: BTreeMap<String, String> = serde_json::from_value(data.clone()).expect("texts by key");
    Outcome::equal(&without_empty_groups(expect), &shown(&judged(&data)))
}

fn judged(data: &BTreeMap<String, String>) -> AwsAuth {
    keys::parse_aws_auth(&keys::aws_auth_of_data(data, "kube-system/aws-auth"), key_settings())
}

/// One value alone.
fn value(key: &str, text: &str) -> AwsAuth {
    judged(&BTreeMap::from([(key.to_owned(), text.to_owned())]))
}

fn faults(read: &AwsAuth) -> impl Iterator<Item = &Diagnostic> {
    read.roles.faults.iter().chain(&read.users.faults).chain(&read.accounts.faults)
}

/// As the vectors spell it.
fn shown(read: &AwsAuth) -> Value {
    let entries = |part: &AwsAuthPart<Entry>| -> Vec<Value> {
        part.items.iter().flatten().map(|item| entry(item.text())).collect()
    };
    let partial = faults(read).any(|fault| fault.severity == Severity::Error);
    json!({
        "result": if partial { "error-partial" } else { "ok" },
        "roles": entries(&read.roles),
        "users": entries(&read.users),
        "accounts": read.accounts.items.iter().flatten().map(|account| account.id.clone()).collect::<Vec<_>>(),
    })
}

/// An empty list of groups and none mean the same; what the reference does is not asserted.
fn without_empty_groups(mut expect: Value) -> Value {
    expect.as_object_mut().expect("a map").remove("reference");
    for list in ["roles", "users"] {
        for entry in expect[list].as_array_mut().into_iter().flatten() {
            if entry["groups"] == json!([]) {
                entry["groups"] = Value::Null;
            }
        }
    }
    expect
}

/// Place, code and key of each fault, errors first marked with `!`.
fn told(read: &AwsAuth) -> Vec<String> {
    faults(read)
        .map(|fault| {
            let at = fault.at.map_or_else(String::new, |at| format!("{}:{}", at.line, at.column));
            let mark = if fault.severity == Severity::Error { "!" } else { "" };
            format!("{mark}{at} {} {}", fault.code, fault.key)
        })
        .collect()
}

#[test]
fn whether_a_scalar_was_quoted_is_told_by_the_source() {
    let text = "- y\n- 'y'\n- \"y\"\n- |-\n  y\n- >-\n  y\n- &a y\n- *a\n- &b 'y'\n- *b\n- !!str y\n- \"\\x79\"\n- [y, 'y', \"y\"]\n- y # 'y'\n-\n- ''\n";
    let document = document::parse_leniently("f", text).unwrap();
    let Tree::List(items) = document.root().value() else { panic!("no list") };
    let quoted: Vec<String> = items
        .map(|item| match item.value() {
            Tree::Scalar(scalar) => format!("{} {}", scalar.text, scalar.quoted),
            Tree::List(items) => {
                items.map(|item| item.scalar().unwrap().quoted.to_string()).collect::<Vec<_>>().join(" ")
            }
            Tree::Map(_) => "map".to_owned(),
        })
        .collect();
    assert_eq!(
        quoted,
        [
            "y false",
            "y true",
            "y true",
            "y true",
            "y true",
            "y false",
            "y false",
            "y true",
            "y true",
            "y true",
            "y true",
            "false true true",
            "y false",
            "~ false",
            " true"
        ]
    );
}

const A: &str = "arn:aws:iam::111122223333:role/A";

/// The first entry of mapRoles whose username or group is written so.
fn member(line: &str) -> Value {
    let read = value("mapRoles", &format!("- rolearn: {A}\n  {line}\n"));
    let mut shown = shown(&read);
    json!({
        "result": shown["result"].take(),
        "username": shown["roles"][0]["username"].take(),
        "groups": shown["roles"][0]["groups"].take(),
    })
}

#[test]
fn a_member_that_is_no_text_is_lost_and_its_entry_stays() {
    for (written, kept) in [
        ("username: y", None),
        ("username: N", None),
        ("username: yes", None),
        ("username: No", None),
        ("username: ON", None),
        ("username: off", None),
        ("username: true", None),
        ("username: 42", None),
        ("username: 0o17", None),
        ("username: 017", None),
        ("username: 0x1F", None),
        ("username: 1_000", None),
        ("username: -1.5e3", None),
        ("username: .inf", None),
        ("username: .NaN", None),
        ("username: [a]", None),
        ("username: {a: b}", None),
        ("username: yEs", Some("yEs")),
        ("username: oN", Some("oN")),
        ("username: yes ma'am", Some("yes ma'am")),
        ("username: 'y'", Some("y")),
        ("username: \"42\"", Some("42")),
        ("username: !!str 42", Some("42")),
        ("username: |-\n    42", Some("42")),
        ("username: 2001-01-01", Some("2001-01-01")),
        ("username: 2001-12-14t21:59:43.10-05:00", Some("2001-12-14t21:59:43.10-05:00")),
        ("username: 1.2.3", Some("1.2.3")),
        ("username: 190:20:30", Some("190:20:30")),
        ("username: 12e03x", Some("12e03x")),
        ("username: system:node:{{EC2PrivateDNSName}}", Some("system:node:{{EC2PrivateDNSName}}")),
    ] {
        let result = if kept.is_some() { "ok" } else { "error-partial" };
        let expected = json!({"result": result, "username": kept.unwrap_or_default(), "groups": null});
        assert_eq!(member(written), expected, "{written}");
    }
    for (written, result, groups) in [
        ("groups: g", "error-partial", json!(null)),
        ("groups: a,b", "error-partial", json!(null)),
        ("groups: {}", "error-partial", json!(null)),
        ("groups: 1", "error-partial", json!(null)),
        ("groups: [a, 1, y, [x], b]", "error-partial", json!(["a", "b"])),
        ("groups: ['1', \"y\"]", "ok", json!(["1", "y"])),
        ("groups:", "ok", json!(null)),
        ("groups: ~", "ok", json!(null)),
        ("groups: []", "ok", json!(null)),
        ("groups: [a,]", "ok", json!(["a"])),
        ("groups: &g [a, b]\n  x-other: *g", "ok", json!(["a", "b"])),
    ] {
        assert_eq!(member(written), json!({"result": result, "username": "", "groups": groups}), "{written}");
    }
}

#[test]
fn an_entry_that_names_nobody_or_loses_its_guard_is_dropped_alone() {
    for bad in [
        "-",
        "- ~",
        "- abc",
        "- []",
        "- {}",
        "- rolearn:\n  username: x",
        "- rolearn: ''\n  username: x",
        "- rolearn: 12\n  username: x",
        "- userarn: arn:aws:iam::1:user/x\n  username: x",
        "- sso: {permissionSetName: P, accountID: 111122223333}\n  username: x",
        "- sso: {permissionSetName: P, accountID: '1234'}\n  username: x",
        "- sso: {permissionSetName: 'P*', accountID: '111122223333'}\n  username: x",
        "- sso: {permissionSetName: P, accountID: '111122223333', partition: aws-us-govt}\n  username: x",
        "- sso: {accountID: '111122223333'}\n  username: x",
        "- sso: abc\n  username: x",
        "- sso: abc\n  rolearn: r\n  username: x",
        "- sso: {permissionSetName: P, accountID: '111122223333'}\n  rolearn: r",
        "- rolearn: r\n  rolearnLike: arn:aws:iam::111122223333:role/x*",
        "- rolearnLike: arn:aws:iam::111122223333:role/x",
        "- rolearnLike: arn:aws:iam::111122223333:role/x*\n  username: x\n  groups: [system:masters]",
        "- rolearn: r\n  useridd: AROAX",
        "- rolearn: r\n  userid: 42",
        "- rolearn: r\n  userid:",
        "- rolearn: r\n  userid: ''",
        "- rolearn: r\n  userid: [AROAX]",
        "- rolearn: r\n  userid: AROAX\n  principalId: AROAY",
        "- rolearn: r\n  notAfter: tomorrow",
        "- rolearn: r\n  notBefore: 2030-01-01T00:00:00Z\n  notAfter: 2029-01-01T00:00:00Z",
        "- rolearn: r\n  username: a\n  username: b",
        "- rolearn: r\n  RoleArn: q",
        "- sso: {permissionSetName: P, permissionSetName: Q, accountID: '111122223333'}",
    ] {
        for text in [
            format!("- {{rolearn: {A}, username: good}}\n{bad}\n"),
            format!("{bad}\n- {{rolearn: {A}, username: good}}\n"),
        ] {
            let seen = shown(&value("mapRoles", &text));
            assert_eq!(seen["result"], "error-partial", "{text}");
            assert_eq!(seen["roles"], json!([{"rolearn": A, "username": "good", "groups": null}]), "{text}");
        }
    }
}

#[test]
fn what_the_reference_takes_is_taken() {
    for (key, text, expected) in [
        ("mapRoles", "# nothing\n", json!([])),
        ("mapRoles", "null", json!([])),
        ("mapRoles", "[]", json!([])),
        ("mapRoles", " \t\n", json!([])),
        ("mapRoles", " `` \n", json!([])),
        ("mapRoles", "---\n- rolearn: r\n---\n- rolearn: s\n", json!(["r"])),
        ("mapRoles", "- rolearn: r\n---\n{{{ nonsense", json!(["r"])),
        ("mapRoles", "- rolearn: r\n...\n", json!(["r"])),
        ("mapRoles", "- &a {rolearn: r, groups: [g]}\n- {<<: *a, rolearn: s}\n", json!(["r", "s"])),
        ("mapRoles", "[{\"rolearn\": \"r\"}]", json!(["r"])),
        ("mapRoles", "- rolearn: ' spaced '\n", json!([" spaced "])),
        ("mapRoles", "- rolearn: r\n- rolearn: R\n", json!(["r", "R"])),
        ("mapRoles", "- rolearn: r\n  1: x\n  y: z\n  ? n\n  : m\n", json!(["r"])),
        ("mapRoles", "- rolearn: r\n  notAfter: 2030-01-01T00:00:00Z\n  reason: leave\n", json!(["r"])),
        ("mapUsers", "- userarn: u\n  rolearn: r\n  sso: nonsense\n", json!(["u"])),
        (
            "mapAccounts",
            "- 012345678901\n- 0x10\n- y\n- 1.50\n- '1'\n- null\n-\n",
            json!(["012345678901", "0x10", "y", "1.50", "1", "", ""]),
        ),
        ("mapAccounts", "[111122223333]", json!(["111122223333"])),
        ("mapaccounts", "nonsense: [", json!([])),
    ] {
        let read = value(key, text);
        let seen = shown(&read);
        let list = |list: &str, member: &str| -> Vec<Value> {
            seen[list].as_array().unwrap().iter().map(|entry| entry[member].clone()).collect()
        };
        let names = match key {
            "mapRoles" => json!(list("roles", "rolearn")),
            "mapUsers" => json!(list("users", "userarn")),
            _ => seen["accounts"].clone(),
        };
        assert_eq!((&names, &seen["result"]), (&expected, &json!("ok")), "{text:?}: {:?}", told(&read));
    }
}

#[test]
fn a_value_that_is_no_list_keeps_the_last_good_items() {
    let nested = "[".repeat(100_000);
    let bomb = (1..20).fold("- &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, level| {
        let below = vec![format!("*a{}", level - 1); 10].join(",");
        format!("{text}- &a{level} [{below}]\n")
    });
    let many = "- rolearn: r\n".repeat(20_001);
    let large = format!("- rolearn: r\n# {}\n", "x".repeat(1024 * 1024));
    for (text, code) in [
        ("rolearn: a\nusername: b\n", "!1:1 bad-type mapRoles"),
        ("{}", "!1:1 bad-type mapRoles"),
        ("abc", "!1:1 bad-type mapRoles"),
        ("\"\"\"\"", "!1:3 yaml-syntax mapRoles"),
        ("- rolearn: [\n", "yaml-syntax"),
        ("- rolearn: a\n\tusername: b\n", "yaml-syntax"),
        ("- username: {{SessionName}}\n", "yaml-key mapRoles[0].username"),
        ("- rolearn: !x a\n", "!1:12 yaml-tag mapRoles[0].rolearn"),
        ("- *nowhere\n", "yaml-syntax"),
        (&nested, "too-deep"),
        (&bomb, "yaml-alias-budget"),
        (&many, "!1:1 too-many-entries mapRoles"),
        (&large, "!1:1 too-large mapRoles"),
    ] {
        let short: String = text.chars().take(40).collect();
        let read = value("mapRoles", text);
        assert!(read.roles.items.is_none(), "{short:?}");
        assert!(
            told(&read).iter().any(|told| told.starts_with('!') && told.contains(code)),
            "{short:?}: {:?}",
            told(&read)
        );
        let others = value("mapAccounts", text);
        assert!(others.roles.items.is_some_and(|items| items.is_empty()), "another value is not concerned");
    }
    for text in ["123456789012", "a: b", "'111122223333'"] {
        assert!(value("mapAccounts", text).accounts.items.is_none(), "{text}");
    }
    assert_eq!(
        value("mapRoles", &many.replacen("- rolearn: r\n", "", 1)).roles.items.map(|items| items.len()),
        Some(20_000)
    );
}
