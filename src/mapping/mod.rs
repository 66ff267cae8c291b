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
//! Order within a table: exact role, SSO entry in file order, `rolearnLike`, user, account list. A table of a source with
//! strict user ids has roles and users by their unique id instead.
//! Source: aws-iam-authenticator 0.7.18; where we differ and why: `docs/compatibility.md`, "Mapping".

mod access_entry;
mod access_scope;
mod arn_index;
mod chain;
mod deny;
mod entry;
mod entry_error;
mod entry_rules;
mod entry_warning;
mod nearest;
mod policies;
mod principal;
mod reserved;
mod search;
mod shared_names;
mod table;
mod template;
mod user;
mod window;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use access_entry::NODE_PREFIX;

use crate::clock::UnixSeconds;
use crate::iam::VerifiedIdentity;

pub use access_entry::{
    AccessEntry, AccessEntryError, AccessEntryForm, AccessEntryRules, AccessEntryText, AccessEntryType, AssociationText,
};
pub use access_scope::{AccessScope, AccessScopeError, Grant, NamespacePattern};
pub use chain::{Chain, MissedCallers, SourceKind};
pub use deny::{DenyEntry, DenyEntryError, DenyList, DenyText};
pub use entry::{Entry, EntryList, EntryText, Origin, SsoText};
pub use entry_error::EntryError;
pub use entry_rules::{ArnReading, EntryRules, RolePaths};
pub use entry_warning::EntryWarning;
pub use nearest::{Nearest, nearest, suggested_entry, suggested_member};
pub use policies::{AccessPolicyMode, AuthenticationMode, PolicyReadiness, PolicyState};
pub use reserved::{NameKind, ReservedName, ReservedPrefixes, is_reserved_group, is_reserved_username};
pub use search::{Finding, Hint, search};
pub use shared_names::SharedNames;
pub use table::{Hit, MappedAccount, MappingTable, RepeatedEntry, TableSettings, repeated_entries};
pub use template::{MAX_NAME_BYTES, NodeNames, Placeholder, Template, TemplateError};
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
    table: Arc<MappingTable>,
    hit: Hit,
    reserved: Arc<ReservedPrefixes>,
    policies: AccessPolicyMode,
    now: UnixSeconds,
    scrubbed: bool,
}

/// The first decisive step of [`search`]: deny list, then sources in order. A hit is final.
///
/// # Errors
/// `Denied`, `NotMapped`, `UniqueIdMismatch`, `NotYetValid`, `ExpiredEntry`.
pub fn choose(chain: &Chain, identity: &VerifiedIdentity, now: UnixSeconds) -> Result<Choice, MappingError> {
    let mut decision = Err(MappingError::NotMapped);
    search(chain, identity, now, &mut |finding| {
        decision = match finding {
            Finding::Denied { origin, reason } => Err(MappingError::Denied { origin, reason }),
            Finding::Hit { table, hit, verdict } => verdict.map(|()| Choice::new(chain, table, hit, identity, now)),
            Finding::Miss { .. } | Finding::NotAsked { .. } => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(())
    });
    decision
}

impl Choice {
    /// A choice of `hit`, which admits the caller.
    pub(crate) fn new(
        chain: &Chain,
        table: Arc<MappingTable>,
        hit: Hit,
        identity: &VerifiedIdentity,
        now: UnixSeconds,
    ) -> Self {
        let scrubbed = chain.scrubbed.contains(identity.account_id());
        Self { table, hit, reserved: chain.reserved.now(), policies: chain.policies, now, scrubbed }
    }

    /// The source that decided.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        self.table.source()
    }

    /// Where the entry stands.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        static NOWHERE: std::sync::LazyLock<Origin> = std::sync::LazyLock::new(Origin::default);
        // INVARIANT: `hit` came from this table, so it is there.
        self.table.origin(self.hit).unwrap_or_else(|| &NOWHERE)
    }

    /// `reason` of the entry, for logs.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.entry().and_then(Entry::reason)
    }

    /// The entry that decided; absent for an account list.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        self.table.entry(self.hit)
    }

    /// The grants whose groups are in the answer: those of the entry that are not over, and none with access policies off.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        let entry = self.entry().filter(|_| self.policies == AccessPolicyMode::Rbac);
        entry.map(Entry::grants).unwrap_or_default().iter().filter(|grant| !grant.is_over(self.now))
    }

    /// Whether a template asks for the node's private DNS name.
    #[must_use]
    pub fn wants_node_name(&self) -> bool {
        self.entry().is_some_and(|entry| {
            let mut templates = std::iter::once(entry.username()).chain(entry.groups());
            templates.any(|template| template.placeholders().any(|value| value == Placeholder::Ec2PrivateDnsName))
        })
    }

    /// Fills one template of the entry; in an access entry, a value that is empty refuses too.
    ///
    /// # Errors
    /// Why it cannot be filled.
    pub fn fill(
        &self,
        template: &Template,
        identity: &VerifiedIdentity,
        names: &NodeNames,
    ) -> Result<String, TemplateError> {
        match self.entry().and_then(Entry::access_type) {
            Some(_) => template.render_strictly(identity, names),
            None => template.render(identity, names),
        }
    }

    /// Fills the templates, then passes the one reservation gate.
    ///
    /// # Errors
    /// `Template`, `EmptyUsername`, `Reserved`.
    pub fn render(&self, identity: &VerifiedIdentity, names: &NodeNames) -> Result<KubernetesUser, MappingError> {
        let entry = self.entry();
        let filled = |template: &Template| {
            let failed = |source| MappingError::Template { origin: self.origin().clone(), source };
            self.fill(template, identity, names).map_err(failed)
        };
        let reserved = |source| MappingError::Reserved { origin: self.origin().clone(), source };

        let username = match entry {
            Some(entry) => filled(entry.username())?,
            None => identity.canonical_arn().as_str().to_owned(), // an account list: the ARN, case kept, no groups
        };
        if username.trim().is_empty() {
            return Err(MappingError::EmptyUsername(self.origin().clone()));
        }
        self.reserved.judge_username(self.source(), &username, entry).map_err(reserved)?;

        let templates = entry.map(Entry::groups).unwrap_or_default();
        let mut groups = Vec::with_capacity(templates.len());
        for template in templates {
            let group = filled(template)?;
            reserved::judge_group(&group, template).map_err(reserved)?;
            groups.push(group);
        }
        // Those that no entry may write: made here, of the entry's own grants alone.
        let of_policies: BTreeSet<String> = self.grants().map(Grant::group).collect();
        groups.extend(of_policies);
        Ok(KubernetesUser::new(identity, username, groups, self.scrubbed))
    }
}
