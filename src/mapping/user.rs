//! What the API server is told.

use std::collections::HashSet;

use crate::iam::VerifiedIdentity;

/// A Kubernetes user as the TokenReview answer spells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KubernetesUser {
    /// Never empty.
    pub username: String,
    /// `aws-iam-authenticator:<account>:<UserID>`, or `…:administrative:<username>` for a scrubbed account.
    pub uid: String,
    /// In the entry's order.
    pub groups: Vec<String>,
    /// `arn`, `canonicalArn`, …, each with one value, in the order the reference's JSON has (sorted by key); empty for a scrubbed account.
    pub extra: Vec<(&'static str, String)>,
    /// Whether the account is scrubbed: no ARN of it in logs.
    pub scrubbed: bool,
}

/// `server.scrubbedAccounts`.
#[derive(Clone, Debug, Default)]
pub struct ScrubbedAccounts(pub HashSet<String>);

impl ScrubbedAccounts {
    /// Whether ARNs of this account stay out of logs and answers.
    #[must_use]
    pub fn contains(&self, account: &str) -> bool {
        self.0.contains(account)
    }
}

impl KubernetesUser {
    /// Puts uid and extra to names that passed the gate.
    pub(super) fn new(identity: &VerifiedIdentity, username: String, groups: Vec<String>, scrubbed: bool) -> Self {
        let uid = if scrubbed {
            format!("aws-iam-authenticator:administrative:{username}")
        } else {
            match identity.user_id() {
                Some(user_id) => format!("aws-iam-authenticator:{}:{user_id}", identity.account_id()),
                None => format!("iam-bridge:{}:{}", identity.account_id(), identity.canonical_arn().as_str()),
            }
        };
        let extra = if scrubbed { Vec::new() } else { extra(identity) };
        Self { username, uid, groups, extra, scrubbed }
    }
}

/// Sorted by key as Go's JSON map is. An empty value is sent, an absent one (of a JWT) is left out.
fn extra(identity: &VerifiedIdentity) -> Vec<(&'static str, String)> {
    [
        ("accessKeyId", identity.access_key_id()),
        ("arn", Some(identity.arn())),
        ("canonicalArn", Some(identity.canonical_arn().as_str())),
        ("principalId", identity.user_id()),
        ("sessionName", identity.session_name()),
        ("sigs.k8s.io/aws-iam-authenticator/principalId", identity.user_id()),
    ]
    .into_iter()
    .filter_map(|(key, value)| value.map(|value| (key, value.to_owned())))
    .collect()
}
