//! `check` over access entries: faults, doubts, precedence, roles of policies.

use std::fs;

use iam_bridge::check::{self, Options};
use iam_bridge::diagnostic::Severity;
use tempfile::TempDir;

use super::check::{checked, codes};

const HEAD: &str = "apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntryList\nitems:\n";

fn told(specs: &str) -> Vec<&'static str> {
    let found = checked("e.yaml", &format!("{HEAD}{specs}"), &Options::default());
    found.iter().filter(|fault| fault.code != "unpinned-entries").map(|fault| fault.code).collect()
}

#[test]
fn doubts_about_good_entries_are_told() {
    let role = "arn:aws:iam::111122223333:role/Dev";
    let grant = |policy: &str, namespaces: &str| {
        format!(
            "- spec: {{principalArn: \"{role}\", policyAssociations: [{{policy: {policy}, accessScope: {{type: namespace, namespaces: [{namespaces}]}}}}]}}\n"
        )
    };
    for (specs, expected) in [
        (format!("- spec: {{principalArn: \"{role}\"}}\n"), vec![]),
        (format!("- spec: {{principalArn: \"{role}\", username: dev}}\n"), vec!["one-name-for-all"]),
        (format!("- spec: {{principalArn: \"{role}\", type: FARGATE_LINUX}}\n"), vec!["node-name-by-caller"]),
        (format!("- spec: {{principalArn: \"{role}\", type: EC2_LINUX}}\n"), vec![]),
        (format!("- spec: {{principalArn: \"{role}\", expiresAt: \"2020-01-01T00:00:00Z\"}}\n"), vec!["expired-entry"]),
        (format!("- spec: {{principalArn: \"{role}\", notAfter: \"2999-01-01T00:00:00Z\"}}\n"), vec!["old-spelling"]),
        ("- spec: {principalArn: \"arn:aws:iam::111122223333:root\"}\n".to_owned(), vec!["root-arn"]),
        (grant("AmazonEKSEditPolicy", "\"*\""), vec!["cluster-admin-in-effect"]),
        (grant("AmazonEKSAdminPolicy", "kube-system"), vec!["cluster-admin-in-effect"]),
        (grant("AmazonEKSEditPolicy", "dev-*"), vec![]),
        (grant("AmazonEKSViewPolicy", "\"*\""), vec![]),
        ("- spec: {principalArn: nobody}\n".to_owned(), vec!["principal-arn"]),
    ] {
        assert_eq!(told(&specs), expected, "{specs}");
    }
    let two = format!("{HEAD}- spec: {{principalArn: \"{role}\"}}\n- spec: {{principalArn: \"{role}2\"}}\n");
    let notes = checked("e.yaml", &two, &Options::default());
    assert_eq!(codes(&notes), [("unpinned-entries", Severity::Note, Some(4))], "one line a file");
}

#[test]
fn entries_are_found_among_other_objects() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\napiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntry\nmetadata: {name: a}\nspec: {principalArn: nobody}\n---\napiVersion: eks.services.k8s.aws/v1alpha1\nkind: AccessEntry\nspec: {}\n";
    let found = checked("e.yaml", text, &Options::default());
    assert_eq!(
        codes(&found),
        [
            ("other-format", Severity::Note, Some(1)),
            ("principal-arn", Severity::Error, Some(8)),
            ("other-format", Severity::Note, Some(10))
        ]
    );
}

#[test]
fn groups_of_access_policies_are_an_error_elsewhere() {
    let config = "clusterID: prod.example.com\nserver:\n  mapRoles:\n  - rolearn: arn:aws:iam::111122223333:role/Dev\n    username: a:{{SessionName}}\n    groups: [\"iam-bridge.dev:policy:AmazonEKSViewPolicy\"]\n";
    assert_eq!(codes(&checked("c.yaml", config, &Options::default())), [("policy-group", Severity::Error, Some(6))]);
}

#[test]
fn what_an_earlier_source_decides_is_told() {
    let folder = TempDir::new().unwrap();
    let aws_auth = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n  mapRoles: |\n    - rolearn: arn:aws:iam::111122223333:role/dev\n      username: d:{{SessionName}}\n      groups: [g]\n";
    let entries = format!(
        "{HEAD}- spec: {{principalArn: \"arn:aws:iam::111122223333:role/path/Dev\", principalId: AROAEXAMPLEEXAMPLE123}}\n"
    );
    let paths = ["a.yaml", "c.yaml", "e.yaml"].map(|name| folder.path().join(name));
    fs::write(&paths[0], aws_auth).unwrap();
    fs::write(&paths[2], entries).unwrap();
    for (list, expected) in [
        ("AccessEntryFile, EKSConfigMap", "principal-in-aws-auth"),
        ("EKSConfigMap, AccessEntryFile", "shadowed-entry"),
    ] {
        let config =
            format!("clusterID: prod.example.com\nserver:\n  accessEntryFile: /e.yaml\n  backendMode: [{list}]\n");
        fs::write(&paths[1], config).unwrap();
        let found = check::check(&paths, &Options::default()).faults;
        let last = found.last().unwrap();
        assert_eq!((last.code, last.at.unwrap().line), (expected, 4), "{found:?}");
        assert!(last.what.contains("line 6"), "{last}");
    }
}

#[test]
fn a_role_of_a_policy_that_was_changed_is_told() {
    let shipped = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/access-policies.yaml")).unwrap();
    let drift = |text: &str| {
        checked("p.yaml", text, &Options::default())
            .into_iter()
            .filter(|fault| fault.code == "policy-role-drift")
            .count()
    };
    assert_eq!(drift(&shipped), 0);
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"iam-bridge.dev:AmazonEKSSecretReaderPolicy\"}\nrules:\n- {apiGroups: [\"\"], resources: [secrets], verbs: [get, list, watch, delete]}\n";
    let found = checked("p.yaml", role, &Options::default());
    assert_eq!(codes(&found), [("policy-role-drift", Severity::Warning, Some(5))]);
    assert!(found[0].what.contains("adds 1 rights, the first `delete secrets`"), "{}", found[0]);
}
