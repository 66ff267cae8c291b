//! The access policies of an entry.

use super::{AccessEntryError, AccessEntryForm, AssociationText, judge_instant};
use crate::mapping::{AccessScope, Grant};
use crate::rbac::{AccessPolicy, UnknownPolicy};

/// What became of the associations.
pub(super) struct Associations {
    pub(super) grants: Vec<Grant>,
    /// Those of EKS that were left out, as EKS names them.
    pub(super) unsupported: Vec<String>,
}

/// Every policy is judged before every scope, and these before every end, since the first fault names the class.
///
/// Of EKS an association that cannot be kept is left out alone: its holder gets less than there, and not nothing.
pub(super) fn judge_associations(
    texts: &[AssociationText],
    form: AccessEntryForm,
    errors: &mut Vec<AccessEntryError>,
) -> Associations {
    let mut policies: Vec<AccessPolicy> = Vec::with_capacity(texts.len());
    let mut known = Vec::with_capacity(texts.len());
    let mut unsupported = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match judge_policy(&text.policy, form) {
            Ok(policy) if form != AccessEntryForm::Eks && policies.contains(&policy) => {
                errors.push(AccessEntryError::PolicyTwice { at, policy: policy.as_str() });
            }
            Ok(policy) => {
                policies.push(policy);
                known.push((at, policy, text));
            }
            Err(_) if form == AccessEntryForm::Eks => unsupported.push(text.policy.clone()),
            Err(Refused::Unknown(source)) => errors.push(AccessEntryError::Policy { at, source }),
            Err(Refused::Arn) => errors.push(AccessEntryError::PolicyArn { at, policy: text.policy.clone() }),
        }
    }
    let mut scoped = Vec::with_capacity(known.len());
    for (at, policy, text) in known {
        match AccessScope::parse(&text.scope_type, &text.namespaces) {
            Ok(scope) => scoped.push((at, policy, scope, text)),
            Err(_) if form == AccessEntryForm::Eks => unsupported.push(text.policy.clone()),
            Err(source) => errors.push(AccessEntryError::AccessScope { at, source }),
        }
    }
    let grants = scoped.into_iter().map(|(at, policy, scope, text)| {
        let expires_at = judge_instant(Some(at), "expiresAt", &text.expires_at, errors);
        Grant { policy, scope, expires_at }
    });
    Associations { grants: grants.collect(), unsupported }
}

enum Refused {
    /// An ARN where a name belongs.
    Arn,
    Unknown(UnknownPolicy),
}

fn judge_policy(text: &str, form: AccessEntryForm) -> Result<AccessPolicy, Refused> {
    let is_arn = text.starts_with("arn:");
    match form {
        AccessEntryForm::Eks => AccessPolicy::of_arn(text).map_err(Refused::Unknown),
        AccessEntryForm::File if is_arn => AccessPolicy::of_arn(text).map_err(Refused::Unknown),
        AccessEntryForm::Object if is_arn => Err(Refused::Arn),
        AccessEntryForm::File | AccessEntryForm::Object => AccessPolicy::of_name(text).map_err(Refused::Unknown),
    }
}
