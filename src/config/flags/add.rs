//! Flags of `add user` and `add role`: those of aws-iam-authenticator, and ours.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::switch;

/// Flags of `add`.
#[derive(Args, Clone, Debug)]
pub struct Add {
    /// Where and how.
    #[command(flatten)]
    pub how: AddHow,

    /// Whom to add
    #[command(subcommand)]
    pub whom: AddWhom,
}

/// Whom `add` adds.
#[derive(Clone, Debug, Subcommand)]
pub enum AddWhom {
    /// Add a user to mapUsers of an aws-auth ConfigMap
    #[command(
        after_help = "Example:\n  iam-bridge add user --userarn arn:aws:iam::111122223333:user/bob --username bob --groups devs"
    )]
    User(Box<AddUser>),
    /// Add a role to mapRoles of an aws-auth ConfigMap
    #[command(
        after_help = "Example:\n  iam-bridge add role --rolearn arn:aws:iam::111122223333:role/Dev --username dev --groups devs\n  iam-bridge add role --sso permissionSetName=View,accountID=111122223333 --username v --groups g"
    )]
    Role(Box<AddRole>),
}

/// Where `add` writes, and whether it asks first.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Where and how")]
pub struct AddHow {
    /// Ask before anything is written; false asks nobody [default: true]
    #[arg(long, global = true, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub prompt: Option<bool>,

    /// Print what would be written, and write nothing
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Make the ConfigMap if there is none
    #[arg(long, global = true)]
    pub create: bool,

    /// Kubeconfig of the cluster [default: as kubectl chooses: KUBECONFIG, ~/.kube/config, the pod's account]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: the current one]
    #[arg(long, global = true, value_name = "NAME")]
    pub kubeconfig_context: Option<String>,

    /// URL of the API server, in the place of the kubeconfig's
    #[arg(long, global = true, value_name = "URL")]
    pub master_url: Option<String>,
}

/// Flags of `add user`.
#[derive(Args, Clone, Debug, Default)]
pub struct AddUser {
    /// ARN of the user
    #[arg(long, value_name = "ARN")]
    pub userarn: Option<String>,

    /// What the entry makes of it.
    #[command(flatten)]
    pub entry: AddEntry,
}

/// Flags of `add role`.
#[derive(Args, Clone, Debug, Default)]
pub struct AddRole {
    /// ARN of the role, without path
    #[arg(long, value_name = "ARN")]
    pub rolearn: Option<String>,

    /// Permission set of IAM Identity Center, as permissionSetName=NAME,accountID=ID[,partition=NAME]
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub sso: Vec<String>,

    /// What the entry makes of it.
    #[command(flatten)]
    pub entry: AddEntry,
}

/// What an entry says besides its principal.
#[derive(Args, Clone, Debug, Default)]
pub struct AddEntry {
    /// Kubernetes username; may hold placeholders such as `{{SessionName}}`
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,

    /// Kubernetes groups
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub groups: Vec<String>,

    /// Unique id that the principal must have (AROA…, AIDA…); read by iam-bridge only
    #[arg(long, value_name = "ID")]
    pub userid: Option<String>,

    /// Begin of the entry's validity (RFC 3339); read by iam-bridge only
    #[arg(long, value_name = "TIME")]
    pub not_before: Option<String>,

    /// End of the entry's validity (RFC 3339); read by iam-bridge only
    #[arg(long, value_name = "TIME")]
    pub not_after: Option<String>,

    /// Why the entry is there, for logs; read by iam-bridge only
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
