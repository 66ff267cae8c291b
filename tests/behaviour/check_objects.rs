//! `check` of IAMIdentityMappings and their definition, of several objects in a file, and of folders of everything.

use std::fs;
use std::path::Path;

use iam_bridge::check::{self, Options};
use iam_bridge::diagnostic::Severity;
use iam_bridge::document::Format;
use iam_bridge::sources::FileText;
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::check::{checked, judged};
use super::check_mappings::places;

fn mapping(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: iamauthenticator.k8s.aws/v1alpha1\nkind: IAMIdentityMapping\nmetadata:\n  name: {name}\nspec: {spec}\n"
    )
}

fn faults(text: &str) -> Vec<String> {
    let found = checked("o.yaml", text, &Options::default());
    [places(&found, Severity::Error), places(&found, Severity::Warning)].concat()
}

const SPEC: &str = "{arn: arn:aws:iam::111122223333:role/R, username: u}";

#[test]
fn faults_of_a_mapping_stand_at_its_members() {
    let cases = [
        (SPEC, &[][..]),
        ("{arn: arn:aws:iam::111122223333:user/R, username: u, groups: [g], reason: r, userid: AIDAEXAMPLE}", &[]),
        ("{arn: garbage, username: u}", &["5:13 bad-role-arn spec.arn"]),
        ("{username: u}", &["5:7 bad-type spec.arn"]),
        (
            "{arn: arn:aws:iam::111122223333:role/R, username: 1, groups: [a, 2]}",
            &["5:57 bad-type spec.username", "5:72 bad-type spec.groups[1]"],
        ),
        ("{arn: arn:aws:iam::111122223333:role/R, username: y}", &["5:57 bad-type spec.username"]),
        ("{arn: arn:aws:iam::111122223333:role/R, username: u, usrid: A}", &["5:60 misspelt-guard spec.usrid"]),
        (
            "{arn: arn:aws:iam::111122223333:role/R, username: u, principalId: A}",
            &["5:60 misspelt-guard spec.principalId"],
        ),
        ("{arn: arn:aws:iam::111122223333:role/R, username: u, userID: A}", &["5:60 misspelt-guard spec.userID"]),
        ("{arn: arn:aws:iam::111122223333:role/R, username: u, group: [a]}", &["5:60 unknown-key spec.group"]),
        ("{arn: arn:aws:iam::111122223333:role/R, username: u, notAfter: soon}", &["5:70 bad-time spec.notAfter"]),
        ("{arn: arn:aws:iam::111122223333:role/R, username: u, userid: ''}", &["5:68 empty-pin spec.userid"]),
        ("[a]", &["5:7 bad-type spec"]),
        ("", &["1:1 no-spec"]),
        ("{arn: arn:aws:iam::111122223333:role/p/R, username: u}", &["5:13 role-path-never-matches spec.arn"]),
        ("{arn: arn:aws:iam::111122223333:role/R, username: '{{SessionName}}'}", &["5:57 free-username spec.username"]),
    ];
    let seen = cases.map(|(spec, _)| (spec, faults(&mapping("a", spec)).join(", ")));
    assert_eq!(seen, cases.map(|(spec, expected)| (spec, expected.join(", "))));
    assert_eq!(faults(&mapping("A_b", SPEC)), ["4:9 bad-name metadata.name"]);
    assert_eq!(faults(&mapping("", SPEC)), ["4:3 no-name metadata.name"]);
    assert_eq!(faults(&mapping("a", SPEC).replace("v1alpha1", "v1")), ["1:13 bad-api-version apiVersion"]);
    let note = checked(
        "o.yaml",
        &mapping("a", "{arn: arn:aws:iam::111122223333:role/R, username: u, groups: [system:masters]}"),
        &Options::default(),
    );
    assert!(note.iter().any(|fault| fault.code == "unpinned-admin"), "{note:?}");
    let options = Options { compat: true, ..Options::default() };
    let found = checked(
        "o.yaml",
        &mapping("a", "{arn: arn:aws:iam::111122223333:role/R, username: u, userid: AROAEXAMPLE}"),
        &options,
    );
    assert_eq!(places(&found, Severity::Note), ["1:1 compat-crd-index", "5:68 compat-pin spec.userid"]);
}

