//! A principal that has been proven.

use super::{CanonicalArn, PrincipalKind};

/// What STS says of a caller: three texts, not yet judged.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallerIdentity {
    /// `Account`.
    pub account: String,
    /// `Arn`.
    pub arn: String,
    /// `UserId`.
    pub user_id: String,
}

/// Who a caller is: proven by STS (or by an issuer's signature), not by the caller's word.
///
/// Absent is not empty: a JWT has no unique id, session name or key id; STS may send an empty session name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifiedIdentity {
    arn: String,
    canonical_arn: CanonicalArn,
    account_id: String,
    user_id: Option<String>,
    session_name: Option<String>,
    access_key_id: Option<String>,
    sts_endpoint: String,
}

/// Why an answer of STS yields no identity; all are class sts.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdentityError {
    /// The ARN is none of a principal.
    #[error("the ARN in the answer is none of a principal")]
    BadArn(#[source] super::ArnError),
    /// A role's UserId must be two pieces at a colon.
    #[error("the UserId in the answer is not `ID:SESSION`")]
    MalformedUserId,
    /// The ARN's account is not Account.
    #[error("the ARN's account is not the answer's Account")]
    AccountMismatch,
    /// The ARN's partition is not that of the host asked.
    #[error("the ARN's partition is not that of the host that was asked")]
    PartitionMismatch,
}

impl IdentityError {
    /// Its name in vectors, logs and docs: `bad_arn`, `malformed_user_id`, `account_mismatch`, `partition_mismatch`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        todo!()
    }
}

impl VerifiedIdentity {
    /// Judges an answer of STS. The partition of the host is checked by the caller, who knows the host.
    ///
    /// # Errors
    /// [`IdentityError`], first fault first.
    pub fn from_sts(
        _answer: &CallerIdentity,
        _access_key_id: &str,
        _sts_endpoint: &str,
    ) -> Result<Self, IdentityError> {
        todo!()
    }

    /// For tests, `explain --arn` and rooms that have no STS answer: what is known about a principal by its ARN.
    ///
    /// # Errors
    /// [`IdentityError::BadArn`].
    pub fn from_arn(
        _arn: &str,
        _user_id: Option<&str>,
        _session_name: Option<&str>,
        _access_key_id: Option<&str>,
    ) -> Result<Self, IdentityError> {
        todo!()
    }

    /// The ARN as STS sent it.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The canonical ARN: what mappings name.
    #[must_use]
    pub const fn canonical_arn(&self) -> &CanonicalArn {
        &self.canonical_arn
    }

    /// What kind of principal.
    #[must_use]
    pub const fn kind(&self) -> PrincipalKind {
        self.canonical_arn.kind()
    }

    /// The account, as STS sent it.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Unique id (`AROA…`, `AIDA…`); the whole UserId of users, root and federated users.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// Session name of a role; empty for users.
    #[must_use]
    pub fn session_name(&self) -> Option<&str> {
        self.session_name.as_deref()
    }

    /// Access key id that signed the token; empty when the token named none.
    #[must_use]
    pub fn access_key_id(&self) -> Option<&str> {
        self.access_key_id.as_deref()
    }

    /// Host that was asked.
    #[must_use]
    pub fn sts_endpoint(&self) -> &str {
        &self.sts_endpoint
    }
}

/// Whether a session name counts as an EC2 instance id: `^i-(\w{8}|\w{17})$`, ASCII.
#[must_use]
pub fn is_instance_id(_session_name: &str) -> bool {
    todo!()
}
