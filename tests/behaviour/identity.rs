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

fn verified(account: &str, arn: &str, user_id: &str) -> Result<VerifiedIdentity, IdentityError> {
    let answer = CallerIdentity { account: account.to_owned(), arn: arn.to_owned(), user_id: user_id.to_owned() };
    VerifiedIdentity::from_sts(&answer, "AKIAEXAMPLEEXAMPLE00", "sts.eu-central-1.amazonaws.com")
}