#[test]
fn what_repeats_in_a_file_is_told_and_the_table_is_of_all() {
    let text = [
        mapping("a", SPEC),
        mapping("b", "{arn: arn:aws:iam::111122223333:role/r, username: v}"),
        mapping("a", "{arn: arn:aws:iam::111122223333:role/S, username: w}"),
    ]
    .join("---\n");
    assert_eq!(faults(&text), ["7:1 repeated-entry spec.arn", "16:9 repeated-object metadata.name"]);
    let report = judged("o.yaml", &text, &Options::default());
    assert_eq!((report.tables.len(), report.tables[0].source.as_str()), (1, "CRD"));
    assert_eq!(report.tables[0].entries.iter().filter(|row| row.username == "w").count(), 1);
}

#[test]
fn lists_and_several_documents_are_read_item_by_item() {
    let item = json!({"metadata": {"name": "a"}, "spec": {"arn": "arn:aws:iam::111122223333:role/R", "username": "u"}});
    let typed =
        json!({"apiVersion": "iamauthenticator.k8s.aws/v1alpha1", "kind": "IAMIdentityMappingList", "items": [item]});
    let report = judged("l.json", &serde_json::to_string_pretty(&typed).unwrap(), &Options::default());
    assert_eq!((report.faults.len(), report.tables[0].entries.len()), (0, 1), "{report:?}");

    let text = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: aws-auth}
  data:
    mapRoles: |
      - rolearn: arn:aws:iam::111122223333:role/A
        groups: g
- apiVersion: iamauthenticator.k8s.aws/v1alpha1
  kind: IAMIdentityMapping
  metadata: {name: x}
  spec: {arn: bad, username: u}
- apiVersion: v1
  kind: Secret
  metadata: {name: x, labels: {App: a, app: b}}
- apiVersion: v1
  kind: Secret
---
apiVersion: apps/v1
kind: Deployment
metadata: {labels: {App: a, app: b}}
---
{\"a\": !tag 1, clusterID: x}
";
    let found = checked("l.yaml", text, &Options::default());
    let errors = places(&found, Severity::Error);
    for expected in ["10:17 bad-type mapRoles[0].groups", "14:15 bad-role-arn spec.arn", "25:7 yaml-tag a"] {
        assert!(errors.iter().any(|fault| fault == expected), "{expected} is not among {errors:#?}");
    }
    assert_eq!(errors.len(), 3, "another's labels may differ in case: {errors:#?}");
    let passed: Vec<&str> =
        found.iter().filter(|fault| fault.code == "other-format").map(|fault| fault.what.as_str()).collect();
    assert_eq!(passed, ["2 objects of kind `Secret` are passed over", "an object of kind `Deployment` is passed over"]);
}

#[test]
fn a_file_with_nothing_of_ours_is_an_error_when_named_and_a_note_in_a_folder() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("d.yaml");
    fs::write(&file, "apiVersion: v1\nkind: Secret\n---\napiVersion: v1\nkind: Secret\n").unwrap();
    let report = check::check(std::slice::from_ref(&file), &Options::default());
    assert_eq!(places(&report.faults, Severity::Error), ["1:1 other-format"]);
    assert_eq!(report.faults[0].what, "2 objects of kind `Secret` are passed over");
    fs::write(folder.path().join("values.yaml"), "replicas: 2\nreplicas: 3\n").unwrap();
    let report = check::check(&[folder.path().to_owned()], &Options::default());
    assert_eq!(places(&report.faults, Severity::Note), ["1:1 other-format", "1:1 other-format"], "{report:?}");
    assert!(!check::failed(&report));
    let behind = "apiVersion: v1\nkind: Secret\n---\nclusterID: c\nserver: {}\n";
    assert_eq!(places(&checked("c.yaml", behind, &Options::default()), Severity::Error), ["4:1 second-document"]);
}

