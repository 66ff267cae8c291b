//! Flags of `entries convert`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::config::flags::{Keys, ReportFormat};

/// Flags of `entries convert`.
#[derive(Args, Clone, Debug, Default)]
pub struct ConvertEntries {
    /// aws-auth, server configs, dynamic files, IAMIdentityMappings, access entries of eksctl, ACK, EKS or ours, in the order the server asks them; - is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Read aws-auth and IAMIdentityMappings of this context's cluster, behind the files
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// Kubeconfig that holds the context [default: those that kubectl reads]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// What to print: yaml (our objects), aws (command lines of the AWS CLI, with --cluster-name) or terraform (input of terraform-aws-modules/eks)
    #[arg(long, value_name = "FORM", value_enum, default_value_t, hide_possible_values = true)]
    pub to: EntriesForm,

    /// What becomes of a username that no entry may have: drop (the default name stands for it), colon (`x{{SessionName}}` becomes `x:{{SessionName}}`, others are dropped) or refuse (its line is not carried)
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t, hide_possible_values = true)]
    pub usernames: UsernameChoice,

    /// Ask IAM for the path and the unique id of each principal; ids become pins of our objects
    #[arg(long)]
    pub iam: bool,

    /// Print also who gains and who loses what, with the entries alone
    #[arg(long)]
    pub diff: bool,

    /// How to print it: text (what was made on standard output, what became of each line on standard error) or json (both on standard output)
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: ReportFormat,

    /// Whose keys ask IAM.
    #[command(flatten)]
    pub keys: Keys,
}

/// `--to` of `entries convert`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum EntriesForm {
    /// Command lines of the AWS CLI.
    Aws,
    /// The map that terraform-aws-modules/eks takes.
    Terraform,
    /// Our objects.
    #[default]
    Yaml,
}

/// `--usernames` of `entries convert`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum UsernameChoice {
    /// A colon before the session name; where that does not help, as `drop`.
    Colon,
    /// The default name.
    #[default]
    Drop,
    /// Not carried.
    Refuse,
}
