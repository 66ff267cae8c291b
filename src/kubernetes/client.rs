//! A client with one bearer token.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Serialize;

use super::Context;

/// Speaks to the API server of a context with one token.
#[derive(Clone)]
pub struct Client(kube::Client);

/// Who the API server says the token belongs to: `SelfSubjectReview`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Subject {
    /// User name.
    pub username: String,
    /// Unique id, if there is one.
    pub uid: Option<String>,
    /// Groups, `system:authenticated` among them.
    pub groups: Vec<String>,
    /// What else the webhook said.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Why the API server does not say.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// The context cannot be turned into a client.
    #[error("cluster `{cluster}` of the kubeconfig cannot be used: {why}")]
    Unusable {
        /// The cluster entry.
        cluster: String,
        /// Why.
        why: String,
    },
    /// No connection.
    #[error("API server `{server}` cannot be reached: {why}")]
    Unreachable {
        /// Its URL.
        server: String,
        /// Why.
        why: String,
    },
    /// 401.
    #[error("API server `{server}` does not accept the token (401)")]
    Unauthorized {
        /// Its URL.
        server: String,
    },
    /// Another answer.
    #[error("API server `{server}` answers {status}: {why}")]
    Refused {
        /// Its URL.
        server: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        why: String,
    },
}

impl Client {
    /// For the cluster of `context`, as `token`'s owner.
    ///
    /// # Errors
    /// [`KubernetesError::Unusable`].
    pub async fn new(context: &Context, token: &SecretString) -> Result<Self, KubernetesError> {
        let _ = (context, token);
        todo!()
    }

    /// Who the API server takes us for.
    ///
    /// # Errors
    /// [`KubernetesError`].
    pub async fn review_self(&self) -> Result<Subject, KubernetesError> {
        let _ = &self.0;
        todo!()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}