#[test]
fn a_definition_that_drops_our_keys_is_told() {
    let ours =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/iamidentitymapping.yaml")).unwrap();
    assert_eq!(checked("crd.yaml", &ours, &Options::default()), []);
    let theirs = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: iamidentitymappings.iamauthenticator.k8s.aws}
spec:
  group: iamauthenticator.k8s.aws
  scope: Cluster
  names: {plural: iamidentitymappings, kind: IAMIdentityMapping}
  versions:
  - name: v1alpha1
    schema:
      openAPIV3Schema:
        properties:
          spec:
            required: [arn, username]
            properties:
              arn: {type: string}
              username: {type: string}
              groups: {type: array, items: {type: string}}
";
    let found = checked("crd.yaml", theirs, &Options::default());
    assert_eq!(places(&found, Severity::Warning), ["14:13 crd-schema-incomplete spec.versions[0]"]);
    assert!(found[0].what.contains("`userid`, `notBefore`, `notAfter`, `reason`"), "{}", found[0]);
    let open = theirs.replace(
        "            required:",
        "            x-kubernetes-preserve-unknown-fields: true\n            required:",
    );
    assert_eq!(checked("crd.yaml", &open, &Options::default()), []);
    let other = theirs.replace("kind: IAMIdentityMapping", "kind: Other");
    assert_eq!(checked("crd.yaml", &other, &Options::default())[0].code, "other-format");
}

#[test]
fn the_shipped_example_objects_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let files = ["iamidentitymapping.yaml", "example-iamidentitymapping.yaml"].map(|name| folder.join(name));
    let report = check::check(&files, &Options::default());
    assert_eq!((report.faults.as_slice(), report.tables.len()), (&[][..], 1));
}

proptest! {
    /// Whatever the bytes, `check` ends with a verdict.
    #[test]
    fn check_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), named: bool) {
        whatever(&bytes, named);
    }

    /// Nor on what looks like our files.
    #[test]
    fn check_never_panics_on_what_looks_like_ours(pieces in proptest::collection::vec(piece(), 0..30), named: bool) {
        whatever(pieces.concat().as_bytes(), named);
    }
}

fn whatever(bytes: &[u8], named: bool) {
    let options = Options { compat: true, ..Options::default() };
    for format in [Format::Yaml, Format::Json] {
        let file = FileText { name: "f".into(), bytes: bytes.to_vec(), format };
        let report = check::check_text(&file, named, &options);
        let _ = (check::render_text(&report), check::render_json(&report).unwrap());
    }
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "apiVersion: v1\n",
        "apiVersion: iamauthenticator.k8s.aws/v1alpha1\n",
        "kind: ConfigMap\n",
        "kind: IAMIdentityMapping\n",
        "kind: IAMIdentityMappingList\n",
        "kind: List\n",
        "kind: CustomResourceDefinition\n",
        "metadata: {name: aws-auth}\n",
        "metadata:\n",
        "data:\n",
        "items:\n",
        "- ",
        "  ",
        "\t",
        "---\n",
        "mapRoles: |\n",
        "mapRoles: []\n",
        "mapUsers: >-\n",
        "mapAccounts: \"- 1\\n- 2\\n\"\n",
        "rolearn: arn:aws:iam::111122223333:role/A\n",
        "username: ü\n",
        "userid: A\n",
        "spec: {arn: x, username: [}\n",
        "spec:\n",
        "arn: arn:aws:iam::111122223333:user/A\n",
        "groups: [&a b, *a]\n",
        "versions: [{schema: 1}]\n",
        "backendMode: CRD\n",
        "clusterID: c\n",
        "server:\n",
        "{\"backendMode\": \"CRD\"}",
        "{\"mapRoles\": [{}]}",
        "\n",
    ])
}
