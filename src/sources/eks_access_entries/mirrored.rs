//! One access entry as EKS told of it, and what it comes to here.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::aws::{EksAssociation, EksEntry};
use crate::clock::UnixSeconds;
use crate::iam::AccountId;
use crate::mapping::{
    AccessEntry, AccessEntryError, AccessEntryForm, AccessEntryRules, AccessEntryText, AssociationText, Entry, Origin,
};

/// What EKS says of an entry, and IAM of its principal.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mirrored {
    pub(super) entry: EksEntry,
    /// By ARN of the policy.
    pub(super) associations: Vec<EksAssociation>,
    /// The unique id that callers must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pin: Option<String>,
}

/// The same, judged.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) mirrored: Mirrored,
    /// When EKS was asked.
    pub(super) read: UnixSeconds,
    pub(super) entry: Result<Entry, Fault>,
    /// ARNs of policies that were left out.
    pub(super) unsupported: Vec<String>,
}

/// Why an entry is left out.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Class of service-linked roles, which EKS gives entries of its own accord.
pub(super) const SERVICE_LINKED: &str = "service_linked_role";

impl Judged {
    pub(super) fn new(mirrored: Mirrored, read: UnixSeconds, account: Option<AccountId>) -> Arc<Self> {
        let rules = AccessEntryRules { form: AccessEntryForm::Eks, cluster_account: account };
        let place = Arc::from(format!("EKS access entry {}", mirrored.entry.principal_arn));
        let origin = Origin { place, ..Origin::default() };
        let (entry, unsupported) = match AccessEntry::parse(&mirrored.text(), &rules, origin) {
            Ok(judged) => (Ok(judged.entry), judged.unsupported),
            Err(faults) => (Err(Fault::of(&faults)), Vec::new()),
        };
        Arc::new(Self { mirrored, read, entry, unsupported })
    }
}

impl Mirrored {
    fn text(&self) -> AccessEntryText {
        let association = |told: &EksAssociation| AssociationText {
            policy: told.policy_arn.clone(),
            scope_type: told.scope_type.clone(),
            namespaces: told.namespaces.clone(),
            expires_at: None,
        };
        AccessEntryText {
            principal_arn: self.entry.principal_arn.clone(),
            entry_type: self.entry.entry_type.clone(),
            username: self.entry.username.clone(),
            kubernetes_groups: self.entry.kubernetes_groups.clone(),
            principal_id: self.pin.clone(),
            associations: self.associations.iter().map(association).collect(),
            ..AccessEntryText::default()
        }
    }

    /// Names of the members in which it differs from an earlier one.
    pub(super) fn changes(&self, before: &Self) -> String {
        let (new, old) = (&self.entry, &before.entry);
        let members = [
            ("type", new.entry_type != old.entry_type),
            ("username", new.username != old.username),
            ("kubernetesGroups", new.kubernetes_groups != old.kubernetes_groups),
            ("createdAt", new.created_at != old.created_at),
            ("associatedAccessPolicies", self.associations != before.associations),
            ("principalId", self.pin != before.pin),
        ];
        let changed: Vec<&str> = members.iter().filter(|(_, changed)| *changed).map(|(name, _)| *name).collect();
        changed.join(", ")
    }
}

impl Fault {
    fn of(faults: &[AccessEntryError]) -> Self {
        let class = faults.first().map_or("malformed", AccessEntryError::class);
        let line = |fault: &AccessEntryError| format!("{}: {fault}", fault.key());
        Self { class, text: faults.iter().map(line).collect::<Vec<_>>().join(" | ") }
    }
}

/// Whether a principal is a service-linked role.
pub(super) fn is_service_linked(principal: &str) -> bool {
    principal.contains(":role/aws-service-role/")
}
