//! Where an access policy holds, and which of them an entry gives.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

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
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Grant {
    /// Which.
    pub policy: AccessPolicy,
    /// Where.
    pub scope: AccessScope,
    /// Until when; it ends at this second.
    pub expires_at: Option<UnixSeconds>,
}

/// Longest name of a namespace, in bytes (Kubernetes: a DNS label).
const MAX_NAMESPACE: usize = 63;
/// Bytes of a scope that stand in a group's name as they are.
const MAX_PLAIN_SCOPE: usize = 200;
/// Begins a scope that is told by its hash.
const HASHED: &str = "sha256-";

impl NamespacePattern {
    /// Judges a pattern.
    ///
    /// # Errors
    /// [`AccessScopeError::Namespace`].
    pub fn parse(text: &str) -> Result<Self, AccessScopeError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'*');
        let good = (1..=MAX_NAMESPACE).contains(&text.len())
            && text.bytes().all(known)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if good { Ok(Self(text.into())) } else { Err(AccessScopeError::Namespace(text.to_owned())) }
    }

    /// Whether it matches a namespace.
    #[must_use]
    pub fn matches(&self, namespace: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return *self.0 == *namespace };
        let Some(mut left) = namespace.strip_prefix(first) else { return false };
        let Some((middle, last)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
        // Each piece at its earliest place leaves most for those behind it.
        for piece in middle.split('*') {
            match left.find(piece).and_then(|at| left.split_at_checked(at.saturating_add(piece.len()))) {
                Some((_, behind)) => left = behind,
                None => return false,
            }
        }
        left.ends_with(last)
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it holds a `*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.contains('*')
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
    pub fn parse(scope_type: &str, namespaces: &[String]) -> Result<Self, AccessScopeError> {
        match scope_type {
            "cluster" if namespaces.is_empty() => Ok(Self::Cluster),
            "cluster" => Err(AccessScopeError::NamespacesOfCluster),
            "namespace" if namespaces.is_empty() => Err(AccessScopeError::NoNamespaces),
            "namespace" => {
                let patterns: Result<Vec<_>, _> = namespaces.iter().map(|text| NamespacePattern::parse(text)).collect();
                let mut patterns = patterns?;
                patterns.sort_unstable();
                patterns.dedup();
                Ok(Self::Namespaces(patterns.into()))
            }
            _ => Err(AccessScopeError::Type(scope_type.to_owned())),
        }
    }

    /// Its word in `accessScope.type`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Namespaces(_) => "namespace",
        }
    }

    /// The namespaces it names; none when it is that of the cluster.
    #[must_use]
    pub fn namespaces(&self) -> &[NamespacePattern] {
        match self {
            Self::Cluster => &[],
            Self::Namespaces(patterns) => patterns,
        }
    }

    /// Whether it holds in a namespace. That of the cluster holds in all.
    #[must_use]
    pub fn reaches(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespaces(patterns) => patterns.iter().any(|pattern| pattern.matches(namespace)),
        }
    }
}

impl Grant {
    /// The group that carries it in an answer: `iam-bridge.dev:policy:POLICY`, and for namespaces `:SCOPE` behind it.
    ///
    /// The scope is the patterns joined by commas. Over 200 bytes it is `sha256-` and 32 hex digits of their hash, as it
    /// is for patterns that begin with `sha256-` themselves: no namespace's name can pass for a hash.
    #[must_use]
    pub fn group(&self) -> String {
        let policy = self.policy;
        let AccessScope::Namespaces(patterns) = &self.scope else { return format!("{POLICY_GROUP}{policy}") };
        let names: Vec<&str> = patterns.iter().map(NamespacePattern::as_str).collect();
        let scope = names.join(",");
        if scope.len() <= MAX_PLAIN_SCOPE && !scope.starts_with(HASHED) {
            return format!("{POLICY_GROUP}{policy}:{scope}");
        }
        let hash = digest(&SHA256, scope.as_bytes());
        let hex: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{POLICY_GROUP}{policy}:{HASHED}{hex}")
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: UnixSeconds) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// Begins the group of every grant.
const POLICY_GROUP: &str = "iam-bridge.dev:policy:";
