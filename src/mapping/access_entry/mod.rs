//! An access entry, from the texts of a file, an object or EKS to an [`Entry`].
//!
//! One parser for the three: what they allow differs by [`AccessEntryForm`], as data.

mod fault;

pub use fault::AccessEntryError;

use super::{Entry, Origin};
use crate::iam::AccountId;

/// An access entry's members as written; nothing judged but their types. `None` is absent.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct AccessEntryText {
    /// `principalArn`
    pub principal_arn: String,
    /// `type`; absent is `STANDARD`
    pub entry_type: Option<String>,
    /// `username`
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
    /// EKS: node types bear what EKS returned, unknown policies are dropped alone.
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
        let (_, _) = (rules, origin);
        Err(vec![AccessEntryError::PrincipalArn(text.principal_arn.clone())])
    }
}
