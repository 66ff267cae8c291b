//! Where the faults of `aws-auth` stand: within a value for an object, within the file for a file; and what its parsers
//! do with any text at all.

use std::collections::BTreeMap;

use iam_bridge::diagnostic::{Diagnostic, Severity};
use iam_bridge::document::{self, Format};
use iam_bridge::mapping::Entry;
use iam_bridge::sources::keys::{self, AwsAuth};
use proptest::prelude::*;

use super::config::key_settings;

fn of_file(text: &str, format: Format) -> Result<AwsAuth, Vec<Diagnostic>> {
    let document = document::parse("aws-auth.yaml", text, format)?;
    let text = keys::aws_auth_of_document("aws-auth.yaml", text, &document)?;
    Ok(keys::parse_aws_auth(&text, key_settings()))
}

fn of_value(text: &str) -> AwsAuth {
    let data = BTreeMap::from([("mapRoles".to_owned(), text.to_owned())]);
    keys::parse_aws_auth(&keys::aws_auth_of_data(&data, "kube-system/aws-auth"), key_settings())
}

fn lines(faults: &[Diagnostic]) -> Vec<String> {
    faults.iter().map(|fault| fault.to_string().split(": ").take(3).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn faults_of_an_object_stand_within_its_value() {
    let read = of_value("- rolearn: arn:aws:iam::111122223333:role/A\n  username: y\n- username: b\n");
    assert_eq!(
        lines(&read.roles.faults)[..1],
        ["kube-system/aws-auth/mapRoles:2:13 bad-type mapRoles[0].username".to_owned()]
    );
    assert!(
        lines(&read.roles.faults).contains(&"kube-system/aws-auth/mapRoles:3:3 no-principal mapRoles[1]".to_owned())
    );
    let entry = &read.roles.items.unwrap()[0];
    assert_eq!(entry.origin().to_string(), "kube-system/aws-auth/mapRoles:1");
}

#[test]
fn faults_of_a_file_stand_where_a_person_finds_them() {
    let config_map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\ndata:\n  mapUsers: '[]'\n  mapRoles: {value}"
        )
    };
    for (value, expected) in [
        ("|\n    - rolearn: r\n      username: 42\n", "9:17"),
        ("|-\n    # é\n\n    - rolearn: r\n      username: 42", "11:17"),
        ("|\n\n\n      - rolearn: r\n        username: 42\n", "11:19"),
        ("|2\n    - rolearn: r\n      username: 42\n", "9:17"),
        (">\n    - rolearn: r\n      username: 42\n", "9:17"),
        (">-\n    - {rolearn: r,\n       username: 42}\n", "9:18"),
        ("&it |+ # here\n    - rolearn: é\n      username: 42\n\n", "9:17"),
        ("\"- rolearn: r\\n  username: 42\\n\"\n", "7:13"),
        ("'[{rolearn: r, username: 42}]'\n", "7:13"),
        ("|\r\n    - rolearn: r\r\n      username: 42\r\n", "9:17"),
        (">-\n    [\n    {rolearn: r, username: 42}]\n", "8:5"),
    ] {
        let read = of_file(&config_map(value), Format::Yaml).unwrap();
        let error = read.roles.faults.iter().find(|fault| fault.severity == Severity::Error).unwrap();
        assert_eq!(
            lines(std::slice::from_ref(error)),
            [format!("aws-auth.yaml:{expected} bad-type mapRoles[0].username")],
            "{value:?}"
        );
        let origin = read.roles.items.unwrap()[0].origin().clone();
        assert!(origin.at.line >= 7 && &*origin.place == "aws-auth.yaml", "{origin}");
    }
    let broken = of_file(&config_map("|\n    - rolearn: r\n    \tusername: x\n"), Format::Yaml).unwrap();
    assert!(broken.roles.items.is_none());
    assert!(lines(&broken.roles.faults)[0].starts_with("aws-auth.yaml:9:5"), "{:?}", broken.roles.faults);
    let json = r#"{"data": {"mapRoles": "- rolearn: r\n  username: 42", "mapAccounts": "- 1"}}"#;
    let read = of_file(json, Format::Json).unwrap();
    assert!(lines(&read.roles.faults)[0].starts_with("aws-auth.yaml:1:23 bad-type"), "{:?}", read.roles.faults);
    assert_eq!(read.accounts.items.unwrap().len(), 1);
}

#[test]
fn a_file_is_a_config_map_or_its_data_alone() {
    let roles = |text: &str| of_file(text, Format::Yaml).map(|read| read.roles.items.unwrap().len());
    for text in [
        "mapRoles: |\n  - rolearn: r\n",
        "data:\n  mapRoles: |\n    - rolearn: r\n  other: 1\n",
        "kind: ConfigMap\ndata: {mapRoles: '[{rolearn: r}]'}\n",
        "mapRoles: \"- rolearn: r\"\nmapUsers:\nmapAccounts: ''\n",
    ] {
        assert_eq!(roles(text), Ok(1), "{text}");
    }
    for text in ["kind: ConfigMap\n", "kind: ConfigMap\ndata:\n", "data: {}\n", "maproles: '- rolearn: r'\n", "{}"] {
        assert_eq!(roles(text), Ok(0), "{text}");
    }
    for (text, expected) in [
        ("data:\n  mapRoles:\n  - rolearn: r\n", "aws-auth.yaml:3:5 bad-type data.mapRoles"),
        ("mapAccounts: 111122223333\n", "aws-auth.yaml:1:14 bad-type mapAccounts"),
        ("mapAccounts: yes\n", "aws-auth.yaml:1:14 bad-type mapAccounts"),
        ("data: abc\n", "aws-auth.yaml:1:7 bad-type data"),
    ] {
        let faults = of_file(text, Format::Yaml).map(|_| ()).unwrap_err();
        assert_eq!(lines(&faults), [expected], "{text}");
    }
}

