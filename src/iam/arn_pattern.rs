//! Patterns over ARNs: the reference's arnLike, our `rolearnLike`, and SSO roles.

use super::{AccountId, Arn, CanonicalArn, Partition};

/// The reference's arnLike: per section, `*` any run, `?` zero or one character, case-sensitive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ArnPattern {
    sections: [String; 6],
}

/// Our pattern: `*` any run, `?` exactly one character, without ASCII case.
///
/// As `rolearnLike` ([`RolePattern::role`]) partition, account and resource type are literal and the
/// wildcards stand in the role's name only; as a deny entry's `arnLike` ([`RolePattern::any`]) they may stand anywhere.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RolePattern {
    text: String,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// Lacks `arn:` or six sections.
    #[error("pattern `{0}` is no ARN: it needs `arn:` and six sections")]
    NotAnArn(String),
    /// A wildcard outside the role's name.
    #[error("pattern `{0}` has a wildcard outside the role's name; partition and account must be literal")]
    WildcardOutsideName(String),
    /// Not `arn:PARTITION:iam::ACCOUNT:role/NAME`.
    #[error("pattern `{0}` is not of the form `arn:PARTITION:iam::ACCOUNT:role/NAME`")]
    NotARole(String),
    /// Neither `*` nor `?` in it.
    #[error("pattern `{0}` has no `*` or `?`; write it as rolearn")]
    NoWildcard(String),
}

impl ArnPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`PatternError::NotAnArn`].
    pub fn parse(_text: &str) -> Result<Self, PatternError> {
        todo!()
    }

    /// Whether every section of `arn` matches, case-sensitively. Linear time.
    #[must_use]
    pub fn matches(&self, _arn: &Arn) -> bool {
        todo!()
    }
}

impl RolePattern {
    /// A `rolearnLike`.
    ///
    /// # Errors
    /// Every variant of [`PatternError`].
    pub fn role(_text: &str) -> Result<Self, PatternError> {
        todo!()
    }

    /// A deny entry's `arnLike`: wildcards in any section; each section is matched on its own.
    ///
    /// # Errors
    /// [`PatternError::NotAnArn`].
    pub fn any(_text: &str) -> Result<Self, PatternError> {
        todo!()
    }

    /// Whether it matches, without ASCII case. Linear time, no backtracking.
    #[must_use]
    pub fn matches(&self, _arn: &CanonicalArn) -> bool {
        todo!()
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Order of precedence: longer literal prefix, then more literal characters, then bytes; sorts best first.
    #[must_use]
    pub fn precedence(&self) -> impl Ord + use<> {
        todo!() as u8
    }

    /// Lower-case `PARTITION:ACCOUNT` key, for the index of a table; absent for [`RolePattern::any`] with wildcards there.
    #[must_use]
    pub fn account_key(&self) -> Option<(Partition, String)> {
        todo!()
    }
}

/// The role AWS IAM Identity Center makes for a permission set: `AWSReservedSSO_<set>_<16 hex digits>`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SsoRole {
    partition: Partition,
    account: AccountId,
    permission_set_lowercase: String,
}

/// Why the members of an `sso` entry name no role.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SsoRoleError {
    /// Not twelve digits.
    #[error(transparent)]
    Account(#[from] super::AccountIdError),
    /// Not `^[\w+=,.@-]{1,32}$`.
    #[error("permission set name `{0}` is not 1 to 32 of letters, digits and `_+=,.@-`")]
    PermissionSet(String),
    /// No known partition.
    #[error(transparent)]
    Partition(#[from] super::UnknownPartition),
}

impl SsoRole {
    /// From the members of an `sso` entry; an absent or empty partition is `aws`.
    ///
    /// # Errors
    /// [`SsoRoleError`], one for the first bad member.
    pub fn parse(_permission_set: &str, _account: &str, _partition: &str) -> Result<Self, SsoRoleError> {
        todo!()
    }

    /// Partition and account equal, name equal without ASCII case, suffix `_` and exactly 16 hex digits.
    #[must_use]
    pub fn matches(&self, _arn: &CanonicalArn) -> bool {
        todo!()
    }

    /// The pattern as a person would write it.
    #[must_use]
    pub fn display(&self) -> String {
        todo!()
    }
}
