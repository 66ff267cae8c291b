//! An access entry, from the texts of a file, an object or EKS to an [`Entry`].
//!
//! One parser for the three: what they allow differs by [`AccessEntryForm`], as data. The order of judging is fixed,
//! since the first fault names the class of a bad entry.
//! Source: Amazon EKS User Guide, "Create access entries" and "Associate access policies with access entries".

mod associations;
mod doubts;
mod entry_type;
mod fault;
mod names;
mod subject;

pub use entry_type::AccessEntryType;
pub use fault::AccessEntryError;

use associations::judge_associations;
pub(super) use doubts::doubts;
pub(super) use names::NODE_PREFIX;
use names::{judge_groups, judge_username};
use subject::Subject;

use super::entry::{AccessParts, Limits};
use super::window::{self, Window};
use super::{Entry, Origin, SharedNames};
use crate::clock::UnixSeconds;
use crate::iam::AccountId;

/// An access entry's members as written; nothing judged but their types. `None` is absent.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct AccessEntryText {
    /// `principalArn`
    pub principal_arn: String,
    /// `type`; absent is `STANDARD`
    pub entry_type: Option<String>,
    /// `username`; empty is absent
    pub username: Option<String>,
    /// `kubernetesGroups`
    pub kubernetes_groups: Vec<String>,
    /// `principalId`
    pub principal_id: Option<String>,
    /// `notBefore`, RFC 3339
    pub not_before: Option<String>,
    /// `expiresAt`, RFC 3339
    pub expires_at: Option<String>,
    /// `reason`
    pub reason: Option<String>,
    /// `policyAssociations`
    pub associations: Vec<AssociationText>,
}

/// One of `policyAssociations`, as written.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct AssociationText {
    /// `policy`, a name; or `policyArn`
    pub policy: String,
    /// `accessScope.type`
    pub scope_type: String,
    /// `accessScope.namespaces`
    pub namespaces: Vec<String>,
    /// `expiresAt`, RFC 3339
    pub expires_at: Option<String>,
}

/// Who wrote an access entry, and so what it may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AccessEntryForm {
    /// EKS: node types bear what EKS returned; associations that cannot be kept are left out alone.
    Eks,
    /// A file of ours: policies by name or ARN.
    File,
    /// An object of ours: policies by name.
    Object,
}

/// How access entries are read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessEntryRules {
    /// Who wrote them.
    pub form: AccessEntryForm,
    /// The account that roles of nodes must belong to, where it is known.
    pub cluster_account: Option<AccountId>,
}

/// An access entry, judged.
#[derive(Clone, Debug)]
pub struct AccessEntry {
    /// What serves callers.
    pub entry: Entry,
    /// Associations of EKS that were left out, by policy ARN: the caller gets less than there.
    pub unsupported: Vec<String>,
}

impl AccessEntry {
    /// Judges the members of an access entry.
    ///
    /// # Errors
    /// Every fault, in the order of judging: the first names the class of the entry.
    pub fn parse(
        text: &AccessEntryText,
        rules: &AccessEntryRules,
        origin: Origin,
    ) -> Result<Self, Vec<AccessEntryError>> {
        Self::parse_sharing(text, rules, origin, &mut SharedNames::default())
    }

    /// As [`AccessEntry::parse`]; names and grants that earlier entries had too are kept once. For long lists.
    ///
    /// # Errors
    /// Every fault, in the order of judging: the first names the class of the entry.
    pub fn parse_sharing(
        text: &AccessEntryText,
        rules: &AccessEntryRules,
        origin: Origin,
        shared: &mut SharedNames,
    ) -> Result<Self, Vec<AccessEntryError>> {
        let mut errors = Vec::new();
        let subject = Subject::parse(&text.principal_arn).map_err(|error| errors.push(error)).ok();
        let entry_type = AccessEntryType::judge(text, rules).map_err(|error| errors.push(error)).ok();
        let names = subject.as_ref().zip(entry_type).map(|(subject, entry_type)| {
            if entry_type.is_node() {
                entry_type.judge_node(subject, text, rules, &mut errors);
            }
            (
                judge_username(subject, entry_type, text, rules, &mut errors),
                judge_groups(entry_type, text, rules, &mut errors),
            )
        });
        if let (Some(subject), Some(id)) = (&subject, &text.principal_id) {
            errors.extend(subject.judge_id(id));
        }
        let associations = judge_associations(&text.associations, rules.form, &mut errors);
        let window = judge_window(text, &mut errors);
        let (Some(subject), Some(entry_type), Some((username, groups))) = (subject, entry_type, names) else {
            return Err(errors);
        };
        if !errors.is_empty() {
            return Err(errors);
        }
        let limits = Limits {
            user_id: boxed(&text.principal_id),
            window,
            not_before: boxed(&text.not_before),
            not_after: boxed(&text.expires_at),
            reason: boxed(&text.reason),
            allow_privileged: false,
            grants: shared.grants(associations.grants),
        };
        let entry = Entry::of_access_entry(AccessParts {
            list: subject.list(),
            principal: subject.exact(),
            username: shared.username(username),
            groups: shared.groups(groups),
            access_type: entry_type,
            limits,
            origin,
        });
        Ok(Self { entry, unsupported: associations.unsupported })
    }
}

fn boxed(text: &Option<String>) -> Option<Box<str>> {
    text.as_deref().map(Into::into)
}

fn judge_window(text: &AccessEntryText, errors: &mut Vec<AccessEntryError>) -> Window {
    let mut instant = |key, text: &Option<String>| judge_instant(None, key, text, errors);
    let window = Window {
        not_before: instant("notBefore", &text.not_before),
        not_after: instant("expiresAt", &text.expires_at),
    };
    if window.is_empty() {
        errors.push(AccessEntryError::EmptyWindow {
            not_before: text.not_before.clone().unwrap_or_default(),
            expires_at: text.expires_at.clone().unwrap_or_default(),
        });
    }
    window
}

/// The instant of a member of the entry, or of the association `at`.
fn judge_instant(
    at: Option<usize>,
    key: &'static str,
    text: &Option<String>,
    errors: &mut Vec<AccessEntryError>,
) -> Option<UnixSeconds> {
    let text = text.as_deref()?;
    let instant = window::parse_rfc3339(text);
    if instant.is_none() {
        errors.push(AccessEntryError::Timestamp { at, key, text: text.to_owned() });
    }
    instant
}
