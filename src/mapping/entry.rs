//! One mapping entry, from the texts of a file to something that cannot be wrong.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Position;

/// Where an entry stands: `FILE:LINE` (or an object's name), and the key path.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Origin {
    /// File or object.
    pub place: Arc<str>,
    /// Line and column in it.
    pub at: Position,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place, self.at.line)
    }
}

/// Which list an entry stands in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EntryList {
    /// `mapRoles`
    Roles,
    /// `mapUsers`
    Users,
}

/// An entry's members as written; nothing judged but their types. `None` is absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EntryText {
    /// `rolearn`
    pub role_arn: Option<String>,
    /// `rolearnLike`
    pub role_arn_like: Option<String>,
    /// `sso`
    pub sso: Option<SsoText>,
    /// `userarn`
    pub user_arn: Option<String>,
    /// `username`
    pub username: String,
    /// `groups`
    pub groups: Vec<String>,
    /// `userid` or `principalId`
    pub user_id: Option<String>,
    /// `notBefore`, RFC 3339
    pub not_before: Option<String>,
    /// `notAfter` or `expiresAt`, RFC 3339
    pub not_after: Option<String>,
    /// `reason`
    pub reason: Option<String>,
    /// `allowPrivileged`
    pub allow_privileged: bool,
}

/// Members of `sso`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SsoText {
    /// `permissionSetName`
    pub permission_set_name: String,
    /// `accountID`
    pub account_id: String,
    /// `partition`; empty when not given.
    pub partition: String,
}

/// `server.rolePaths`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RolePaths {
    /// A role ARN with a path never matches, as in the reference; loud at load.
    #[default]
    Exact,
    /// Match by account and name.
    Ignore,
}

/// How strictly a source's entries are judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Privilege {
    /// Placeholder for later sources; see `entry` docs.
    Ordinary,
}

/// One entry, parsed: principal matcher, templates, pin, window.
#[derive(Clone, Debug)]
pub struct Entry {
    // private
}

/// Why an entry is bad. `key()` names the member at fault, for positions.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EntryError {
    /// Replace by the real variants.
    #[error("todo")]
    Todo,
}

impl EntryError {
    /// Member at fault: `rolearn`, `sso.accountID`, `notAfter`, …; empty for the whole entry.
    #[must_use]
    pub fn key(&self) -> &'static str {
        todo!()
    }

    /// Stable diagnostic code, kebab-case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        todo!()
    }

    /// What to do.
    #[must_use]
    pub fn cure(&self) -> String {
        todo!()
    }
}

impl Entry {
    /// Judges the members of an entry of the `mapRoles` / `mapUsers` formats with MountedFile's rules.
    ///
    /// # Errors
    /// Every fault of the entry, not only the first.
    pub fn parse(
        _list: EntryList,
        _text: &EntryText,
        _paths: RolePaths,
        _origin: Origin,
    ) -> Result<Self, Vec<EntryError>> {
        todo!()
    }

    /// What loads and is probably not meant (role path that never matches, root ARN, empty username, …):
    /// (code, key, what, cure).
    #[must_use]
    pub fn warnings(&self) -> Vec<(&'static str, &'static str, String, String)> {
        todo!()
    }

    /// Where it stands.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        todo!()
    }
}
