//! From a proven identity to a Kubernetes user.
//!
//! [`choose`] asks the tables of a [`Chain`] in order and stops at the first that knows the principal;
//! [`Choice::render`] fills its templates. Both are pure: they see values, not sources, and cannot wait.
//!
//! ```text
//! VerifiedIdentity ──choose──▶ Choice ──render──▶ KubernetesUser
//!                     ▲ Chain: deny list, then the table of each source
//! ```
//!
//! Order within a table: exact role, SSO entry in file order, `rolearnLike`, user, account list.
//! Source: aws-iam-authenticator 0.7.18; where we differ and why: `docs/compatibility.md`, "Mapping".

mod chain;
mod deny;
mod entry;
mod reserved;
mod search;
mod table;
mod template;
mod user;

use crate::clock::UnixSeconds;
use crate::iam::VerifiedIdentity;

pub use chain::{Chain, SourceKind};
pub use deny::{DenyEntry, DenyEntryError, DenyList, DenyText};
pub use entry::{Entry, EntryError, EntryList, EntryText, Origin, Privilege, RolePaths, SsoText};
pub use reserved::{ReservedName, ReservedPrefixes};
pub use search::{Finding, Hint, search};
pub use table::{MappingTable, TableSettings};
pub use template::{NodeNames, Template, TemplateError};
pub use user::{KubernetesUser, ScrubbedAccounts};

/// Why a proven principal gets no Kubernetes user. Exhaustive: `authenticator::Denial` judges each.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MappingError {
    /// A deny entry matched; its reason is for the log.
    #[error("denied by {origin}{}", reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Denied {
        /// Where the deny entry stands.
        origin: Origin,
        /// Its `reason`.
        reason: Option<String>,
    },
    /// No source knows the principal.
    #[error("identity is not mapped")]
    NotMapped,
    /// The entry is pinned to another unique id (or the caller has none).
    #[error("the entry at {0} is pinned to another unique id")]
    UniqueIdMismatch(Origin),
    /// The entry's `notBefore` is to come.
    #[error("the entry at {0} is not valid yet")]
    NotYetValid(Origin),
    /// The entry's `notAfter` has passed.
    #[error("the entry at {0} has expired")]
    ExpiredEntry(Origin),
    /// A template cannot be filled.
    #[error("a template of the entry at {origin} cannot be filled")]
    Template {
        /// The entry.
        origin: Origin,
        /// Why.
        #[source]
        source: TemplateError,
    },
    /// The rendered username is empty.
    #[error("the entry at {0} yields an empty username")]
    EmptyUsername(Origin),
    /// A rendered name is reserved.
    #[error("the entry at {origin} yields a reserved name")]
    Reserved {
        /// The entry.
        origin: Origin,
        /// Which rule.
        #[source]
        source: ReservedName,
    },
}

/// The entry (or account list) that decides for a caller: pins and windows have been checked.
#[derive(Clone, Debug)]
pub struct Choice {
    // private: source kind, Arc<Entry> or the account-list hit, prefixes reserved for the source, scrubbing
}

/// The first decisive step of [`search`]: deny list, then sources in order. A hit is final.
///
/// # Errors
/// `Denied`, `NotMapped`, `UniqueIdMismatch`, `NotYetValid`, `ExpiredEntry`.
pub fn choose(_chain: &Chain, _identity: &VerifiedIdentity, _now: UnixSeconds) -> Result<Choice, MappingError> {
    todo!()
}

impl Choice {
    /// The source that decided.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        todo!()
    }

    /// Where the entry stands.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        todo!()
    }

    /// `reason` of the entry, for logs.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        todo!()
    }

    /// Whether a template asks for the node's private DNS name.
    #[must_use]
    pub fn wants_node_name(&self) -> bool {
        todo!()
    }

    /// Fills the templates, then passes the one reservation gate.
    ///
    /// # Errors
    /// `Template`, `EmptyUsername`, `Reserved`.
    pub fn render(&self, _identity: &VerifiedIdentity, _names: &NodeNames) -> Result<KubernetesUser, MappingError> {
        todo!()
    }
}
