//! The tables in the order they are asked.

use std::fmt;

use super::{DenyList, MappingTable, ReservedPrefixes, ScrubbedAccounts};
use crate::live::Live;

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
}
