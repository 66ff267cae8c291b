//! Where an access policy holds, and which of them an entry gives.

use std::fmt;

use crate::clock::UnixSeconds;
use crate::rbac::AccessPolicy;

/// A namespace name in which each `*` stands for any run of characters, also none.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NamespacePattern(Box<str>);

/// Where a policy holds.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AccessScope {
    /// In the whole cluster.
    Cluster,
    /// In namespaces that one of these matches: sorted, each once, never empty.
    Namespaces(Box<[NamespacePattern]>),
}

/// Why a text is no scope.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AccessScopeError {
    /// A type other than the two.
    #[error("`{0}` is no type of scope; expected `cluster` or `namespace`")]
    Type(String),
    /// Type `namespace` without namespaces.
    #[error("a scope of type `namespace` needs namespaces")]
    NoNamespaces,
    /// Type `cluster` with namespaces.
    #[error("a scope of type `cluster` has no namespaces")]
    NamespacesOfCluster,
    /// No name of a namespace.
    #[error("`{0}` is no namespace; expected 1 to 63 of a-z, 0-9, `-` and `*`, with no `-` at either end")]
    Namespace(String),
}

/// One access policy that an entry gives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// Which.
    pub policy: AccessPolicy,
    /// Where.
    pub scope: AccessScope,
    /// Until when; it ends at this second.
    pub expires_at: Option<UnixSeconds>,
}

impl NamespacePattern {
    /// Judges a pattern.
    ///
    /// # Errors
    /// [`AccessScopeError::Namespace`].
    pub fn parse(text: &str) -> Result<Self, AccessScopeError> {
        Ok(Self(text.into()))
    }

    /// Whether it matches a namespace.
    #[must_use]
    pub fn matches(&self, namespace: &str) -> bool {
        *self.0 == *namespace
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NamespacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AccessScope {
    /// A scope from its members as written.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(scope_type: &str, _namespaces: &[String]) -> Result<Self, AccessScopeError> {
        Err(AccessScopeError::Type(scope_type.to_owned()))
    }

    /// Whether it holds in a namespace. That of the cluster holds in all.
    #[must_use]
    pub fn reaches(&self, _namespace: &str) -> bool {
        matches!(self, Self::Cluster)
    }
}

impl Grant {
    /// The group that carries it in an answer: `iam-bridge.dev:policy:POLICY`, and for namespaces `:SCOPE` behind it. The
    /// scope is the patterns joined by commas; over 200 bytes, `sha256-` and 32 hex digits of its hash.
    #[must_use]
    pub fn group(&self) -> String {
        format!("iam-bridge.dev:policy:{}", self.policy)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: UnixSeconds) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}
