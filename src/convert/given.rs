//! An access entry that is one already, for another place.

use jiff::Timestamp;

use super::made::{Made, Refusal, Target};
use super::rules::{RULES, about_principal, fit_limits};
use crate::clock::UnixSeconds;
use crate::iam::CanonicalArn;
use crate::mapping::{
    AccessEntry, AccessEntryText, AccessEntryType, AccessScope, AssociationText, Entry, NamespacePattern, Origin,
    Template,
};

/// The entry as `target` says it.
pub(super) fn of_entry(entry: &AccessEntry, name: Option<&str>, target: Target) -> Result<Made, Refusal> {
    let mut made = Made { text: text_of(&entry.entry), name: name.map(str::to_owned), ..Made::default() };
    let arn = CanonicalArn::parse(&made.text.principal_arn)
        .map_err(|_| Refusal::new("the principal is not one of IAM", "name a role or user"))?;
    about_principal(&arn, target, &mut made)?;
    fit_limits(target, &mut made)?;
    let entry_type = entry.entry.access_type().unwrap_or_default();
    if matches!(entry_type, AccessEntryType::Ec2 | AccessEntryType::HyperpodLinux) && target == Target::Yaml {
        let why = format!("EKS alone knows what nodes of type {} are called", entry_type.as_str());
        return Err(Refusal::new(why, "mirror the cluster with source EKSAccessEntries"));
    }
    for policy in &entry.unsupported {
        let cure = "its holder gets less; give what it allows by a group";
        made.changes.push(format!("policy `{policy}` is left out, since nothing is known of it here: {cure}"));
    }
    if entry_type.is_node() {
        (made.text.username, made.text.kubernetes_groups) = (None, Vec::new());
        let default: Vec<&str> = entry_type.default_groups().to_vec();
        let names: Vec<String> = entry.entry.groups().iter().map(Template::to_string).collect();
        for group in names.iter().filter(|group| !default.contains(&group.as_str())) {
            made.changes.push(format!("group `{group}` is dropped: type {} has its own", entry_type.as_str()));
        }
    }
    Ok(made)
}

/// The members that say what the entry says; what is the default is left out.
pub(super) fn text_of(entry: &Entry) -> AccessEntryText {
    let text = entry.text();
    let principal_arn = text.role_arn.or(text.user_arn).unwrap_or_default();
    let bare = AccessEntryText { principal_arn: principal_arn.clone(), ..AccessEntryText::default() };
    let default = AccessEntry::parse(&bare, &RULES, Origin::default()).ok();
    let is_default = default.is_some_and(|default| default.entry.username() == entry.username());
    let entry_type = entry.access_type().filter(|entry_type| *entry_type != AccessEntryType::Standard);
    AccessEntryText {
        principal_arn,
        entry_type: entry_type.map(|entry_type| entry_type.as_str().to_owned()),
        username: Some(text.username).filter(|_| !is_default),
        kubernetes_groups: text.groups,
        principal_id: text.user_id,
        not_before: text.not_before,
        expires_at: text.not_after,
        reason: text.reason,
        associations: entry.grants().iter().map(association).collect(),
    }
}

fn association(grant: &crate::mapping::Grant) -> AssociationText {
    let (scope_type, namespaces) = match &grant.scope {
        AccessScope::Cluster => ("cluster", Vec::new()),
        AccessScope::Namespaces(patterns) => ("namespace", patterns.iter().map(NamespacePattern::to_string).collect()),
    };
    let written = |end: UnixSeconds| Timestamp::from_second(end.0).ok().map(|end| end.to_string());
    AssociationText {
        policy: grant.policy.as_str().to_owned(),
        scope_type: scope_type.to_owned(),
        namespaces,
        expires_at: grant.expires_at.and_then(written),
    }
}
