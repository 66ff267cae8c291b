//! What an answer of STS makes of a caller.

use iam_bridge::iam::{
    CallerIdentity, IdentityError, PrincipalKind, VerifiedIdentity, forward_session_name, is_instance_id,
};
use iam_bridge::mapping::{NodeNames, Template};
use serde_json::json;

use crate::harness::vectors::{Outcome, for_each};

#[test]
fn vectors_of_user_ids_hold() {
    for_each("userid_parse.json", 16, |case| {
        let seen = match verified(case.text("account"), case.text("arn"), case.text("user_id")) {
            Err(error) => json!({"error": error.label(), "class": "sts"}),
            Ok(identity) => json!({
                "arn": identity.arn(),
                "canonical_arn": identity.canonical_arn().as_str(),
                "account_id": identity.account_id(),
                "user_id": identity.user_id(),
                "session_name": identity.session_name(),
            }),
        };
        Outcome::equal(&case.expect, &seen)
    });
}

#[test]
fn vectors_of_session_names_hold() {
    for_each("session_name.json", 23, |case| {
        let seen = match case.text("op") {
            "sanitise" => {
                let name = case.text("session_name");
                let session = Some(name);
                let identity =
                    VerifiedIdentity::from_arn("arn:aws:iam::123456789012:role/R", None, session, None).unwrap();
                let render = |template| Template::parse(template).render(&identity, &NodeNames::Unavailable).unwrap();
                json!({
                    "SessionName": render("{{SessionName}}"),
                    "SessionNameRaw": render("{{SessionNameRaw}}"),
                    "is_instance_id": is_instance_id(name),
                })
            }
            "forward_session_name" => json!({"role_session_name": forward_session_name(case.text("user_id"))}),
            other => return Outcome::unknown(other),
        };
        Outcome::equal(&case.expect, &seen)
    });
}

#[test]
fn an_answer_for_another_account_is_refused() {
    let of_another = verified("444455556666", "arn:aws:iam::111122223333:user/A", "AIDAEXAMPLE");
    assert_eq!(of_another, Err(IdentityError::AccountMismatch));
}

#[test]
fn what_an_arn_alone_does_not_say_is_absent_not_empty() {
    let by_arn =
        VerifiedIdentity::from_arn("arn:aws:sts::111122223333:assumed-role/Dev/alice", None, None, None).unwrap();
    assert_eq!(by_arn.kind(), PrincipalKind::AssumedRole);
    assert_eq!(by_arn.account_id(), "111122223333");
    assert_eq!((by_arn.user_id(), by_arn.session_name(), by_arn.access_key_id()), (None, None, None));
    let user = verified("111122223333", "arn:aws:iam::111122223333:user/A", "AIDAEXAMPLE").unwrap();
    assert_eq!(user.session_name(), Some(""));
}

fn verified(account: &str, arn: &str, user_id: &str) -> Result<VerifiedIdentity, IdentityError> {
    let answer = CallerIdentity { account: account.to_owned(), arn: arn.to_owned(), user_id: user_id.to_owned() };
    VerifiedIdentity::from_sts(&answer, "AKIAEXAMPLEEXAMPLE00", "sts.eu-central-1.amazonaws.com")
}
