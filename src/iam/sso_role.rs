//! Roles of AWS IAM Identity Center, whose names end in digits nobody chooses.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::{AccountId, AccountIdError, CanonicalArn, Partition, UnknownPartition};

/// The role AWS IAM Identity Center makes for a permission set: `AWSReservedSSO_<set>_<16 hex digits>`.
///
/// Equality and hash ignore the ASCII case of the set's name, as matching does.
#[derive(Clone)]
pub struct SsoRole {
    partition: Partition,
    account: AccountId,
    permission_set: String,
    permission_set_lowercase: String,
}

/// Why the members of an `sso` entry name no role.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SsoRoleError {
    /// Not twelve digits.
    #[error(transparent)]
    Account(#[from] AccountIdError),
    /// Not `^[\w+=,.@-]{1,32}$`.
    #[error("permission set name `{0}` is not 1 to 32 of letters, digits and `_+=,.@-`")]
    PermissionSet(String),
    /// No known partition.
    #[error(transparent)]
    Partition(#[from] UnknownPartition),
}

const PREFIX: &str = "role/awsreservedsso_";
const SUFFIX_DIGITS: usize = 16;

impl SsoRole {
    /// From the members of an `sso` entry; an absent or empty partition is `aws`.
    ///
    /// # Errors
    /// [`SsoRoleError`], one for the first bad member.
    pub fn parse(permission_set: &str, account: &str, partition: &str) -> Result<Self, SsoRoleError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        if !(1..=32).contains(&permission_set.len()) || !permission_set.bytes().all(legal) {
            return Err(SsoRoleError::PermissionSet(permission_set.to_owned()));
        }
        let account: AccountId = account.parse()?;
        let partition = if partition.is_empty() { Partition::Aws } else { partition.parse()? };
        let permission_set_lowercase = permission_set.to_ascii_lowercase();
        Ok(Self { partition, account, permission_set: permission_set.to_owned(), permission_set_lowercase })
    }

    /// Partition and account equal, name equal without ASCII case, suffix `_` and exactly 16 hex digits.
    #[must_use]
    pub fn matches(&self, arn: &CanonicalArn) -> bool {
        self.partition == arn.partition()
            && Self::permission_set_of(arn) == Some(&self.permission_set_lowercase)
            && arn.account().parse() == Ok(self.account)
    }

    /// The permission set, in lower case, whose role `arn` is; `None` for every other principal.
    ///
    /// A role with a path is none: STS never sends it, and the reference does not match it.
    #[must_use]
    pub fn permission_set_of(arn: &CanonicalArn) -> Option<&str> {
        let (set, suffix) = arn.lowercase_role()?.strip_prefix(PREFIX)?.rsplit_once('_')?;
        let is_suffix = suffix.len() == SUFFIX_DIGITS && suffix.bytes().all(|b| b.is_ascii_hexdigit());
        (is_suffix && !set.contains('/')).then_some(set)
    }

    /// The partition of the entry.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        self.partition
    }

    /// The account of the entry.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// The name of the permission set, as written.
    #[must_use]
    pub fn permission_set(&self) -> &str {
        &self.permission_set
    }

    /// The same in ASCII lower case: with partition and account the key of an index.
    #[must_use]
    pub fn permission_set_lowercase(&self) -> &str {
        &self.permission_set_lowercase
    }

    /// The pattern as a person would write it.
    #[must_use]
    pub fn display(&self) -> String {
        format!("arn:{}:iam::{}:role/AWSReservedSSO_{}_*", self.partition, self.account, self.permission_set)
    }
}

impl Eq for SsoRole {}

impl PartialEq for SsoRole {
    fn eq(&self, other: &Self) -> bool {
        let key = |role: &Self| (role.partition, role.account);
        key(self) == key(other) && self.permission_set_lowercase == other.permission_set_lowercase
    }
}

impl Hash for SsoRole {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.partition, self.account, &self.permission_set_lowercase).hash(state);
    }
}

impl fmt::Debug for SsoRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SsoRole({})", self.display())
    }
}
