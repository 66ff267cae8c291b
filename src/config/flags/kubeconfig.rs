//! Flags of what people run around a kubeconfig: `kubeconfig`, `whoami`, `doctor`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{DataFormat, Keys};

/// Flags of `kubeconfig`.
#[derive(Args, Clone, Debug, Default)]
pub struct Kubeconfig {
    /// Ask EKS for endpoint and CA of this cluster
    #[arg(long, value_name = "NAME", conflicts_with_all = ["server", "certificate_authority", "user_only", "convert", "revert"], help_heading = "Which cluster")]
    pub eks: Option<String>,

    /// URL of the API server
    #[arg(long, value_name = "URL", conflicts_with_all = ["user_only", "convert", "revert"], help_heading = "Which cluster")]
    pub server: Option<String>,

    /// File with the CA of the API server; its content goes into the kubeconfig
    #[arg(long, value_name = "FILE", requires = "server", help_heading = "Which cluster")]
    pub certificate_authority: Option<PathBuf>,

    /// Write the user alone
    #[arg(long, conflicts_with_all = ["convert", "revert"], help_heading = "Which cluster")]
    pub user_only: bool,

    /// Turn the user of this context from `aws eks get-token` or aws-iam-authenticator into ours
    #[arg(long, value_name = "CONTEXT", conflicts_with = "revert", help_heading = "Which cluster")]
    pub convert: Option<String>,

    /// Turn the user of this context back into what --convert found
    #[arg(long, value_name = "CONTEXT", help_heading = "Which cluster")]
    pub revert: Option<String>,

    /// Name of the context [default: the cluster's name]
    #[arg(long, value_name = "NAME", help_heading = "Names and file")]
    pub context: Option<String>,

    /// Name of the user [default: that of the context]
    #[arg(long, value_name = "NAME", help_heading = "Names and file")]
    pub user: Option<String>,

    /// Namespace of the context
    #[arg(long, value_name = "NAME", help_heading = "Names and file")]
    pub namespace: Option<String>,

    /// File to write [default: as kubectl chooses: KUBECONFIG, ~/.kube/config]
    #[arg(long, value_name = "FILE", help_heading = "Names and file")]
    pub kubeconfig: Option<PathBuf>,

    /// Make this the current context
    #[arg(long = "use", help_heading = "Names and file")]
    pub use_context: bool,

    /// Version of the exec entry: v1 or v1beta1 [default: v1]
    #[arg(long, value_name = "VERSION", value_enum, hide_possible_values = true, help_heading = "The plugin's entry")]
    pub api_version: Option<ExecVersion>,

    /// Write the plugin's full path, for programs with a short PATH
    #[arg(long, help_heading = "The plugin's entry")]
    pub absolute_path: bool,

    /// Hand the plugin what the kubeconfig says about the cluster
    #[arg(long, help_heading = "The plugin's entry")]
    pub provide_cluster_info: bool,

    /// Write the profile as the variable `AWS_PROFILE` instead of --profile
    #[arg(long, requires = "profile", help_heading = "The plugin's entry")]
    pub profile_env: bool,

    /// Have the plugin keep no tokens
    #[arg(long, help_heading = "The plugin's entry")]
    pub no_cache: bool,

    /// Print what would be written, and write nothing
    #[arg(long, help_heading = "Names and file")]
    pub dry_run: bool,

    /// Flags that the plugin will be called with.
    #[command(flatten)]
    pub keys: Keys,
}

/// `kubeconfig --api-version`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum ExecVersion {
    /// Since Kubernetes 1.22.
    #[default]
    V1,
    /// Known to every client since 1.11.
    V1beta1,
}

/// Flags of `whoami`.
#[derive(Args, Clone, Debug, Default)]
pub struct Whoami {
    /// Ask the cluster of this context, too
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// Kubeconfig with the context [default: as kubectl chooses: KUBECONFIG, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// How to print it: table, json or yaml
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: DataFormat,

    /// Whose keys to ask with.
    #[command(flatten)]
    pub keys: Keys,
}

/// Flags of `doctor`.
#[derive(Args, Clone, Debug, Default)]
pub struct Doctor {
    /// Context of the kubeconfig [default: the current one]
    #[arg(value_name = "CONTEXT")]
    pub context: Option<String>,

    /// Kubeconfig with the context [default: as kubectl chooses: KUBECONFIG, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Only what needs no network
    #[arg(long)]
    pub offline: bool,

    /// How to print it: table, json or yaml
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: DataFormat,
}
