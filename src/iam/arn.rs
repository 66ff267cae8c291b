//! ARNs as text with six sections.

use super::Partition;

/// An ARN whose partition is known; the other sections are as written.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Arn {
    text: String,
    partition: Partition,
}

/// Why a text is no ARN of a principal; the variants stand in the order they are checked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ArnError {
    /// Does not begin with `arn:`.
    #[error("`{0}` does not begin with `arn:`")]
    InvalidPrefix(String),
    /// Fewer than six sections.
    #[error("`{0}` has fewer than the six sections of an ARN")]
    NotEnoughSections(String),
    /// The second section is no partition.
    #[error("`{0}` names no known partition")]
    UnknownPartition(String),
    /// Neither `iam` nor `sts`.
    #[error("`{0}` belongs to neither iam nor sts")]
    InvalidService(String),
    /// A resource that is no principal.
    #[error("`{0}` names no user, role, root, federated user or assumed role")]
    UnrecognizedResource(String),
    /// `assumed-role/NAME` without a session.
    #[error("`{0}` is an assumed role without a session name")]
    AssumedRoleTooShort(String),
}

impl ArnError {
    /// Its name in vectors, logs and docs.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        todo!()
    }
}

impl Arn {
    /// Splits at the first five colons; the sixth section may hold colons.
    ///
    /// # Errors
    /// `InvalidPrefix`, `NotEnoughSections`, `UnknownPartition`.
    pub fn parse(_text: &str) -> Result<Self, ArnError> {
        todo!()
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Second section.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        self.partition
    }

    /// Third section.
    #[must_use]
    pub fn service(&self) -> &str {
        todo!()
    }

    /// Fourth section.
    #[must_use]
    pub fn region(&self) -> &str {
        todo!()
    }

    /// Fifth section, unchecked as in the reference.
    #[must_use]
    pub fn account(&self) -> &str {
        todo!()
    }

    /// Sixth section, colons included.
    #[must_use]
    pub fn resource(&self) -> &str {
        todo!()
    }
}
