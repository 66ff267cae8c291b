//! A caller by what a person knows of it.

use crate::iam::{ArnError, IdentityError, PrincipalKind, VerifiedIdentity, strip_role_path};

/// What a person says of a principal; only the ARN must be given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Principal<'p> {
    /// Any ARN of it: of a role, of a session of that role, of a user, ….
    pub arn: &'p str,
    /// Unique id (`AROA…`, `AIDA…`).
    pub user_id: Option<&'p str>,
    /// Session name; that of the ARN when not given.
    pub session_name: Option<&'p str>,
    /// Access key id.
    pub access_key_id: Option<&'p str>,
}

/// The identity STS would tell of a principal, and remarks on what was made of the ARN.
///
/// What is not said stays absent: an entry that needs it refuses, and says so.
///
/// # Errors
/// [`IdentityError::BadArn`].
pub fn caller(principal: &Principal<'_>) -> Result<(VerifiedIdentity, Vec<String>), IdentityError> {
    let mut notes = Vec::new();
    let given = principal.arn.trim();
    let arn = strip_role_path(given).map_err(IdentityError::BadArn)?;
    if arn != given {
        notes.push(format!("STS never sends a role's path: judged as `{arn}`"));
    }
    let plain = VerifiedIdentity::from_arn(&arn, None, None, None)?;
    let (user_id, session_name) = match plain.kind() {
        PrincipalKind::AssumedRole => (None, arn.rsplit('/').next()),
        PrincipalKind::Role => {
            if principal.session_name.is_none() {
                notes.push("a role as such calls nobody: judged as a session without a name".to_owned());
            }
            (None, None)
        }
        // Facts of STS: the root user's id is the account's, users have no session.
        PrincipalKind::Root => (Some(plain.account_id()), Some("")),
        PrincipalKind::User | PrincipalKind::FederatedUser => (None, Some("")),
    };
    let identity = VerifiedIdentity::from_arn(
        &arn,
        principal.user_id.or(user_id),
        principal.session_name.or(session_name),
        principal.access_key_id,
    )?;
    Ok((identity, notes))
}

/// What to do about an ARN that is none of a principal.
#[must_use]
pub fn arn_cure(error: &ArnError) -> &'static str {
    match error {
        ArnError::AssumedRoleTooShort(_) => "append the session name, as `…:assumed-role/NAME/SESSION`",
        ArnError::UnknownPartition(_) => "write the partition in lower case: aws, aws-cn, aws-us-gov, …",
        ArnError::InvalidPrefix(_)
        | ArnError::NotEnoughSections(_)
        | ArnError::InvalidService(_)
        | ArnError::UnrecognizedResource(_) => "take the Arn that `aws sts get-caller-identity` prints",
    }
}
