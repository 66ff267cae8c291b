//! One context of a kubeconfig, with its cluster and user, read as kubectl reads it.

use std::path::PathBuf;

use kube::config::NamedCluster;

/// Where kubeconfigs are: `--kubeconfig`, `KUBECONFIG`, the home directory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KubeconfigFiles {
    /// In the order in which kubectl merges them; those that do not exist count as empty.
    pub paths: Vec<PathBuf>,
}

/// A context, resolved.
#[derive(Clone, Debug)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// Its cluster as the kubeconfig has it.
    pub cluster: NamedCluster,
    /// Name of its user.
    pub user: String,
    /// The plugin of the user, if it has one.
    pub exec: Option<ExecEntry>,
}

/// `users[].user.exec` of a kubeconfig.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExecEntry {
    /// `client.authentication.k8s.io/…`; empty when missing.
    pub api_version: String,
    /// The program; with a slash, relative to the kubeconfig's directory.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables it gets besides the caller's.
    pub env: Vec<(String, String)>,
    /// `Never`, `IfAvailable`, `Always`.
    pub interactive_mode: Option<String>,
    /// Whether the plugin is told about the cluster.
    pub provide_cluster_info: bool,
}

/// Why there is no context.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file cannot be read as a kubeconfig.
    #[error("kubeconfig `{file}` cannot be used: {why}")]
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        why: String,
    },
    /// No context was named, and none is current.
    #[error("no context is current; name one, or set it with `kubectl config use-context`")]
    NoneCurrent,
    /// The context, or what it names, is not there.
    #[error("{kind} `{name}` is not in the kubeconfig; it holds {}", known.join(", "))]
    NotFound {
        /// `context`, `cluster`, `user`.
        kind: &'static str,
        /// What was looked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl KubeconfigFiles {
    /// The context of that name, or the current one.
    ///
    /// # Errors
    /// [`ContextError`].
    pub fn context(&self, name: Option<&str>) -> Result<Context, ContextError> {
        let _ = name;
        todo!()
    }
}
