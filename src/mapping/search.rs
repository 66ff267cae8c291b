//! The search order, written once: `choose` takes its first decisive step, `explain` prints all of it.

use super::{Chain, Origin, SourceKind};
use crate::clock::UnixSeconds;
use crate::iam::VerifiedIdentity;

/// One step of the walk.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Replace by the real variants.
    Todo(SourceKind, Origin),
}

/// Why a near entry did not match.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Hint {
    /// Another account.
    AccountDiffers,
    /// Only the case of the name differs (where case counts).
    CaseOnly,
    /// Another partition.
    PartitionDiffers,
    /// The entry has a path, STS never sends one.
    PathIgnored,
    /// The SSO suffix is not `_` and 16 hex digits.
    SsoSuffix,
}

/// Walks the search order, telling `visit` each step until it breaks.
pub fn search(
    _chain: &Chain,
    _identity: &VerifiedIdentity,
    _now: UnixSeconds,
    _visit: &mut dyn FnMut(Finding) -> std::ops::ControlFlow<()>,
) {
    todo!()
}
