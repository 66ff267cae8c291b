//! ARNs as text with six sections.

use std::fmt;

use super::Partition;

/// The six sections of a text that begins with `arn:`; none of them is judged.
///
/// Split at the first five colons: the sixth section may hold more of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ArnSections<'t> {
    /// Second section.
    pub partition: &'t str,
    /// Third section.
    pub service: &'t str,
    /// Fourth section.
    pub region: &'t str,
    /// Fifth section.
    pub account: &'t str,
    /// Sixth section, colons included.
    pub resource: &'t str,
}

/// An ARN whose partition is known; the other sections are as written.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Arn {
    text: Box<str>,
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
        match self {
            Self::InvalidPrefix(_) => "invalid_prefix",
            Self::NotEnoughSections(_) => "not_enough_sections",
            Self::UnknownPartition(_) => "unknown_partition",
            Self::InvalidService(_) => "invalid_service",
            Self::UnrecognizedResource(_) => "unrecognized_resource",
            Self::AssumedRoleTooShort(_) => "assumed_role_too_short",
        }
    }
}

impl<'t> ArnSections<'t> {
    /// Splits `text`.
    ///
    /// # Errors
    /// [`ArnError::InvalidPrefix`], [`ArnError::NotEnoughSections`].
    pub fn split(text: &'t str) -> Result<Self, ArnError> {
        let rest = text.strip_prefix("arn:").ok_or_else(|| ArnError::InvalidPrefix(text.to_owned()))?;
        Self::after_prefix(rest).ok_or_else(|| ArnError::NotEnoughSections(text.to_owned()))
    }

    fn after_prefix(rest: &'t str) -> Option<Self> {
        let (partition, rest) = rest.split_once(':')?;
        let (service, rest) = rest.split_once(':')?;
        let (region, rest) = rest.split_once(':')?;
        let (account, resource) = rest.split_once(':')?;
        Some(Self { partition, service, region, account, resource })
    }

    const EMPTY: Self = Self { partition: "", service: "", region: "", account: "", resource: "" };
}

impl Arn {
    /// Splits at the first five colons; the sixth section may hold colons.
    ///
    /// # Errors
    /// `InvalidPrefix`, `NotEnoughSections`, `UnknownPartition`.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let sections = ArnSections::split(text)?;
        let partition = sections.partition.parse().map_err(|_| ArnError::UnknownPartition(text.to_owned()))?;
        Ok(Self { text: text.into(), partition })
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// All sections, split anew.
    #[must_use]
    pub fn sections(&self) -> ArnSections<'_> {
        // INVARIANT: `parse` split this very text, so the fallback is never taken.
        ArnSections::split(&self.text).unwrap_or(ArnSections::EMPTY)
    }

    /// Second section.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        self.partition
    }

    /// Third section.
    #[must_use]
    pub fn service(&self) -> &str {
        self.sections().service
    }

    /// Fourth section.
    #[must_use]
    pub fn region(&self) -> &str {
        self.sections().region
    }

    /// Fifth section, unchecked as in the reference.
    #[must_use]
    pub fn account(&self) -> &str {
        self.sections().account
    }

    /// Sixth section, colons included.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.sections().resource
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arn({})", self.text)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
