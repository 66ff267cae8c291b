//! ARNs, their canonical form, and the patterns over them.

use iam_bridge::iam::{AccountId, ArnPattern, ArnSections, CanonicalArn, RolePattern, SsoRole, strip_role_path};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::vectors::{Outcome, for_each};

#[test]
fn vectors_of_canonical_arns_hold() {
    for_each("arn_canonicalize.json", 55, |case| {
        let arn = case.text("arn");
        let seen = match case.text("op") {
            "canonicalize" => CanonicalArn::parse(arn)
                .map(|canonical| json!({"principal_type": canonical.kind().label(), "canonical": canonical.as_str()})),
            "strip_path" => strip_role_path(arn).map(|stripped| json!({"stripped": stripped})),
            other => return Outcome::unknown(other),
        };
        Outcome::equal(&case.expect, &seen.unwrap_or_else(|error| json!({"error": error.label()})))
    });
}

#[test]
fn vectors_of_the_references_arn_patterns_hold() {
    for_each("arn_like.json", 29, |case| {
        let seen: Value = match (ArnSections::split(case.text("arn")), ArnPattern::parse(case.text("pattern"))) {
            (Err(_), _) => json!({"error": "bad_input_arn"}),
            (Ok(_), Err(_)) => json!({"error": "bad_pattern"}),
            (Ok(arn), Ok(pattern)) => json!({"match": pattern.matches(arn)}),
        };
        Outcome::equal(&case.expect, &seen)
    });
}

#[test]
fn a_session_of_a_role_is_that_role() {
    let role = arn("arn:aws:iam::111122223333:role/Dev");
    assert_eq!(role, arn("arn:aws:sts::111122223333:assumed-role/dev/alice"));
    assert_ne!(role, arn("arn:aws-cn:sts::111122223333:assumed-role/Dev/alice"));
    assert_ne!(role, arn("arn:aws:iam::111122223333:user/Dev"));
    assert_eq!(arn("arn:aws:sts::111122223333:assumed-role/p/Dev/alice").name(), "Dev");
    assert_eq!(arn("arn:aws:iam::111122223333:root").name(), "root");
}

#[test]
fn account_ids_are_twelve_digits() {
    for (text, good, why) in [
        ("000000000042", true, "leading zeros are digits too"),
        ("12345678901", false, "eleven"),
        ("+12345678901", false, "an integer parser would take the sign"),
        ("１２３４", false, "twelve bytes, but full-width digits"),
    ] {
        let printed = text.parse::<AccountId>().map(|id| id.to_string());
        assert_eq!(printed.as_deref() == Ok(text), good, "{text}: {why}");
    }
}

#[test]
fn sso_entries_match_their_permission_set_and_no_other() {
    let entry = SsoRole::parse("View", "111122223333", "").unwrap();
    for (caller, matches) in [
        ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_0123456789abcdef/alice", true),
        ("arn:aws:sts::111122223333:assumed-role/awsreservedsso_VIEW_0123456789ABCDEF/alice", true),
        ("arn:aws:iam::111122223333:role/AWSReservedSSO_View_0123456789abcdef", true),
        ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_0123456789abcde/alice", false),
        ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_0123456789abcdef0/alice", false),
        ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_0123456789abcdeg/alice", false),
        ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_Only_0123456789abcdef/alice", false),
        ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_x/alice", false),
        ("arn:aws:sts::111122223333:assumed-role/xAWSReservedSSO_View_0123456789abcdef/alice", false),
        ("arn:aws:sts::444455556666:assumed-role/AWSReservedSSO_View_0123456789abcdef/alice", false),
        ("arn:aws-cn:sts::111122223333:assumed-role/AWSReservedSSO_View_0123456789abcdef/alice", false),
        ("arn:aws:iam::111122223333:role/aws-reserved/AWSReservedSSO_View_0123456789abcdef", false),
        ("arn:aws:iam::111122223333:user/AWSReservedSSO_View_0123456789abcdef", false),
    ] {
        assert_eq!(entry.matches(&arn(caller)), matches, "{caller}");
    }
    let set_with_underscore = SsoRole::parse("View_Only", "111122223333", "aws").unwrap();
    let caller = arn("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_Only_0123456789abcdef/alice");
    assert!(set_with_underscore.matches(&caller));
}

#[test]
fn role_patterns_are_literal_but_for_the_name() {
    for (pattern, refusal) in [
        ("role/dev-*", "no ARN"),
        ("arn:aws:iam::111122223333", "no ARN"),
        ("arn:aws*:iam::111122223333:role/dev-*", "outside the role's name"),
        ("arn:aws:iam::*:role/dev", "outside the role's name"),
        ("arn:aws:iam::11112222333?:role/dev-*", "outside the role's name"),
        ("arn:aws:iam::111122223333:*", "outside the role's name"),
        ("arn:aws:iam::111122223333:rol?/dev-*", "outside the role's name"),
        ("arn:aws:iam::111122223333:role/*/dev-*", "outside the role's name"),
        ("arn:aws:iam::111122223333:user/dev-*", "not of the form"),
        ("arn:aws:sts::111122223333:assumed-role/dev-*", "not of the form"),
        ("arn:aws:iam:us-east-1:111122223333:role/dev-*", "not of the form"),
        ("arn:aws-mars:iam::111122223333:role/dev-*", "not of the form"),
        ("arn:aws:iam:::role/dev-*", "not of the form"),
        ("arn:aws:iam::111122223333:role/dev", "no `*` or `?`"),
    ] {
        let error = RolePattern::role(pattern).unwrap_err().to_string();
        assert!(error.contains(refusal), "{pattern}: {error}");
    }
    for (pattern, caller, matches) in [
        ("dev-*", "dev-", true),
        ("dev-*", "DEV-Reader", true),
        ("dev-?", "dev-", false),
        ("dev-?", "dev-ä", true),
        ("dev-?", "dev-12", false),
        ("*-admin", "a-admin-admin", true),
        ("*a*b*c", "xxaxxbxxbc", true),
        ("*a*b*c", "xxaxxcxxb", false),
        ("*", "a", true),
    ] {
        let pattern = RolePattern::role(&format!("arn:aws:iam::111122223333:role/{pattern}")).unwrap();
        let session = arn(&format!("arn:aws:sts::111122223333:assumed-role/{caller}/s"));
        assert_eq!(pattern.matches(&session), matches, "{pattern:?} {caller}");
    }
}