#[test]
fn of_two_entries_with_one_arn_it_is_told_which_is_in_force() {
    let read = of_value(
        "- {rolearn: 'arn:aws:iam::111122223333:role/A', username: a}\n- {rolearn: 'ARN:aws:iam::111122223333:role/a', username: b}\n",
    );
    let told = read.roles.faults.iter().find(|fault| fault.code == "repeated-entry").unwrap();
    assert_eq!((told.severity, told.at.unwrap().line), (Severity::Warning, 2));
    assert_eq!(told.cure, "the entry at line 2 is in force; remove the other");
    let patterns = of_value("- &p {rolearnLike: 'arn:aws:iam::111122223333:role/A*', username: a}\n- *p\n");
    assert!(patterns.roles.faults.iter().any(|fault| fault.code == "repeated-pattern"));
    assert_eq!(patterns.roles.items.unwrap().len(), 2);
}

#[test]
fn what_can_match_nobody_is_told_and_stays() {
    for arn in [
        "arn:aws:sts::111122223333:assumed-role/Dev/alice",
        "arn:iam:123:role/me",
        "*",
        "arn:aws:iam::111122223333:role/*",
    ] {
        let read = of_value(&format!("- rolearn: {arn:?}\n  username: x\n"));
        assert_eq!(read.roles.items.unwrap().len(), 1);
        let [told] = &read.roles.faults[..] else { panic!("{arn}: {:?}", read.roles.faults) };
        assert!(told.code.ends_with("never-matches") && told.severity == Severity::Warning, "{told}");
    }
}

#[test]
fn what_is_told_stays_short() {
    let long = "é".repeat(100_000);
    for text in [format!("- rolearn: r\n  ? {long}\n  : x\n"), format!("- rolearn: {long}\n"), format!("- {long}\n")] {
        for fault in &of_value(&text).roles.faults {
            assert!(fault.to_string().len() < 5_000, "{} {}", fault.code, fault.to_string().len());
        }
    }
    let many = format!("- rolearn: r\n{}", "  é: x\n".repeat(300));
    assert!(of_value(&many).roles.faults.iter().any(|fault| fault.code == "too-many-keys"));
    assert!(of_value(&"- x\n".repeat(20_000)).roles.faults.len() < 1_100);
}

const GOOD: [&str; 4] = [
    "- rolearn: arn:aws:iam::111122223333:role/A\n  username: good\n",
    "- rolearnLike: arn:aws:iam::111122223333:role/a*\n  username: good\n",
    "- {sso: {permissionSetName: P, accountID: '111122223333'}, username: good}\n",
    "- rolearn: \"arn:aws:iam::111122223333:role/B\"\n  groups: [\"a\"]\n  username: 'good'\n  x-comment: y\n",
];
const BAD: [&str; 10] = [
    "-\n",
    "- abc\n",
    "- [a, [b]]\n",
    "- username: nobody\n",
    "- rolearn: r\n  useridd: AROA\n",
    "- rolearn: r\n  rolearn: r\n",
    "- sso: yes\n",
    "- rolearn: yes\n",
    "- rolearn: r\n  userid: 1\n",
    "- {rolearn: r, notAfter: never}\n",
];

proptest! {
    #[test]
    fn good_entries_stay_beside_bad_ones(pieces in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..20)) {
        let text: String = pieces
            .iter()
            .map(|(good, which)| if *good { GOOD[which.index(GOOD.len())] } else { BAD[which.index(BAD.len())] })
            .collect();
        let read = of_value(&text);
        let items: Vec<Entry> = read.roles.items.expect("a list");
        let good = pieces.iter().filter(|(good, _)| *good).count();
        prop_assert_eq!(items.len(), good);
        prop_assert!(items.iter().all(|entry| entry.username().to_string() == "good"));
        let errors = read.roles.faults.iter().any(|fault| fault.severity == Severity::Error && fault.code != "repeated-pattern");
        prop_assert_eq!(errors, good < pieces.len());
    }

    #[test]
    fn no_text_brings_a_parser_down(text in prop_oneof![any::<String>(), "[-\\[\\]{}:,&*!|>'\"%@`#\n\t yna01.éA-Z]{0,80}"]) {
        for key in keys::AWS_AUTH_KEYS {
            let data = BTreeMap::from([(key.to_owned(), text.clone())]);
            let _read = keys::parse_aws_auth(&keys::aws_auth_of_data(&data, "p"), key_settings());
        }
        let quoted = serde_json::to_string(&text).unwrap();
        for file in [text.clone(), format!("data: {{mapRoles: {quoted}}}"), format!("mapUsers: |\n  {}", text.replace('\n', "\n  "))] {
            let _read = of_file(&file, Format::Yaml);
        }
        for strict in [false, true] {
            let _read = keys::parse_dynamic_file("f", text.as_bytes(), strict, key_settings());
            let inner = format!("{{\"mapRoles\": [{quoted}], \"mapUsers\": [{{{quoted}: {quoted}}}]}}");
            prop_assert!(keys::parse_dynamic_file("f", inner.as_bytes(), strict, key_settings()).is_err());
        }
        let _read = keys::parse_backend_mode_file("f", text.as_bytes(), keys::ModeNeeds::ALL);
        let _read = keys::parse_backend_mode_file("f", format!("{{\"backendMode\": {quoted}}}").as_bytes(), keys::ModeNeeds::ALL);
    }

    #[test]
    fn no_bytes_bring_a_parser_down(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _read = keys::parse_dynamic_file("f", &bytes, true, key_settings());
        let _read = keys::parse_backend_mode_file("f", &bytes, keys::ModeNeeds::ALL);
    }
}
