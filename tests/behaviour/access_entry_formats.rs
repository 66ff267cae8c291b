//! The shapes of a file of access entries, and the place of each fault.

use iam_bridge::diagnostic::Severity;
use iam_bridge::document::Format;
use iam_bridge::sources::keys::{AccessEntryFile, AccessEntryFileSettings, parse_access_entry_file};

fn read(text: &str) -> Result<AccessEntryFile, Vec<String>> {
    let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
    let format = if text.starts_with(['{', '[']) { Format::Json } else { Format::Yaml };
    let told = |faults: Vec<iam_bridge::diagnostic::Diagnostic>| {
        faults
            .iter()
            .map(|fault| {
                format!("{}:{} {} {}", fault.at.unwrap().line, fault.at.unwrap().column, fault.code, fault.key)
            })
            .collect()
    };
    parse_access_entry_file("e", text, format, &settings).map_err(told)
}

/// Usernames, and how many policies each has.
fn names(text: &str) -> Vec<(String, usize)> {
    let file = read(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
    assert_eq!(file.names.len(), file.entries.len());
    file.entries.iter().map(|entry| (entry.entry.username().to_string(), entry.entry.grants().len())).collect()
}

const ROLE: &str = "arn:aws:iam::111122223333:role";

fn object(name: &str) -> String {
    format!(
        "apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntry\nmetadata: {{name: {name}, uid: x}}\nspec:\n  principalArn: {ROLE}/{name}\n  username: {name}\nstatus: {{anything: 1}}\n"
    )
}

fn printed(name: &str) -> String {
    format!(
        r#"{{"clusterName": "c", "principalArn": "{ROLE}/{name}", "kubernetesGroups": [], "accessEntryArn": "a", "createdAt": 1.5, "tags": {{}}, "username": "{name}", "type": "STANDARD"}}"#
    )
}

const VIEW: &str = r#"[{"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", "accessScope": {"type": "cluster", "namespaces": []}, "associatedAt": 1}]"#;

#[test]
fn objects_stand_in_lists_and_streams() {
    let a_and_b = [("a".to_owned(), 0), ("b".to_owned(), 0)];
    let item = |name: &str| object(name).replace('\n', "\n  ").trim_end().to_owned();
    assert_eq!(names(&format!("{}---\n{}", object("a"), object("b"))), a_and_b);
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}\n- {}\n", item("a"), item("b"));
    assert_eq!(names(&list), a_and_b);
    let ours = "apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntryList\nitems:\n";
    let bare = format!(
        "{ours}- spec: {{principalArn: \"{ROLE}/a\", username: a}}\n- metadata: {{name: n}}\n  spec: {{principalArn: \"{ROLE}/b\", username: b}}\n"
    );
    assert_eq!(names(&bare), a_and_b);
    assert_eq!(read(&bare).unwrap().names, [None, Some("n".to_owned())]);
    assert_eq!(names(ours.trim_end()), [], "null is an empty list");
}

#[test]
fn what_the_aws_cli_prints_is_read_with_its_policies() {
    let one = [("a".to_owned(), 1)];
    let (a, b) = (printed("a"), printed("b"));
    let listed = |name: &str| {
        format!(r#"{{"clusterName": "c", "principalArn": "{ROLE}/{name}", "associatedAccessPolicies": {VIEW}}}"#)
    };
    assert_eq!(names(&format!(r#"{{"accessEntry": {a}, "associatedAccessPolicies": {VIEW}}}"#)), one);
    assert_eq!(names(&format!(r#"[{{"accessEntry": {a}}}, {}]"#, listed("a"))), one, "as jq -s gathers");
    assert_eq!(names(&format!(r#"{{"accessEntries": [{a}], "associatedAccessPolicies": {VIEW}}}"#)), one);
    let both = [("a".to_owned(), 1), ("b".to_owned(), 0)];
    let inner = format!(r#"{{"accessEntries": [{{"accessEntry": {a}, "associatedAccessPolicies": {VIEW}}}, {b}]}}"#);
    assert_eq!(names(&inner), both);
    let beside = format!(r#"{{"accessEntries": [{a}, {b}], "associatedAccessPolicies": [{}]}}"#, listed("a"));
    assert_eq!(names(&beside), both);
    assert_eq!(names(&format!("--- {a}\n--- {}\n", listed("a"))), one, "documents of YAML");
    assert_eq!(names(&a), [("a".to_owned(), 0)], "with --query accessEntry");
    let warned = read(&a).unwrap().warnings;
    assert_eq!(warned.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["policies-not-told"]);
    let emr = VIEW.replace("AmazonEKSViewPolicy", "AmazonEMRJobPolicy");
    let left_out = read(&format!(r#"{{"accessEntry": {a}, "associatedAccessPolicies": {emr}}}"#)).unwrap();
    assert_eq!((left_out.entries[0].entry.grants().len(), left_out.warnings[0].code), (0, "policy-unsupported"));
}

#[test]
fn every_fault_is_told_with_its_place() {
    let twice = format!("{}---\n{}", object("a"), object("a").replace("role/a", "role/path/A"));
    let cases = [
        ("", vec!["1:1 empty-file "]),
        ("x: 1\n", vec!["1:1 no-access-entry "]),
        ("- 1\n", vec!["1:3 bad-type [0]"]),
        ("apiVersion: v1\nkind: Secret\n", vec!["2:7 other-kind kind"]),
        (
            "apiVersion: eks.services.k8s.aws/v1alpha1\nkind: AccessEntry\nspec: {}\n",
            vec!["1:13 bad-api-version apiVersion", "3:7 principal-arn spec.principalArn"],
        ),
        (
            "apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntry\nSpec: {}\n",
            vec!["3:1 unknown-key Spec", "3:7 principal-arn spec.principalArn"],
        ),
        ("apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntry\n", vec!["1:1 no-spec spec"]),
        ("kind: AccessEntryList\n", vec!["1:1 no-items items"]),
        (r#"{"accessEntries": ["arn:aws:iam::111122223333:role/a"]}"#, vec!["1:20 bad-type accessEntries[0]"]),
        (
            r#"{"principalArn": "x", "associatedAccessPolicies": []}"#,
            vec!["1:51 policy-of-nobody associatedAccessPolicies"],
        ),
        (twice.as_str(), vec!["9:1 duplicate-principal principalArn"]),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text).err().unwrap_or_default(), expected, "{text}");
    }
    let bad = object("a").replace("username: a", "username: system:a\n  kubernetesGroups: [ok, \"system:x\"]");
    assert_eq!(
        read(&bad).err().unwrap_or_default(),
        ["6:13 reserved-username spec.username", "7:26 group-name spec.kubernetesGroups[1]"]
    );
}
