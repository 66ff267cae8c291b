//! Usernames and groups of access entries: strict where those of other formats are not.

use std::collections::HashSet;

use super::entry_type::given;
use super::subject::Subject;
use super::{AccessEntryError, AccessEntryForm, AccessEntryRules, AccessEntryText, AccessEntryType};
use crate::mapping::{Placeholder, Template};

/// What no username of an entry may begin with; compared with case, as EKS does.
const RESERVED_USERNAMES: [&str; 5] = ["system:", "eks:", "aws:", "amazon:", "iam:"];
/// What no group of an entry may begin with; the second marks groups that access policies make.
const RESERVED_GROUPS: [&str; 2] = ["system:", "iam-bridge.dev:"];
/// Groups that EKS gives to nodes.
const NODE_GROUPS: [&str; 4] =
    ["eks:kube-proxy-windows", "system:bootstrappers", "system:node-proxier", "system:nodes"];
/// Begins the username of every node.
pub(in crate::mapping) const NODE_PREFIX: &str = "system:node:";
/// Longest username, in characters.
const MAX_USERNAME: usize = 512;
/// Longest group, in characters.
const MAX_GROUP: usize = 253;

/// The username's template: as written, or what its type fills in.
pub(super) fn judge_username(
    subject: &Subject<'_>,
    entry_type: AccessEntryType,
    text: &AccessEntryText,
    rules: &AccessEntryRules,
    errors: &mut Vec<AccessEntryError>,
) -> Template {
    let username = match (given(text), entry_type.default_username()) {
        // What is written beside a node type of our own forms is a fault that has been told.
        (_, Some(default)) if rules.form != AccessEntryForm::Eks => return Template::parse(default),
        (Some(username), _) => username,
        (None, Some(default)) => return Template::parse(default),
        (None, None) => return Template::parse(&subject.default_username()),
    };
    let template = Template::parse(username);
    let fault = match entry_type.is_node() {
        true => judge_node_name(username, &template).map(|reason| bad_name(username, reason)),
        false => judge_standard_name(subject, username, &template),
    };
    errors.extend(fault);
    template
}

fn bad_name(username: &str, reason: &'static str) -> AccessEntryError {
    AccessEntryError::Username { username: username.to_owned(), reason }
}

/// Why no node is called so.
fn judge_node_name(username: &str, template: &Template) -> Option<&'static str> {
    let may_stand = |value| {
        matches!(value, Placeholder::Ec2PrivateDnsName | Placeholder::SessionName | Placeholder::SessionNameRaw)
    };
    let name = username.strip_prefix(NODE_PREFIX);
    match name {
        None => Some("does not begin with `system:node:`, as every node's does"),
        Some("") => Some("names no node"),
        Some(_) => judge_text(username).or_else(|| {
            let strict = !has_stray_brace(template) && template.placeholders().all(may_stand);
            (!strict).then_some("holds a placeholder that no node has")
        }),
    }
}

fn judge_standard_name(subject: &Subject<'_>, username: &str, template: &Template) -> Option<AccessEntryError> {
    let username_text = || username.to_owned();
    if let Some(prefix) = RESERVED_USERNAMES.into_iter().find(|prefix| username.starts_with(prefix)) {
        return Some(AccessEntryError::ReservedUsername { username: username_text(), prefix });
    }
    if let Some(reason) = judge_text(username) {
        return Some(bad_name(username, reason));
    }
    let is_session = |value| matches!(value, Placeholder::SessionName | Placeholder::SessionNameRaw);
    let reason = if has_stray_brace(template) {
        "holds braces that are no placeholder"
    } else if template.placeholders().any(|value| value == Placeholder::Ec2PrivateDnsName) {
        "asks for the name of a node, and no node has this entry"
    } else if template.caller_chooses_freely() {
        "has no colon before the session name"
    } else if !subject.is_role() && template.placeholders().any(is_session) {
        "asks for a session name, and only a role has one"
    } else {
        return None;
    };
    Some(AccessEntryError::UsernameTemplate { username: username_text(), reason })
}

fn judge_text(username: &str) -> Option<&'static str> {
    if username.chars().any(char::is_control) {
        Some("holds a control character")
    } else if username.chars().count() > MAX_USERNAME {
        Some("is longer than 512 characters")
    } else if username.trim().is_empty() {
        Some("holds nothing but blanks")
    } else {
        None
    }
}

fn has_stray_brace(template: &Template) -> bool {
    template.literals().any(|text| text.contains(['{', '}']))
}

/// The groups as written, each once; or what a node type gives.
pub(super) fn judge_groups(
    entry_type: AccessEntryType,
    text: &AccessEntryText,
    rules: &AccessEntryRules,
    errors: &mut Vec<AccessEntryError>,
) -> Vec<Template> {
    if entry_type.is_node() && (rules.form != AccessEntryForm::Eks || text.kubernetes_groups.is_empty()) {
        return entry_type.default_groups().iter().map(|group| Template::parse(group)).collect();
    }
    let mut seen = HashSet::new();
    let mut groups = Vec::with_capacity(text.kubernetes_groups.len());
    for (at, group) in text.kubernetes_groups.iter().enumerate() {
        let reason = if entry_type.is_node() {
            (!NODE_GROUPS.contains(&group.as_str())).then_some("is none that nodes get")
        } else {
            judge_group(group)
        };
        errors.extend(reason.map(|reason| AccessEntryError::GroupName { at, group: group.clone(), reason }));
        if seen.insert(group.as_str()) {
            groups.push(Template::parse(group));
        }
    }
    groups
}

fn judge_group(group: &str) -> Option<&'static str> {
    if group.is_empty() {
        Some("is empty")
    } else if group.chars().count() > MAX_GROUP {
        Some("is longer than 253 characters")
    } else if group.chars().any(char::is_control) {
        Some("holds a control character")
    } else if group.contains(['{', '}']) {
        Some("holds a brace, and groups are taken as they are")
    } else if RESERVED_GROUPS.iter().any(|prefix| group.starts_with(prefix)) {
        Some("begins with `system:` or `iam-bridge.dev:`, which no entry gives")
    } else {
        None
    }
}