#[test]
fn a_role_pattern_catches_nobody_but_roles_of_its_account() {
    let everyone = RolePattern::role("arn:aws:iam::111122223333:role/*").unwrap();
    for caller in [
        "arn:aws:sts::444455556666:assumed-role/Dev/s",
        "arn:aws-us-gov:sts::111122223333:assumed-role/Dev/s",
        "arn:aws:iam::111122223333:user/Dev",
        "arn:aws:iam::111122223333:root",
        "arn:aws:sts::111122223333:federated-user/Dev",
        "arn:aws:iam::111122223333:role/path/Dev",
    ] {
        assert!(!everyone.matches(&arn(caller)), "{caller}");
    }
}

#[test]
fn deny_patterns_have_wildcards_everywhere_and_no_case() {
    for (pattern, caller, matches) in [
        ("arn:*:iam::*:role/*", "arn:aws:sts::111122223333:assumed-role/Dev/s", true),
        ("arn:aws:iam::11112222????:*", "arn:aws:iam::111122223333:user/a/b", true),
        ("arn:aws:iam::*:user/CONTRACTOR-*", "arn:aws:iam::111122223333:user/contractor-7", true),
        ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root", true),
        ("arn:aws*", "arn:aws:iam::111122223333:root", false),
        ("arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:user/x", false),
    ] {
        let seen = RolePattern::any(pattern).is_ok_and(|pattern| pattern.matches(&arn(caller)));
        assert_eq!(seen, matches, "{pattern} {caller}");
    }
}

#[test]
fn the_more_precise_pattern_comes_first() {
    let pattern = |name: &str| RolePattern::role(&format!("arn:aws:iam::111122223333:role/{name}")).unwrap();
    let mut patterns = ["*", "dev-*", "dev-*-admin", "dev-a*", "dev-?-admin", "*-admin"].map(pattern);
    patterns.sort_by_key(RolePattern::precedence);
    let names = patterns.each_ref().map(|pattern| pattern.as_str().rsplit_once('/').unwrap().1);
    assert_eq!(names, ["dev-a*", "dev-*-admin", "dev-?-admin", "dev-*", "*-admin", "*"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_panics_and_canonical_is_idempotent(text in ".{0,60}", arn in arns()) {
        for text in [&text, &arn] {
            let _ = (strip_role_path(text), RolePattern::any(text), RolePattern::role(text));
            if let Ok(once) = CanonicalArn::parse(text) {
                let twice = CanonicalArn::parse(once.as_str()).unwrap();
                prop_assert_eq!(once.as_str(), twice.as_str());
                prop_assert_eq!(once, twice);
            }
        }
    }

    /// P13: a role, a user, root and a federated user never compare equal, whatever their names.
    #[test]
    fn kinds_are_never_equal(one in arns(), other in arns()) {
        let kind = |arn: &CanonicalArn| arn.resource().split('/').next().unwrap_or_default().to_owned();
        if let (Ok(one), Ok(other)) = (CanonicalArn::parse(&one), CanonicalArn::parse(&other)) && one == other {
            prop_assert_eq!(kind(&one), kind(&other));
        }
    }

    #[test]
    fn patterns_agree_with_a_naive_matcher(pattern in "[ab*?]{0,7}", text in "[abAB]{0,7}") {
        let pattern_arn = format!("arn:aws:iam::1:role/{pattern}");
        let caller = format!("arn:aws:iam::1:role/{text}");
        let (wild, characters) = (pattern.as_bytes(), text.as_bytes());
        let ours = RolePattern::any(&pattern_arn).unwrap().matches(&arn(&caller));
        prop_assert_eq!(ours, naive(&wild.to_ascii_lowercase(), &characters.to_ascii_lowercase(), false));
        let theirs = ArnPattern::parse(&pattern_arn).unwrap().matches(ArnSections::split(&caller).unwrap());
        prop_assert_eq!(theirs, naive(wild, characters, true));
    }
}

/// Exponential, and plain to see. `?` is one character, or zero or one.
fn naive(pattern: &[u8], text: &[u8], may_be_none: bool) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|run| naive(rest, &text[run..], may_be_none)),
        ([b'?', rest @ ..], _) => {
            (may_be_none && naive(rest, text, may_be_none))
                || (!text.is_empty() && naive(rest, &text[1..], may_be_none))
        }
        ([literal, rest @ ..], [first, after @ ..]) => literal == first && naive(rest, after, may_be_none),
        ([_, ..], []) => false,
    }
}

fn arns() -> impl Strategy<Value = String> {
    let resources = "(role|user|root|assumed-role|federated-user|Role)(/[ab]{0,2}){0,3}";
    ("(aws|aws-cn|aws-mars)", "(iam|sts|s3)", "(|us-east-1)", "[12]{0,2}", resources).prop_map(
        |(partition, service, region, account, resource)| {
            format!("arn:{partition}:{service}:{region}:{account}:{resource}")
        },
    )
}

fn arn(text: &str) -> CanonicalArn {
    CanonicalArn::parse(text).unwrap()
}
