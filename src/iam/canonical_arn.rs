//! The canonical ARN: what mappings are written against. An assumed role becomes its role.

use super::{Arn, ArnError, Partition};

/// What kind of principal an ARN names.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PrincipalKind {
    /// `assumed-role/…` (STS); its canonical ARN is the role's.
    AssumedRole,
    /// `federated-user/…` (STS).
    FederatedUser,
    /// `role/…` (IAM).
    Role,
    /// `root` (IAM).
    Root,
    /// `user/…` (IAM).
    User,
}

/// An ARN after the canonical rules, with its kind.
///
/// Compared without ASCII case by [`CanonicalArn::lowercase`]; keeps the case it was written in.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CanonicalArn {
    arn: Arn,
    lowercase: String,
    kind: PrincipalKind,
}

impl CanonicalArn {
    /// Canonical form of `text`. Idempotent.
    ///
    /// # Errors
    /// Every variant of [`ArnError`], first fault first.
    pub fn parse(_text: &str) -> Result<Self, ArnError> {
        todo!()
    }

    /// The canonical text, case kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.arn.as_str()
    }

    /// The canonical text in ASCII lower case: the key mappings are compared by.
    #[must_use]
    pub fn lowercase(&self) -> &str {
        &self.lowercase
    }

    /// The kind of the ARN that was parsed (an assumed role stays [`PrincipalKind::AssumedRole`]).
    #[must_use]
    pub const fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The partition section.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        self.arn.partition()
    }

    /// The account section, unchecked.
    #[must_use]
    pub fn account(&self) -> &str {
        self.arn.account()
    }

    /// The resource section of the canonical form: `role/NAME`, `user/NAME`, `root`, ….
    #[must_use]
    pub fn resource(&self) -> &str {
        self.arn.resource()
    }

    /// Last `/`-piece of the resource: the name without a path.
    #[must_use]
    pub fn name(&self) -> &str {
        todo!()
    }
}

impl PrincipalKind {
    /// Its name in vectors: `USER`, `ROLE`, `ROOT`, `FEDERATED_USER`, `ASSUMED_ROLE`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        todo!()
    }
}

/// `text` without the path of its role; what names no role is returned unchanged.
///
/// # Errors
/// The first three variants of [`ArnError`].
pub fn strip_role_path(_text: &str) -> Result<String, ArnError> {
    todo!()
}
