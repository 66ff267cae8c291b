//! An immutable, indexed table of one source's entries.

use super::{Entry, SourceKind};
use crate::iam::Partition;

/// What a table needs beside its entries.
#[derive(Clone, Copy, Debug)]
pub struct TableSettings {
    /// The source it belongs to.
    pub source: SourceKind,
    /// `server.partition`: `mapAccounts` match only in it.
    pub partition: Partition,
}

/// All entries of one source, indexed; cheap to ask at any size.
#[derive(Debug)]
pub struct MappingTable {
    // private
}

impl MappingTable {
    /// Indexes entries (roles and users in file order; of a repeated ARN the last wins) and account ids.
    #[must_use]
    pub fn new(_settings: TableSettings, _roles: Vec<Entry>, _users: Vec<Entry>, _accounts: Vec<String>) -> Self {
        todo!()
    }

    /// A table without entries.
    #[must_use]
    pub fn empty(_settings: TableSettings) -> Self {
        todo!()
    }

    /// Number of entries, account ids included.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
