//! What an access entry says and probably does not mean.

use crate::mapping::{AccessEntryType, AccessScope, Entry, EntryList, EntryWarning, Grant, Placeholder};
use crate::rbac::AccessPolicy;

/// Where controllers of the cluster run: who may edit there may act as them.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// The doubts that need no clock and no other entry.
pub(in crate::mapping) fn doubts(entry: &Entry, access_type: AccessEntryType) -> Vec<EntryWarning> {
    let principal = entry.principal_text();
    let is_root = principal.ends_with(":root");
    let asks_session = entry.username().placeholders().any(is_session);
    let mut doubts = Vec::new();
    let mut doubt = |code, key, what: String, cure: &str| {
        doubts.push(EntryWarning { code, key, what, cure: cure.to_owned() });
    };
    if is_root {
        let what = format!("`{principal}` is the account's root user alone, not the account's users and roles");
        doubt("root-arn", "principalArn", what, "name each role or user that is meant");
    }
    if access_type == AccessEntryType::Standard && entry.list() == EntryList::Roles && !asks_session {
        let what = format!("with `{}` all who assume the role look alike in audit logs", entry.username());
        doubt("static-username", "username", what, "write `{{SessionName}}` behind a colon, or leave username out");
    }
    if access_type.is_node() && asks_session {
        let what = format!("whoever may assume the role of type {access_type} picks the node's name");
        doubt("node-name-by-session", "type", what, "let nodes alone assume the role: look at its trust policy");
    }
    for grant in entry.grants().iter().filter(|grant| is_wide(grant)) {
        let what = format!("{} in {SYSTEM_NAMESPACE} is as much as being cluster admin", grant.policy);
        doubt("policy-in-kube-system", "policyAssociations", what, "name the namespaces that are meant");
    }
    if entry.pin().is_none() && !is_root {
        let what = "the entry is not pinned: it also holds for a principal made anew under the same name".to_owned();
        doubt("unpinned-entry", "principalId", what, "run `iam-bridge entries pin`");
    }
    doubts
}

const fn is_session(value: Placeholder) -> bool {
    matches!(value, Placeholder::SessionName | Placeholder::SessionNameRaw)
}

fn is_wide(grant: &Grant) -> bool {
    let edits = matches!(grant.policy, AccessPolicy::Admin | AccessPolicy::ClusterAdmin | AccessPolicy::Edit);
    // That of the cluster is plainly meant.
    edits && grant.scope != AccessScope::Cluster && grant.scope.reaches(SYSTEM_NAMESPACE)
}
