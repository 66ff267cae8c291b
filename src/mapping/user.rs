//! What the API server is told.

use std::collections::HashSet;

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
