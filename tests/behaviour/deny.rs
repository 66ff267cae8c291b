//! The deny list: first, final, without case.

use iam_bridge::iam::VerifiedIdentity;
use iam_bridge::live::Live;
use iam_bridge::mapping::{Chain, DenyEntry, DenyEntryError, DenyList, DenyText, MappingError};

use super::mapping::{NOW, answer, caller, file, origin, role};

const DEV: &str = "arn:aws:iam::111122223333:role/Dev";
const DEV_ALICE: &str = "arn:aws:sts::111122223333:assumed-role/Dev/Alice";

fn text(key: &str, value: &str) -> DenyText {
    let value = Some(value.to_owned());
    match key {
        "arn" => DenyText { arn: value, ..DenyText::default() },
        "arnLike" => DenyText { arn_like: value, ..DenyText::default() },
        "account" => DenyText { account: value, ..DenyText::default() },
        "userID" => DenyText { user_id: value, ..DenyText::default() },
        "accessKeyID" => DenyText { access_key_id: value, ..DenyText::default() },
        "sessionName" => DenyText { session_name: value, ..DenyText::default() },
        other => panic!("{other}"),
    }
}

fn list(texts: &[DenyText]) -> DenyList {
    DenyList::new((1..).zip(texts).map(|(line, text)| DenyEntry::parse(text, origin(line)).unwrap()).collect())
}

fn denies(text: &DenyText, identity: &VerifiedIdentity) -> bool {
    list(std::slice::from_ref(text)).find(identity).is_some()
}

#[test]
fn each_matcher_denies_without_case() {
    let alice = caller(DEV_ALICE);
    for (key, value, denied) in [
        ("arn", DEV, true),
        ("arn", "ARN:AWS:IAM::111122223333:ROLE/DEV", true),
        ("arn", "arn:aws:iam::111122223333:role/team/Dev", true),
        ("arn", "arn:aws:iam::111122223334:role/Dev", false),
        ("arn", "arn:aws:iam::111122223333:user/Dev", false),
        ("arn", "arn:aws:sts::111122223333:assumed-role/dev/alice", true),
        ("arn", "arn:aws:sts::111122223333:assumed-role/Dev/bob", false),
        ("arnLike", "arn:aws:iam::111122223333:role/d*", true),
        ("arnLike", "arn:*:*:*:*:*", true),
        ("arnLike", "arn:aws:iam::1111????3333:ROLE/De?", true),
        ("arnLike", "arn:aws:sts::*:assumed-role/dev/al*", true),
        ("arnLike", "arn:aws:iam::111122223333:role/De", false),
        ("arnLike", "arn:aws:iam::111122223334:role/*", false),
        ("account", "111122223333", true),
        ("account", "111122223334", false),
        ("userID", "aroaexample1", true),
        ("userID", "AROAEXAMPLE2", false),
        ("accessKeyID", "asiaEXAMPLE1", true),
        ("accessKeyID", "ASIAEXAMPLE2", false),
        ("sessionName", "ALICE", true),
        ("sessionName", "alic", false),
    ] {
        assert_eq!(denies(&text(key, value), &alice), denied, "{key}: {value}");
    }
    let other_partition = caller("arn:aws-cn:sts::111122223333:assumed-role/Dev/Alice");
    assert!(denies(&text("account", "111122223333"), &other_partition), "an account is denied in every partition");
}

#[test]
fn all_matchers_of_an_entry_must_match() {
    let both = DenyText { session_name: Some("alice".to_owned()), ..text("arn", DEV) };
    assert!(denies(&both, &caller(DEV_ALICE)));
    assert!(!denies(&both, &caller("arn:aws:sts::111122223333:assumed-role/Dev/bob")));
    assert!(!denies(&both, &caller("arn:aws:sts::111122223333:assumed-role/Ops/alice")));
}

#[test]
fn the_first_entry_that_matches_is_named() {
    let list = list(&[
        text("userID", "AROAOTHER"),
        text("arnLike", "arn:aws:iam::*:role/Dev"),
        DenyText { reason: Some("left".to_owned()), ..text("accessKeyID", "ASIAEXAMPLE1") },
    ]);
    let alice = caller(DEV_ALICE);
    assert_eq!(list.find(&alice).map(|(origin, reason)| (origin.at.line, reason)), Some((2, None)));
}

#[test]
fn a_caller_without_a_value_never_meets_its_matcher() {
    let jwt = VerifiedIdentity::from_arn(DEV, None, None, None).unwrap();
    for key in ["userID", "accessKeyID", "sessionName"] {
        assert!(!denies(&text(key, "x"), &jwt));
        assert!(DenyEntry::parse(&text(key, "x"), origin(1)).unwrap().never_matches_a_jwt());
    }
    assert!(denies(&text("arn", DEV), &jwt));
}

#[test]
fn a_deny_that_could_not_match_is_an_error() {
    let fault = |text: &DenyText| DenyEntry::parse(text, origin(1)).unwrap_err();
    assert_eq!(fault(&DenyText::default()), [DenyEntryError::NoMatcher]);
    for (key, value) in [
        ("arn", "Dev"),
        ("arn", ""),
        ("arn", "arn:aws:iam::111122223333:group/x"),
        ("arnLike", "*"),
        ("account", "12"),
        ("account", "11112222333"),
        ("userID", ""),
        ("accessKeyID", " "),
        ("sessionName", ""),
    ] {
        let errors = fault(&text(key, value));
        assert!(
            matches!(errors.as_slice(), [DenyEntryError::BadMatcher(member, _)] if *member == key),
            "{key}: {errors:?}"
        );
    }
    let two = DenyText { account: Some("1".to_owned()), ..text("arn", "x") };
    assert_eq!(fault(&two).len(), 2, "all faults are told");
}

#[test]
fn p27_deny_beats_allow() {
    let allowing = file(&[role(DEV, "dev", &[])], &[], &["111122223333"]);
    let alice = caller(DEV_ALICE);
    assert!(answer(&allowing, &alice, NOW).is_ok());
    for entry in [text("arn", DEV), text("account", "111122223333"), text("accessKeyID", "ASIAEXAMPLE1")] {
        let chain = Chain { deny: Live::fixed(list(&[entry])), ..allowing.clone() };
        assert!(matches!(answer(&chain, &alice, NOW), Err(MappingError::Denied { .. })));
    }
}

#[test]
fn u24_a_denied_key_is_refused_at_the_next_question() {
    let (publisher, deny) = iam_bridge::live::live(DenyList::default());
    let chain = Chain { deny, ..file(&[role(DEV, "dev", &[])], &[], &[]) };
    let alice = caller(DEV_ALICE);
    assert!(answer(&chain, &alice, NOW).is_ok());
    publisher.publish(list(&[text("accessKeyID", "ASIAEXAMPLE1")]));
    assert!(matches!(answer(&chain, &alice, NOW), Err(MappingError::Denied { .. })));
}
