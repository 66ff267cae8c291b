//! `entries render`: the RoleBindings of files, by the real binary.

use serde_json::Value;

use crate::harness::process::{Said, iam_bridge, run};

const ENTRIES: &str = "apiVersion: iam-bridge.dev/v1alpha1
kind: AccessEntryList
items:
- spec:
    principalArn: arn:aws:iam::111122223333:role/Dev
    policyAssociations:
    - {policy: AmazonEKSViewPolicy, accessScope: {type: namespace, namespaces: ['dev-*']}}
    - {policy: AmazonEKSEditPolicy, accessScope: {type: namespace, namespaces: [dev-a]}}
- spec:
    principalArn: arn:aws:iam::111122223333:role/Ops
    policyAssociations:
    - {policy: AmazonEKSViewPolicy, accessScope: {type: namespace, namespaces: ['*']}}
    - {policy: AmazonEKSClusterAdminPolicy, accessScope: {type: cluster}}
- spec:
    principalArn: arn:aws:iam::111122223333:role/Gone
    policyAssociations:
    - policy: AmazonEKSAdminPolicy
      accessScope: {type: namespace, namespaces: [dev-a]}
      expiresAt: \"2020-01-01T00:00:00Z\"
";

fn render(text: &str, arguments: &[&str]) -> Said {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("entries.yaml");
    std::fs::write(&file, text).unwrap();
    run(iam_bridge().args(["entries", "render"]).arg(file).args(arguments).env("HOME", home.path()))
}

fn objects(yaml: &str) -> Vec<Value> {
    let documents = yaml
        .split("---\n")
        .map(|document| document.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n"));
    documents.filter(|text| !text.trim().is_empty()).map(|text| serde_saphyr::from_str(&text).unwrap()).collect()
}

#[test]
fn each_namespace_gets_a_binding_a_policy_with_the_groups_that_reach_it() {
    let said = render(ENTRIES, &["--namespaces", "dev-a,prod"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let objects = objects(&said.stdout);
    let seen: Vec<_> = objects
        .iter()
        .map(|object| {
            assert_eq!(
                (object["apiVersion"].as_str(), object["kind"].as_str()),
                (Some("rbac.authorization.k8s.io/v1"), Some("RoleBinding"))
            );
            let subjects =
                object["subjects"].as_array().unwrap().iter().map(|subject| subject["name"].as_str().unwrap());
            (
                object["metadata"]["namespace"].as_str().unwrap(),
                object["metadata"]["name"].as_str().unwrap(),
                subjects.collect::<Vec<_>>(),
            )
        })
        .collect();
    let group = |policy: &str, scope: &str| format!("iam-bridge.dev:policy:{policy}:{scope}");
    let (all, dev, edit) = (
        group("AmazonEKSViewPolicy", "*"),
        group("AmazonEKSViewPolicy", "dev-*"),
        group("AmazonEKSEditPolicy", "dev-a"),
    );
    let mut expected = vec![
        ("dev-a", "iam-bridge.dev:AmazonEKSEditPolicy", vec![edit.as_str()]),
        ("dev-a", "iam-bridge.dev:AmazonEKSViewPolicy", vec![all.as_str(), dev.as_str()]),
        ("prod", "iam-bridge.dev:AmazonEKSViewPolicy", vec![all.as_str()]),
    ];
    let mut seen = seen;
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    assert!(
        said.stderr.contains("AmazonEKSAdminPolicy of `arn:aws:iam::111122223333:role/Gone` has expired"),
        "{}",
        said.stderr
    );
}

#[test]
fn the_static_objects_come_before_them_as_deploy_has_them() {
    let said = render(ENTRIES, &["--namespaces", "prod", "--static"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let shipped = iam_bridge::policy::access_policies_yaml().unwrap();
    assert!(said.stdout.starts_with(&shipped), "{}", said.stdout);
    assert_eq!(objects(&said.stdout).len(), objects(&shipped).len() + 1);
}

#[test]
fn without_namespaces_or_with_a_fault_nothing_is_rendered() {
    let said = render(ENTRIES, &[]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
    assert!(said.stderr.contains("give --namespaces a,b or --context NAME"), "{}", said.stderr);
    let said = render(&ENTRIES.replace("AmazonEKSEditPolicy", "AmazonEKSEdditPolicy"), &["--namespaces", "dev-a"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.stderr.contains("entries.yaml:8"), "{}", said.stderr);
}

#[test]
fn nothing_to_bind_is_an_empty_answer() {
    let said = render("kind: AccessEntryList\nitems: []\n", &["--namespaces", "prod"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{said:?}");
}
