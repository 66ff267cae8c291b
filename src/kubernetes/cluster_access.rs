//! Where the API server is for those who work in the cluster: its kubeconfig, or the pod's own account.

use std::path::PathBuf;

/// `server.kubeconfig` and `server.master`; neither means the account of the pod we run in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClusterAccess {
    /// A kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it; the current one when not given.
    pub context: Option<String>,
    /// URL that replaces the kubeconfig's server.
    pub master: Option<String>,
}

/// Why there is no client. Display says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No kubeconfig was named, and this is no pod.
    #[error("no kubeconfig is named, and this is no pod of the cluster: {0}; set server.kubeconfig")]
    NoPod(String),
    /// The kubeconfig cannot be used.
    #[error("kubeconfig `{}` cannot be used: {why}", path.display())]
    Kubeconfig {
        /// Its path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The client cannot be made.
    #[error("no client for the API server can be made: {0}")]
    Client(String),
}

/// A client with all that the kubeconfig's user, or the pod's account, can prove itself with. Makes no connection.
///
/// # Errors
/// [`AccessError`].
pub async fn connect(access: &ClusterAccess) -> Result<kube::Client, AccessError> {
    Err(AccessError::Client(format!("not built {access:?}")))
}
