//! What a refusal means: reason code, detail, label and status.

use iam_bridge::authenticator::{Denial, Reason};
use iam_bridge::aws::{AnswerFault, Bearing, StsError};
use iam_bridge::iam::IdentityError;
use iam_bridge::mapping::{MappingError, Origin, ReservedName, TemplateError};
use iam_bridge::token::{StsRegion, TokenError};

#[test]
fn every_denial_has_its_code_label_and_status() {
    let region = StsRegion::GLOBAL;
    let origin = Origin::default;
    let template = |source| MappingError::Template { origin: origin(), source };
    let cases: [(Denial, &str, Option<&str>, &str, u16); 27] = [
        (TokenError::Expired.into(), "token_expired", Some("expired"), "invalid_token", 403),
        (TokenError::BadPrefix.into(), "token_format", Some("bad_prefix"), "invalid_token", 403),
        (TokenError::SignatureShape.into(), "token_format", Some("signature_shape"), "invalid_token", 403),
        (StsError::AnotherIdentity.into(), "sts_contradiction", Some("another_identity"), "sts_error", 403),
        (bad(AnswerFault::Json), "sts_unreachable", Some("bad_json"), "sts_error", 403),
        (bad(AnswerFault::ContentType), "sts_unreachable", Some("bad_content_type"), "sts_error", 403),
        (bad(AnswerFault::TooLarge), "sts_unreachable", Some("answer_too_large"), "sts_error", 403),
        (StsError::BodyLost { region }.into(), "sts_unreachable", Some("body_lost"), "sts_error", 403),
        (StsError::BreakerOpen { region }.into(), "sts_unreachable", Some("breaker_open"), "sts_error", 403),
        (
            StsError::Connection { region, why: String::new() }.into(),
            "sts_unreachable",
            Some("connection"),
            "sts_error",
            403,
        ),
        (identity(IdentityError::AccountMismatch), "sts_contradiction", Some("account_mismatch"), "sts_error", 403),
        (identity(IdentityError::PartitionMismatch), "sts_contradiction", Some("partition_mismatch"), "sts_error", 403),
        (identity(IdentityError::MalformedUserId), "sts_unreachable", Some("malformed_user_id"), "sts_error", 403),
        (StsError::Overloaded.into(), "overloaded", Some("overloaded"), "overloaded", 503),
        (
            StsError::Refused { status: 403, code: "ExpiredToken".into() }.into(),
            "sts_refused",
            Some("sts_status"),
            "sts_error",
            403,
        ),
        (StsError::Status { status: 500, region }.into(), "sts_unreachable", Some("sts_status"), "sts_error", 403),
        (StsError::Throttled { status: 400, region }.into(), "sts_throttled", Some("throttled"), "sts_throttling", 429),
        (StsError::TimedOut { region }.into(), "sts_unreachable", Some("timeout"), "sts_error", 403),
        (MappingError::Denied { origin: origin(), reason: None }.into(), "denied", None, "uknown_user", 403),
        (MappingError::NotMapped.into(), "not_mapped", None, "uknown_user", 403),
        (MappingError::UniqueIdMismatch(origin()).into(), "unique_id_mismatch", None, "uknown_user", 403),
        (MappingError::NotYetValid(origin()).into(), "not_yet_valid", None, "uknown_user", 403),
        (MappingError::ExpiredEntry(origin()).into(), "expired_entry", None, "uknown_user", 403),
        (template(TemplateError::NodeLookupUnavailable).into(), "node_lookup_unavailable", None, "uknown_user", 403),
        (template(TemplateError::NodeNotVerified).into(), "node_not_verified", None, "uknown_user", 403),
        (template(TemplateError::TooLong).into(), "template_failed", None, "uknown_user", 403),
        (
            MappingError::Reserved { origin: origin(), source: ReservedName::EmptyGroup }.into(),
            "reserved_name",
            None,
            "uknown_user",
            403,
        ),
    ];
    for (denial, code, detail, label, status) in cases {
        let seen = (denial.reason().as_str(), denial.detail(), denial.label(), denial.status());
        assert_eq!(seen, (code, detail, label, status), "{denial:?}");
    }
}

#[test]
fn reason_codes_are_distinct_and_sorted() {
    let codes = Reason::ALL.map(Reason::as_str);
    assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
}

#[test]
fn only_a_definite_no_is_a_refusal() {
    let refused = StsError::Refused { status: 401, code: "InvalidClientTokenId".into() };
    assert_eq!(refused.bearing(), Bearing::Refused);
    assert_eq!(StsError::Overloaded.bearing(), Bearing::Unavailable);
    assert_eq!(StsError::Identity(IdentityError::MalformedUserId).bearing(), Bearing::Unavailable);
}

fn bad(fault: AnswerFault) -> Denial {
    StsError::BadAnswer { region: StsRegion::GLOBAL, fault }.into()
}

fn identity(error: IdentityError) -> Denial {
    StsError::Identity(error).into()
}
