//! The tables in the order they are asked.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::{AccessPolicyMode, AuthenticationMode, DenyList, MappingTable, ReservedPrefixes, ScrubbedAccounts};
use crate::iam::VerifiedIdentity;
use crate::live::{Live, Publisher, live};

/// Where mappings come from, spelled as in `server.backendMode`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SourceKind {
    /// CRD of access entries.
    AccessEntry,
    /// File of access entries.
    AccessEntryFile,
    /// `iamidentitymappings`.
    Crd,
    /// JSON file, watched.
    DynamicFile,
    /// Mirror of an EKS cluster's access entries.
    EksAccessEntries,
    /// `aws-auth`.
    EksConfigMap,
    /// The server's config file.
    MountedFile,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AccessEntry,
        Self::AccessEntryFile,
        Self::Crd,
        Self::DynamicFile,
        Self::EksAccessEntries,
        Self::EksConfigMap,
        Self::MountedFile,
    ];

    /// Its config word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessEntry => "AccessEntry",
            Self::AccessEntryFile => "AccessEntryFile",
            Self::Crd => "CRD",
            Self::DynamicFile => "DynamicFile",
            Self::EksAccessEntries => "EKSAccessEntries",
            Self::EksConfigMap => "EKSConfigMap",
            Self::MountedFile => "MountedFile",
        }
    }

    /// Whether its entries are access entries.
    #[must_use]
    pub const fn holds_access_entries(self) -> bool {
        match self {
            Self::AccessEntry | Self::AccessEntryFile | Self::EksAccessEntries => true,
            Self::Crd | Self::DynamicFile | Self::EksConfigMap | Self::MountedFile => false,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Deny list, reserved prefixes and the table of each source, each the newest there is.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Asked first.
    pub deny: Live<DenyList>,
    /// `server.reservedPrefixConfig`.
    pub reserved: Live<ReservedPrefixes>,
    /// One table a source, in `backendMode` order.
    pub tables: Vec<Live<MappingTable>>,
    /// `server.scrubbedAccounts`.
    pub scrubbed: ScrubbedAccounts,
    /// `server.accessPolicies.mode`: whether grants of access entries become groups.
    pub policies: AccessPolicyMode,
    /// Which sources count at all.
    pub mode: Live<AuthenticationMode>,
    /// Whom no source knew.
    pub missed: MissedCallers,
}

impl Default for Chain {
    /// Without tables.
    fn default() -> Self {
        Self {
            deny: Live::fixed(DenyList::default()),
            reserved: Live::fixed(ReservedPrefixes::default()),
            tables: Vec::new(),
            scrubbed: ScrubbedAccounts::default(),
            policies: AccessPolicyMode::default(),
            mode: Live::fixed(AuthenticationMode::default()),
            missed: MissedCallers::default(),
        }
    }
}

/// Principals that were not mapped, by lower-case canonical ARN: a source that asks for its entries now and then asks
/// for theirs first. Bounded; what is told is forgotten when it is taken.
#[derive(Clone, Debug)]
pub struct MissedCallers(Arc<Publisher<BTreeSet<String>>>);

/// Principals that are remembered until they are taken.
const MOST_MISSED: usize = 256;

impl Default for MissedCallers {
    fn default() -> Self {
        Self(Arc::new(live(BTreeSet::new()).0))
    }
}

impl MissedCallers {
    /// Remembers a caller, unless there are too many or no source listens.
    pub fn tell(&self, identity: &VerifiedIdentity) {
        if !self.0.has_readers() {
            return;
        }
        let arn = identity.canonical_arn().lowercase();
        let missed = self.0.subscribe().now();
        if missed.len() < MOST_MISSED && !missed.contains(arn) {
            self.0.update(|missed| missed.iter().cloned().chain([arn.to_owned()]).collect());
        }
    }

    /// Changes whenever somebody was told of.
    #[must_use]
    pub fn subscribe(&self) -> Live<BTreeSet<String>> {
        self.0.subscribe()
    }

    /// Takes what was told.
    #[must_use]
    pub fn take(&self) -> Arc<BTreeSet<String>> {
        let missed = self.0.subscribe().now();
        self.0.update(|now| now.difference(&missed).cloned().collect());
        missed
    }
}
