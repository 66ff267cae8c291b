//! `entries pin`: the real binary, and a fake IAM that checks signatures.

use std::fs;
use std::sync::Arc;

use iam_bridge::document::Format;
use iam_bridge::sources::keys::Pins;
use serde_json::Value;

use crate::harness::aws::Aws;
use crate::harness::aws::ec2::Manner;
use crate::harness::aws::iam::{Iam, Known};
use crate::harness::process::{Said, run};

const DEV: &str = "AROADEV1111111111111";
const ALICE: &str = "AIDAALICE11111111111";

/// An AWS with an IAM, and keys of an operator.
struct Ground {
    aws: Aws,
    iam: Iam,
    operator: iam_bridge::demo::sts::Principal,
}

impl Ground {
    fn open() -> Self {
        let aws = Aws::start();
        let iam = aws.block_on(Iam::start(Arc::clone(&aws.sts)));
        iam.put(Known::role("arn:aws:iam::111122223333:role/team/Dev", DEV));
        iam.put(Known::user("arn:aws:iam::111122223333:user/alice", ALICE));
        let operator = aws.role_session("Operator", "me");
        Self { aws, iam, operator }
    }

    fn pin(&self, arguments: &[&str]) -> Said {
        let mut command = self.aws.iam_bridge(&[&["entries", "pin"], arguments].concat());
        let command = self.aws.with_keys(&self.operator, &mut command).env("AWS_ENDPOINT_URL_IAM", self.iam.url());
        let said = run(command);
        self.aws.assert_no_secret(&said);
        said
    }

    fn write(&self, name: &str, text: &str) -> String {
        self.aws.write(name, text).display().to_string()
    }
}

const OURS: &str = "# who gets in
apiVersion: iam-bridge.dev/v1alpha1
kind: AccessEntryList
items:
- metadata: {name: dev}   # developers
  spec:
    principalArn: 'arn:aws:iam::111122223333:role/team/Dev' # with its path
    # as they are called in the audit log
    username: \"dev:{{SessionName}}\"
    kubernetesGroups: [devs]
