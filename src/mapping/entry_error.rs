//! Why an entry is bad, with the member at fault and the cure.

use super::EntryList;
use crate::iam::{ArnError, PatternError, SsoRoleError};

/// Why an entry is bad. `key()` names the member at fault, for positions.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EntryError {
    /// `rolearn` or `userarn` names no principal.
    #[error("{reason}")]
    BadArn {
        /// `rolearn` or `userarn`.
        key: &'static str,
        /// Why.
        reason: ArnError,
    },
    /// `rolearnLike` is no pattern.
    #[error("{0}")]
    BadPattern(PatternError),
    /// A member of `sso` is bad; its key and why.
    #[error("{reason}")]
    BadSso {
        /// `sso.accountID`, `sso.permissionSetName` or `sso.partition`.
        key: &'static str,
        /// Why.
        reason: SsoRoleError,
    },
    /// `notBefore` or `notAfter` is no RFC 3339 date-time.
    #[error("`{text}` is no RFC 3339 date-time")]
    BadTime {
        /// `notBefore` or `notAfter`.
        key: &'static str,
        /// As written.
        text: String,
    },
    /// `userid` is given and empty: the entry would look pinned without being so.
    #[error("the unique id is empty")]
    EmptyPin,
    /// `notBefore` is not earlier than `notAfter`: the entry would never be valid.
    #[error("notBefore `{not_before}` is not earlier than notAfter `{not_after}`")]
    EmptyWindow {
        /// As written.
        not_before: String,
        /// As written.
        not_after: String,
    },
    /// Names no principal.
    #[error("the entry names no principal")]
    NoPrincipal(EntryList),
    /// No `userid`, in a source that looks entries up by it.
    #[error("the entry has no userid, and entries are looked up by it here")]
    NoUserId,
    /// `rolearnLike` in a source that looks entries up by `userid`.
    #[error("rolearnLike is given, and entries are looked up by their userid here")]
    PatternBesideUserId,
    /// A `rolearnLike` entry with a `system:` name and without `allowPrivileged: true`.
    #[error("`{name}` begins with `system:`, and the entry matches roles by a pattern")]
    Privileged {
        /// `username` or `groups`.
        key: &'static str,
        /// The name.
        name: String,
    },
    /// Names several principals.
    #[error("{} are given together", .0.join(" and "))]
    SeveralPrincipals(Vec<&'static str>),
    /// `*` in `rolearn`, where it is an ordinary character.
    #[error("`{0}` holds `*`, which rolearn takes as it is and no role's name has")]
    WildcardInRoleArn(String),
}

impl EntryError {
    /// Member at fault: `rolearn`, `sso.accountID`, `notAfter`, …; empty for the whole entry.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::BadArn { key, .. }
            | Self::BadSso { key, .. }
            | Self::BadTime { key, .. }
            | Self::Privileged { key, .. } => key,
            Self::BadPattern(_) | Self::PatternBesideUserId => "rolearnLike",
            Self::EmptyPin => "userid",
            Self::EmptyWindow { .. } => "notAfter",
            Self::NoPrincipal(_) | Self::NoUserId | Self::SeveralPrincipals(_) => "",
            Self::WildcardInRoleArn(_) => "rolearn",
        }
    }

    /// Stable diagnostic code, kebab-case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadArn { key: "userarn", .. } => "bad-user-arn",
            Self::BadArn { .. } => "bad-role-arn",
            Self::BadPattern(_) => "bad-role-pattern",
            Self::BadSso { .. } => "bad-sso",
            Self::BadTime { .. } => "bad-time",
            Self::EmptyPin => "empty-pin",
            Self::EmptyWindow { .. } => "empty-window",
            Self::NoPrincipal(_) => "no-principal",
            Self::NoUserId => "no-userid",
            Self::PatternBesideUserId => "pattern-beside-userid",
            Self::Privileged { .. } => "privileged-pattern",
            Self::SeveralPrincipals(_) => "several-principals",
            Self::WildcardInRoleArn(_) => "wildcard-in-rolearn",
        }
    }

    /// What to do.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::BadArn { key, reason } => arn_cure(key, reason),
            Self::BadPattern(PatternError::NoWildcard(_)) => "rename rolearnLike to rolearn".to_owned(),
            Self::BadPattern(_) => {
                "write `arn:PARTITION:iam::ACCOUNT:role/NAME` with `*` or `?` in NAME only; for another account write another entry".to_owned()
            }
            Self::BadSso { key, .. } => match *key {
                "sso.accountID" => "write the twelve digits in quotes".to_owned(),
                "sso.partition" => "leave it out for aws, or write one of the eight".to_owned(),
                _ => "write the permission set's name as IAM Identity Center shows it, without AWSReservedSSO_".to_owned(),
            },
            Self::BadTime { .. } => "write it as `2027-01-31T18:00:00Z`, in quotes".to_owned(),
            Self::EmptyPin => {
                "write the id that `aws iam get-role` or `aws iam get-user` prints (AROA…, AIDA…), or delete the key".to_owned()
            }
            Self::EmptyWindow { .. } => "exchange the two, or delete one".to_owned(),
            Self::NoPrincipal(EntryList::Roles) => "give exactly one of rolearn, sso, rolearnLike".to_owned(),
            Self::NoPrincipal(EntryList::Users) => {
                "give userarn; a role belongs in mapRoles, where its key is rolearn".to_owned()
            }
            Self::NoUserId => {
                "write the id that `aws iam get-role` or `aws iam get-user` prints (AROA…, AIDA…)".to_owned()
            }
            Self::PatternBesideUserId => "remove it: one unique id is one role".to_owned(),
            Self::Privileged { .. } => "name the roles one by one, or add `allowPrivileged: true`".to_owned(),
            Self::SeveralPrincipals(keys) => format!("keep one of them; make {} entries of it if all are meant", keys.len()),
            Self::WildcardInRoleArn(_) => "rename rolearn to rolearnLike to match roles by a pattern".to_owned(),
        }
    }
}

fn arn_cure(key: &str, reason: &ArnError) -> String {
    let form =
        if key == "userarn" { "arn:aws:iam::111122223333:user/NAME" } else { "arn:aws:iam::111122223333:role/NAME" };
    match reason {
        ArnError::InvalidPrefix(text) if text.to_ascii_lowercase().starts_with("arn:") => {
            "write `arn:` in lower case".to_owned()
        }
        ArnError::UnknownPartition(_) => {
            format!(
                "the second section is aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f or aws-eusc, as in `{form}`"
            )
        }
        ArnError::UnrecognizedResource(text) if text.contains(":group/") => {
            "IAM groups cannot be mapped: STS does not tell a caller's groups; name a role or the users".to_owned()
        }
        ArnError::AssumedRoleTooShort(_) => format!("name the role itself, as `{form}`"),
        ArnError::InvalidPrefix(_)
        | ArnError::NotEnoughSections(_)
        | ArnError::InvalidService(_)
        | ArnError::UnrecognizedResource(_) => format!("write it as `{form}`"),
    }
}
