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
