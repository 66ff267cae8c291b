//! Flags of `entries render`.

use std::path::PathBuf;

use clap::Args;

/// Flags of `entries render`.
#[derive(Args, Clone, Debug, Default)]
pub struct RenderEntries {
    /// Files of access entries, YAML or JSON
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Namespaces there are or will be
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with_all = ["context", "kubeconfig"])]
    pub namespaces: Vec<String>,

    /// Take the namespaces of the cluster of this context
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// Kubeconfig of that cluster [default: those that kubectl reads]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Print the ClusterRoles and their bindings too, as in deploy/access-policies.yaml
    #[arg(long = "static")]
    pub with_static: bool,
}
