//! The one reservation gate: every way to a user passes it, account lists included.

use std::collections::HashMap;

use super::{AccessEntryType, Entry, NODE_PREFIX, SourceKind, Template};

/// `server.reservedPrefixConfig`: username prefixes a source may not yield. A later entry for one source wins;
/// empty prefixes are ignored.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReservedPrefixes(pub HashMap<SourceKind, Vec<String>>);

/// Which reservation a rendered name broke.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReservedName {
    /// Holds a control character.
    #[error("the {0} holds a control character")]
    ControlCharacter(NameKind),
    /// A group without a character.
    #[error("a group is empty")]
    EmptyGroup,
    /// A group only Kubernetes itself, or this product, may give.
    #[error("group `{0}` is reserved; no mapping may yield it")]
    Group(String),
    /// Begins with a prefix of `server.reservedPrefixConfig`.
    #[error(
        "username `{username}` begins with `{prefix}`, which server.reservedPrefixConfig reserves for {source_kind}"
    )]
    Prefix {
        /// The rendered username.
        username: String,
        /// The prefix.
        prefix: String,
        /// The source it may not come from.
        source_kind: SourceKind,
    },
    /// `system:` came out of a placeholder's value.
    #[error("the {0} holds a `system:` that a placeholder's value brought in; only the template's own text may")]
    SystemByValue(NameKind),
    /// A username only Kubernetes itself may give.
    #[error("username `{0}` is reserved; no mapping may yield it")]
    Username(String),
}

/// Which name was judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameKind {
    /// One of the groups.
    Group,
    /// The username.
    Username,
}

impl std::fmt::Display for NameKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Group => "group",
            Self::Username => "username",
        })
    }
}

const USERNAMES: [&str; 2] = ["system:anonymous", "system:apiserver"];
const USERNAME_PREFIXES: [&str; 2] = ["system:kube-", "system:serviceaccount:"];
const GROUPS: [&str; 1] = ["system:unauthenticated"];
/// The last one marks groups that our own access policies make.
const GROUP_PREFIXES: [&str; 2] = ["system:serviceaccounts", "iam-bridge.dev:"];
const SYSTEM: &str = "system:";
/// The group that bypasses RBAC.
pub(super) const MASTERS: &str = "system:masters";

impl ReservedPrefixes {
    /// Judges a rendered username that is not empty. `entry` is what it was rendered from; absent for an account list,
    /// whose usernames are ARNs.
    pub(super) fn judge_username(
        &self,
        source_kind: SourceKind,
        username: &str,
        entry: Option<&Entry>,
    ) -> Result<(), ReservedName> {
        let template = entry.map(Entry::username);
        let is_node = entry.and_then(Entry::access_type).is_some_and(AccessEntryType::is_node);
        judge_text(NameKind::Username, username, template)?;
        if is_reserved_username(username) {
            return Err(ReservedName::Username(username.to_owned()));
        }
        let prefixes = self.0.get(&source_kind).map(Vec::as_slice).unwrap_or_default();
        // An access entry of a node type may be called as nodes are; a wider prefix holds for it too.
        let is_exempt = |prefix: &str| prefix.is_empty() || (is_node && prefix == NODE_PREFIX);
        match prefixes.iter().find(|prefix| !is_exempt(prefix) && username.starts_with(prefix.as_str())) {
            Some(prefix) => {
                Err(ReservedName::Prefix { username: username.to_owned(), prefix: prefix.clone(), source_kind })
            }
            None => Ok(()),
        }
    }
}

/// Judges a rendered group; prefixes of sources do not concern groups.
pub(super) fn judge_group(group: &str, template: &Template) -> Result<(), ReservedName> {
    if group.is_empty() {
        return Err(ReservedName::EmptyGroup);
    }
    judge_text(NameKind::Group, group, Some(template))?;
    // An operator may write `system:masters`; a caller must not be able to complete it.
    let completed_by_value = group == MASTERS && template.placeholders().next().is_some();
    if completed_by_value || is_reserved_group(group) { Err(ReservedName::Group(group.to_owned())) } else { Ok(()) }
}

/// Whether no mapping may ever yield this username.
#[must_use]
pub fn is_reserved_username(username: &str) -> bool {
    USERNAMES.contains(&username) || USERNAME_PREFIXES.iter().any(|prefix| username.starts_with(prefix))
}

/// Whether no mapping may ever yield this group.
#[must_use]
pub fn is_reserved_group(group: &str) -> bool {
    GROUPS.contains(&group) || GROUP_PREFIXES.iter().any(|prefix| group.starts_with(prefix))
}

fn judge_text(kind: NameKind, name: &str, template: Option<&Template>) -> Result<(), ReservedName> {
    if name.chars().any(char::is_control) {
        return Err(ReservedName::ControlCharacter(kind));
    }
    // Every `system:` of the name must be one of the template's own text, whole.
    let written = template.map_or(0, |template| template.literals().map(|text| text.matches(SYSTEM).count()).sum());
    if name.matches(SYSTEM).count() > written { Err(ReservedName::SystemByValue(kind)) } else { Ok(()) }
}
