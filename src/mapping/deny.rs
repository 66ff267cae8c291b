//! The deny list: evaluated first, on every request, on cache hits too.

use super::Origin;
use crate::iam::VerifiedIdentity;

/// Members of one `server.deny` entry as written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DenyText {
    /// `arn`
    pub arn: Option<String>,
    /// `arnLike`
    pub arn_like: Option<String>,
    /// `account`
    pub account: Option<String>,
    /// `userID`
    pub user_id: Option<String>,
    /// `accessKeyID`
    pub access_key_id: Option<String>,
    /// `sessionName`
    pub session_name: Option<String>,
    /// `reason`
    pub reason: Option<String>,
}

/// One parsed entry; all matchers given must match.
#[derive(Clone, Debug)]
pub struct DenyEntry {
    // private
}

/// Why a deny entry is bad.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DenyEntryError {
    /// No matcher: it would deny nobody (or everybody).
    #[error("a deny entry needs at least one of arn, arnLike, account, userID, accessKeyID, sessionName")]
    NoMatcher,
    /// `arn` or `arnLike` cannot be parsed; member and reason.
    #[error("`{0}`: {1}")]
    BadMatcher(&'static str, String),
}

/// All entries.
#[derive(Clone, Debug, Default)]
pub struct DenyList {
    // private
}

impl DenyEntry {
    /// Judges the members.
    ///
    /// # Errors
    /// [`DenyEntryError`].
    pub fn parse(_text: &DenyText, _origin: Origin) -> Result<Self, DenyEntryError> {
        todo!()
    }
}

impl DenyList {
    /// From entries in file order.
    #[must_use]
    pub fn new(_entries: Vec<DenyEntry>) -> Self {
        todo!()
    }

    /// The first entry that matches: its origin and reason.
    #[must_use]
    pub fn find(&self, _identity: &VerifiedIdentity) -> Option<(&Origin, Option<&str>)> {
        todo!()
    }
}
