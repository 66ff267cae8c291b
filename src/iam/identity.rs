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
        match self {
            Self::BadArn(_) => "bad_arn",
            Self::MalformedUserId => "malformed_user_id",
            Self::AccountMismatch => "account_mismatch",
            Self::PartitionMismatch => "partition_mismatch",
        }
    }
}

impl VerifiedIdentity {
    /// Judges an answer of STS. The partition of the host is checked by the caller, who knows the host.
    ///
    /// # Errors
    /// [`IdentityError`], first fault first.
    pub fn from_sts(answer: &CallerIdentity, access_key_id: &str, sts_endpoint: &str) -> Result<Self, IdentityError> {
        let canonical_arn = CanonicalArn::parse(&answer.arn).map_err(IdentityError::BadArn)?;
        let (user_id, session_name) = match canonical_arn.kind() {
            PrincipalKind::Role | PrincipalKind::AssumedRole => {
                two_pieces(&answer.user_id).ok_or(IdentityError::MalformedUserId)?
            }
            // The whole id of a federated user: its account part alone would equal the root user's id.
            PrincipalKind::User | PrincipalKind::Root | PrincipalKind::FederatedUser => (answer.user_id.as_str(), ""),
        };
        if canonical_arn.account() != answer.account {
            return Err(IdentityError::AccountMismatch);
        }
        Ok(Self {
            arn: answer.arn.clone(),
            account_id: answer.account.clone(),
            user_id: Some(user_id.to_owned()),
            session_name: Some(session_name.to_owned()),
            access_key_id: Some(access_key_id.to_owned()),
            sts_endpoint: sts_endpoint.to_owned(),
            canonical_arn,
        })
    }

    /// For tests, `explain --arn` and rooms that have no STS answer: what is known about a principal by its ARN.
    ///
    /// # Errors
    /// [`IdentityError::BadArn`].
    pub fn from_arn(
        arn: &str,
        user_id: Option<&str>,
        session_name: Option<&str>,
        access_key_id: Option<&str>,
    ) -> Result<Self, IdentityError> {
        let canonical_arn = CanonicalArn::parse(arn).map_err(IdentityError::BadArn)?;
        Ok(Self {
            arn: arn.to_owned(),
            account_id: canonical_arn.account().to_owned(),
            user_id: user_id.map(str::to_owned),
            session_name: session_name.map(str::to_owned),
            access_key_id: access_key_id.map(str::to_owned),
            sts_endpoint: String::new(),
            canonical_arn,
        })
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
pub fn is_instance_id(session_name: &str) -> bool {
    session_name.strip_prefix("i-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// The session name that `--forward-session-name` passes on, out of the UserId of the caller's own GetCallerIdentity.
///
/// `None` when the id is not two pieces at a colon: no name is forwarded. An empty name stays one: whoever calls
/// AssumeRole with it sends a generated name instead.
#[must_use]
pub fn forward_session_name(user_id: &str) -> Option<&str> {
    two_pieces(user_id).map(|(_, session_name)| session_name)
}

/// Splits at the only colon; either piece may be empty.
fn two_pieces(user_id: &str) -> Option<(&str, &str)> {
    user_id.split_once(':').filter(|(_, rest)| !rest.contains(':'))
}
