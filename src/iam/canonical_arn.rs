//! The canonical ARN: what mappings are written against. An assumed role becomes its role.
//!
//! Source: aws-iam-authenticator 0.7.18, `pkg/arn`. Case is folded for ASCII only, where the reference folds Unicode.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::arn::ArnSections;
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
/// Equality and hash are those of [`CanonicalArn::lowercase`]: a role and a session of that role are equal.
/// Display keeps the case it was written in.
#[derive(Clone)]
pub struct CanonicalArn {
    arn: Arn,
    lowercase: Box<str>,
    kind: PrincipalKind,
}

impl CanonicalArn {
    /// Canonical form of `text`. Idempotent.
    ///
    /// # Errors
    /// Every variant of [`ArnError`], first fault first.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let arn = Arn::parse(text)?;
        let sections = arn.sections();
        let kind = principal_kind(sections, text)?;
        let arn = match kind {
            PrincipalKind::AssumedRole => role_of_session(&arn, sections)?,
            PrincipalKind::FederatedUser | PrincipalKind::Role | PrincipalKind::Root | PrincipalKind::User => arn,
        };
        let lowercase = arn.as_str().to_ascii_lowercase().into();
        Ok(Self { arn, lowercase, kind })
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

    /// All sections of the canonical text.
    #[must_use]
    pub fn sections(&self) -> ArnSections<'_> {
        self.arn.sections()
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
        let resource = self.resource();
        resource.rsplit_once('/').map_or(resource, |(_, name)| name)
    }

    /// Lower-case resource when this is a role outside any region, whatever its path: `role/NAME`, `role/PATH/NAME`.
    pub(super) fn lowercase_role(&self) -> Option<&str> {
        let sections = ArnSections::split(&self.lowercase).ok()?;
        let is_role = matches!(self.kind, PrincipalKind::Role | PrincipalKind::AssumedRole);
        (is_role && sections.region.is_empty()).then_some(sections.resource)
    }
}

impl PrincipalKind {
    /// Its name in vectors: `USER`, `ROLE`, `ROOT`, `FEDERATED_USER`, `ASSUMED_ROLE`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AssumedRole => "ASSUMED_ROLE",
            Self::FederatedUser => "FEDERATED_USER",
            Self::Role => "ROLE",
            Self::Root => "ROOT",
            Self::User => "USER",
        }
    }
}

impl Eq for CanonicalArn {}

impl PartialEq for CanonicalArn {
    fn eq(&self, other: &Self) -> bool {
        self.lowercase == other.lowercase
    }
}

impl Hash for CanonicalArn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lowercase.hash(state);
    }
}

impl fmt::Debug for CanonicalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalArn({}, {})", self.kind.label(), self.as_str())
    }
}

impl fmt::Display for CanonicalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `text` without the path of its role; what names no role is returned unchanged.
///
/// # Errors
/// The first three variants of [`ArnError`].
pub fn strip_role_path(text: &str) -> Result<String, ArnError> {
    let arn = Arn::parse(text)?;
    let sections = arn.sections();
    let mut pieces = sections.resource.split('/');
    let is_role = pieces.next() == Some("role");
    let name = pieces.next_back();
    Ok(match name {
        Some(name) if is_role && pieces.next().is_some() => role_arn(arn.partition(), sections.account, name),
        _ => text.to_owned(),
    })
}

fn principal_kind(sections: ArnSections<'_>, text: &str) -> Result<PrincipalKind, ArnError> {
    let kind = sections.resource.split_once('/').map_or(sections.resource, |(kind, _)| kind);
    match (sections.service, kind) {
        ("iam", "role") => Ok(PrincipalKind::Role),
        ("iam", "user") => Ok(PrincipalKind::User),
        ("iam", "root") => Ok(PrincipalKind::Root),
        ("sts", "federated-user") => Ok(PrincipalKind::FederatedUser),
        ("sts", "assumed-role") => Ok(PrincipalKind::AssumedRole),
        ("iam" | "sts", _) => Err(ArnError::UnrecognizedResource(text.to_owned())),
        _ => Err(ArnError::InvalidService(text.to_owned())),
    }
}

/// `assumed-role/PATH/NAME/SESSION` → the role `PATH/NAME`. The region section is dropped.
fn role_of_session(arn: &Arn, sections: ArnSections<'_>) -> Result<Arn, ArnError> {
    let role = sections.resource.split_once('/').and_then(|(_, rest)| rest.rsplit_once('/'));
    match role {
        Some((role, _session)) => Arn::parse(&role_arn(arn.partition(), sections.account, role)),
        None => Err(ArnError::AssumedRoleTooShort(arn.as_str().to_owned())),
    }
}

fn role_arn(partition: Partition, account: &str, name: &str) -> String {
    format!("arn:{partition}:iam::{account}:role/{name}")
}
