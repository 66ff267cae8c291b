//! The one reservation gate: every way to a user passes it, account lists included.

use std::collections::HashMap;

use super::SourceKind;

/// `server.reservedPrefixConfig`: username prefixes a source may not yield. A later entry for one source wins; empty prefixes are ignored.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReservedPrefixes(pub HashMap<SourceKind, Vec<String>>);

/// Which reservation a rendered name broke.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReservedName {
    /// Replace by the real variants.
    #[error("todo")]
    Todo,
}
