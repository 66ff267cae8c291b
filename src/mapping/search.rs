//! The search order, written once: `choose` takes its first decisive step, `explain` prints all of it.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{AuthenticationMode, Chain, Hit, MappingError, MappingTable, Origin, SourceKind};
use crate::clock::UnixSeconds;
use crate::iam::VerifiedIdentity;

/// One step of the walk.
#[derive(Clone, Debug)]
pub enum Finding {
    /// A deny entry matches: decisive, whatever follows.
    Denied {
        /// Where it stands.
        origin: Origin,
        /// Its `reason`.
        reason: Option<String>,
    },
    /// A source knows the principal. The first such step decides; those after it are never asked.
    Hit {
        /// The source's table.
        table: Arc<MappingTable>,
        /// What in it.
        hit: Hit,
        /// Whether pin and window admit the caller.
        verdict: Result<(), MappingError>,
    },
    /// Nothing of this source knows the principal; the next is asked.
    Miss {
        /// The source's table.
        table: Arc<MappingTable>,
    },
    /// The authentication mode leaves this source out, whatever its table holds; the next is asked.
    NotAsked {
        /// The source's table.
        table: Arc<MappingTable>,
        /// The mode.
        mode: AuthenticationMode,
    },
}

/// Why a near entry did not match.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Hint {
    /// Another account.
    AccountDiffers,
    /// Only the case of the name differs (where case counts).
    CaseOnly,
    /// The cluster id that was signed is probably another.
    ClusterIdMismatchSuspected,
    /// Another partition.
    PartitionDiffers,
    /// The entry has a path, STS never sends one.
    PathIgnored,
    /// The entry names the account's root user, who is one user and not the account.
    RootOnly,
    /// The SSO suffix is not `_` and 16 hex digits, or not the one written.
    SsoSuffix,
}

impl Hint {
    /// Its code, beside a reason code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountDiffers => "account_differs",
            Self::CaseOnly => "case_only",
            Self::ClusterIdMismatchSuspected => "cluster_id_mismatch_suspected",
            Self::PartitionDiffers => "partition_differs",
            Self::PathIgnored => "path_ignored",
            Self::RootOnly => "root_only",
            Self::SsoSuffix => "sso_suffix",
        }
    }
}

impl Finding {
    /// The source asked; absent for the deny list.
    #[must_use]
    pub fn source(&self) -> Option<SourceKind> {
        match self {
            Self::Denied { .. } => None,
            Self::Hit { table, .. } | Self::Miss { table } | Self::NotAsked { table, .. } => Some(table.source()),
        }
    }
}

/// Walks the search order, telling `visit` each step until it breaks: the deny list, then the sources in order,
/// and in each source all that knows the principal.
pub fn search(
    chain: &Chain,
    identity: &VerifiedIdentity,
    now: UnixSeconds,
    visit: &mut dyn FnMut(Finding) -> ControlFlow<()>,
) {
    let deny = chain.deny.now();
    if let Some((origin, reason)) = deny.find(identity) {
        let denied = Finding::Denied { origin: origin.clone(), reason: reason.map(str::to_owned) };
        if visit(denied).is_break() {
            return;
        }
    }
    let mode = *chain.mode.now();
    for table in &chain.tables {
        let table = table.now();
        if !mode.asks(table.source()) {
            if visit(Finding::NotAsked { table, mode }).is_break() {
                return;
            }
            continue;
        }
        let mut missed = true;
        for hit in table.hits(identity) {
            missed = false;
            let verdict = table.entry(hit).map_or(Ok(()), |entry| entry.admits(identity, now));
            if visit(Finding::Hit { table: Arc::clone(&table), hit, verdict }).is_break() {
                return;
            }
        }
        if missed && visit(Finding::Miss { table }).is_break() {
            return;
        }
    }
}
