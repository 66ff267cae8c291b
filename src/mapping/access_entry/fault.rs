//! What is wrong with an access entry.

/// A fault. [`AccessEntryError::class`] names its class.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AccessEntryError {
    /// Not the ARN of a role, user or root.
    #[error("`{0}` is not the ARN of an IAM role or user")]
    PrincipalArn(String),
}

impl AccessEntryError {
    /// Its class, a stable word in snake case: `principal_arn`, ….
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::PrincipalArn(_) => "principal_arn",
        }
    }

    /// Path of the member below the entry: `principalArn`, `policyAssociations[1].accessScope`, ….
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::PrincipalArn(_) => "principalArn".to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::PrincipalArn(_) => "write arn:PARTITION:iam::ACCOUNT:role/NAME".to_owned(),
        }
    }
}