- metadata:
    name: alice
  spec: {principalArn: \"arn:aws:iam::111122223333:user/alice\", kubernetesGroups: [ops]}
";

#[test]
fn pins_are_put_behind_the_arn_and_every_other_byte_stays() {
    let ground = Ground::open();
    let file = ground.write("entries.yaml", OURS);
    let said = ground.pin(&[&file]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let expected = OURS
        .replace("# with its path\n", &format!("# with its path\n    principalId: {DEV}\n"))
        .replace("[ops]}", &format!("[ops], principalId: \"{ALICE}\"}}"));
    assert_eq!(said.stdout, expected);
    assert!(said.stderr.contains("2 pinned now, 0 before, 0 not pinned"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), OURS);
    let mut asked = ground.iam.asked();
    asked.sort();
    assert_eq!(asked, ["GetRole Dev", "GetUser alice"]);
}

#[test]
fn in_place_the_file_keeps_its_mode_and_a_second_run_changes_nothing() {
    let ground = Ground::open();
    let file = ground.write("entries.yaml", OURS);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    }
    let said = ground.pin(&["--in-place", &file]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{said:?}");
    let pinned = fs::read_to_string(&file).unwrap();
    assert!(pinned.contains(DEV) && pinned.contains(ALICE), "{pinned}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    }
    let again = ground.pin(&["--in-place", &file]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.stderr.trim(), "0 pinned now, 2 before, 0 not pinned");
    assert_eq!(fs::read_to_string(&file).unwrap(), pinned);
}

#[test]
fn a_pin_that_differs_is_told_and_replaced_with_force_alone() {
    let ground = Ground::open();
    let old =
        OURS.replace("# with its path\n", "# with its path\n    principalId: \"AROAOLD1111111111111\" # since May\n");
    let file = ground.write("entries.yaml", &old);
    let said = ground.pin(&["--in-place", &file]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("pinned to `AROAOLD1111111111111`, and IAM says `AROADEV1111111111111`"),
        "{}",
        said.stderr
    );
    let half = fs::read_to_string(&file).unwrap();
    assert!(half.contains("AROAOLD1111111111111") && half.contains(ALICE), "{half}");

    let said = ground.pin(&["--in-place", "--force", &file]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let new = fs::read_to_string(&file).unwrap();
    assert!(new.contains("    principalId: \"AROADEV1111111111111\" # since May\n"), "{new}");
    assert!(said.stderr.contains("instead of `AROAOLD1111111111111`"), "{}", said.stderr);
}

#[test]
fn who_is_not_there_and_whose_account_is_another_stay_without_a_pin_and_the_report_says_what_to_do() {
    let ground = Ground::open();
    let manifests = "apiVersion: iam-bridge.dev/v1alpha1
kind: AccessEntry
metadata: {name: ghost}
spec:
  principalArn: arn:aws:iam::111122223333:role/Ghost
---
apiVersion: iam-bridge.dev/v1alpha1
kind: AccessEntry
metadata: {name: partner}
spec:
  principalArn: arn:aws:iam::444455556666:role/Partner
---
# the root user's id is the account
apiVersion: iam-bridge.dev/v1alpha1
kind: AccessEntry
metadata: {name: root}
spec:
  principalArn: arn:aws:iam::444455556666:root
---
apiVersion: iam-bridge.dev/v1alpha1
kind: AccessEntry
metadata: {name: dev}
spec:
  principalArn: arn:aws:iam::111122223333:role/Dev
";
    let file = ground.write("manifests.yaml", manifests);
    let said = ground.pin(&["-o", "json", &file]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    let entries = report["files"][0]["entries"].as_array().unwrap();
    let outcomes: Vec<_> =
        entries.iter().map(|entry| (entry["name"].as_str().unwrap(), entry["outcome"].as_str().unwrap())).collect();
    assert_eq!(outcomes, [("ghost", "missing"), ("partner", "not-pinned"), ("root", "pinned"), ("dev", "pinned")]);
    assert!(
        entries[1]["why"].as_str().unwrap().contains("another account than the keys, 111122223333"),
        "{}",
        entries[1]
    );
    assert!(entries.iter().take(2).all(|entry| entry["cure"].is_string()));
    assert!(entries[3]["note"].as_str().unwrap().contains("role/team/Dev"), "{}", entries[3]);
    let text = report["files"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("  principalId: \"444455556666\"\n") && text.contains(&format!("  principalId: {DEV}\n")),
        "{text}"
    );
    assert!(text.contains("# the root user's id is the account"), "{text}");
    // IAM is never asked about another account: its answer would say nothing.
    assert!(!ground.iam.asked().iter().any(|asked| asked.contains("Partner")));
}

#[test]
fn json_files_stay_json_and_what_eks_prints_is_told_to_have_no_place() {
    let ground = Ground::open();
    let json = "{\n  \"apiVersion\": \"iam-bridge.dev/v1alpha1\",\n  \"kind\": \"AccessEntryList\",\n  \"items\": [\n    {\"spec\": {\"principalArn\": \"arn:aws:iam::111122223333:role/Dev\"}},\n    {\n      \"spec\": {\n        \"principalArn\": \"arn:aws:iam::111122223333:user/alice\"\n      }\n    }\n  ]\n}\n";
    let file = ground.write("entries.json", json);
    let said = ground.pin(&[&file]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let new: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(new["items"][0]["spec"]["principalId"], DEV);
    assert_eq!(new["items"][1]["spec"]["principalId"], ALICE);
    assert!(said.stdout.contains("user/alice\",\n        \"principalId\": "), "{}", said.stdout);

    let printed = ground.write(
        "eks.json",
        "{\"accessEntry\": {\"clusterName\": \"c\", \"principalArn\": \"arn:aws:iam::111122223333:role/Dev\", \"type\": \"STANDARD\", \"username\": \"a:{{SessionName}}\", \"kubernetesGroups\": []}, \"associatedAccessPolicies\": []}",
    );
    let said = ground.pin(&[&printed]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("what EKS prints has no place for a pin; make a file of ours of it"),
        "{}",
        said.stderr
    );
}

#[test]
fn an_iam_that_refuses_or_a_bad_file_leaves_every_file_as_it_is() {
    let ground = Ground::open();
    let file = ground.write("entries.yaml", OURS);
    ground.iam.deny("GetUser");
    let said = ground.pin(&["--in-place", &file]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("may not call GetUser") && said.stderr.contains("allow iam:GetUser"),
        "{}",
        said.stderr
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), OURS);

    let bad = ground.write("bad.yaml", &OURS.replace("username: \"dev:", "username: \"system:"));
    let said = ground.pin(&["--in-place", &file, &bad]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("bad.yaml:9"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), OURS);

    let said = ground.pin(&[&file, &file]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn an_iam_that_is_busy_is_asked_again() {
    let ground = Ground::open();
    ground.iam.next([Manner::Refuse(400, "Throttling"), Manner::Refuse(503, "ServiceUnavailable")]);
    let file = ground.write("entries.yaml", OURS);
    let said = ground.pin(&[&file]);
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// Texts in which an edit could change more than it should.
#[test]
fn a_text_takes_a_pin_in_every_shape_or_is_left_alone() {
    let spec = "principalArn: arn:aws:iam::111122223333:role/Dev";
    for (text, expected) in [
        (format!("spec:\n    {spec}\n"), format!("spec:\n    {spec}\n    principalId: {DEV}\n")),
        (format!("spec:\r\n  {spec}\r\n"), format!("spec:\r\n  {spec}\r\n  principalId: {DEV}\r\n")),
        (format!("spec:\n  {spec}"), format!("spec:\n  {spec}\n  principalId: {DEV}")),
        (format!("spec: {{{spec}}}\n"), format!("spec: {{{spec}, principalId: \"{DEV}\"}}\n")),
        (format!("spec:\n  principalId: 'AROAOLD'\n  {spec}\n"), format!("spec:\n  principalId: '{DEV}'\n  {spec}\n")),
        (format!("spec:\n  principalId:\n  {spec}\n"), format!("spec:\n  principalId: {DEV}\n  {spec}\n")),
        (
            "spec:\n  principalArn: >-\n    arn:aws:iam::111122223333:role/Dev\n  type: STANDARD\n".to_owned(),
            format!(
                "spec:\n  principalArn: >-\n    arn:aws:iam::111122223333:role/Dev\n  principalId: {DEV}\n  type: STANDARD\n"
            ),
        ),
        (format!("\u{e9}: x\nspec:\n  {spec}\n"), format!("\u{e9}: x\nspec:\n  {spec}\n  principalId: {DEV}\n")),
        (
            format!("# a\n---\n# b\n---\nspec:\n  {spec}\n...\n# c\n"),
            format!("# a\n---\n# b\n---\nspec:\n  {spec}\n  principalId: {DEV}\n...\n# c\n"),
        ),
    ] {
        let pins = Pins::find("f", &text, Format::Yaml).unwrap();
        assert_eq!(pins.entries().len(), 1, "{text}");
        assert_eq!(pins.write(&[Some(DEV.to_owned())]).unwrap(), expected, "{text}");
        assert_eq!(pins.write(&[None]).unwrap(), text);
    }
    let shared = format!("items:\n- spec: &one\n    {spec}\n- spec: *one\n");
    let pins = Pins::find("f", &shared, Format::Yaml).unwrap();
    assert!(pins.entries().iter().all(|entry| entry.unwritable.is_some()), "{pins:?}");
    let both = vec![Some(DEV.to_owned()), Some(DEV.to_owned())];
    assert_eq!(pins.write(&both).unwrap(), shared);
}
