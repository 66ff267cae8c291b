//! The spec of an `IAMIdentityMapping`: an entry in other words.

use super::KeySettings;
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::kubernetes::IamIdentityMappingSpec;
use crate::mapping::{ArnReading, Entry, EntryError, EntryList, EntryRules, EntryText, Origin};

/// The entry of an object. Its ARN is read in lower case, whatever kind of principal it names; the status is not looked at.
///
/// # Errors
/// Every fault of the spec; each names its member as `spec.arn`, and stands where the object does.
pub fn parse_iam_identity_mapping(
    spec: &IamIdentityMappingSpec,
    settings: KeySettings,
    origin: Origin,
) -> Result<Entry, Vec<Diagnostic>> {
    // As everywhere, users stand in mapUsers: roles are asked before them.
    let is_user = spec.arn.to_ascii_lowercase().contains(":user/");
    let (list, role_arn, user_arn) = match is_user {
        true => (EntryList::Users, None, Some(spec.arn.clone())),
        false => (EntryList::Roles, Some(spec.arn.clone()), None),
    };
    let text = EntryText {
        role_arn,
        user_arn,
        username: spec.username.clone(),
        groups: spec.groups.clone(),
        user_id: spec.userid.clone(),
        not_before: spec.not_before.clone(),
        not_after: spec.not_after.clone(),
        reason: spec.reason.clone(),
        ..EntryText::default()
    };
    let rules = EntryRules { arn: ArnReading::Lowered, paths: settings.role_paths };
    let at = Some(origin.at).filter(|at| *at != Position::default());
    let file = origin.place.as_ref().into();
    Entry::parse(list, &text, rules, origin)
        .map_err(|errors| errors.iter().map(|error| fault(error, Some(Box::clone(&file)), at)).collect())
}

fn fault(error: &EntryError, file: Option<Box<str>>, at: Option<Position>) -> Diagnostic {
    let (key, cure) = match error {
        EntryError::BadArn { .. } => ("arn", error.cure()),
        EntryError::NoPrincipal(_) => ("arn", "write the ARN of a role or user".to_owned()),
        EntryError::BadPattern(_)
        | EntryError::BadSso { .. }
        | EntryError::BadTime { .. }
        | EntryError::EmptyPin
        | EntryError::EmptyWindow { .. }
        | EntryError::NoUserId
        | EntryError::PatternBesideUserId
        | EntryError::Privileged { .. }
        | EntryError::SeveralPrincipals(_)
        | EntryError::WildcardInRoleArn(_) => (error.key(), error.cure()),
    };
    let key = format!("spec.{key}");
    Diagnostic { severity: Severity::Error, code: error.code(), file, at, key, what: error.to_string(), cure }
}
