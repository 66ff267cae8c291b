//! What was typed: the command line, not yet judged. What it means is the business of `config::{server, get_token}`.
//!
//! Flags, short forms and defaults are those of aws-iam-authenticator; `get-token` takes those of
//! `aws eks get-token` besides. As with the reference a flag may be repeated (the last one counts), and a switch may be
//! written `--switch=false`. Every flag is an `Option`, so that the rooms can tell "not typed" from a default.

mod add;
mod entries;
mod get_token;
mod kubeconfig;
mod server;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use secrecy::SecretString;

pub use add::{Add, AddEntry, AddHow, AddRole, AddUser, AddWhom};
pub use entries::{
    ConvertEntries, DiffEntries, Entries, EntriesAction, EntriesForm, PinEntries, RenderEntries, UsernameChoice,
};
pub use get_token::{
    Cache, CacheAction, CacheList, CachePlace, GetToken, Keys, SessionNameFrom, TokenCache, TokenOutput,
};
pub use kubeconfig::{Doctor, ExecVersion, Kubeconfig, Whoami};
pub use server::{Init, Server};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "iam-bridge",
    version,
    about = "Proves which AWS IAM principal sent a Kubernetes request, and tells what it may do",
    after_help = "Example:\n  iam-bridge demo\n  iam-bridge get-token --cluster-name prod --region eu-central-1",
    args_override_self = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Flags {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command, before or after its name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Config file (YAML or JSON, told by its extension)
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Name of the cluster a token is good for; part of its signature
    #[arg(short = 'i', long, global = true, value_name = "ID", visible_aliases = ["cluster-name", "cluster"])]
    pub cluster_id: Option<String>,

    /// Format of log lines: text or json [default: text]
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// Least level that is logged: trace, debug, info, warning, error, fatal, panic [default: info]
    #[arg(short = 'v', long, global = true, value_name = "LEVEL")]
    pub log_verbosity: Option<String>,

    /// Feature gates, as Name=true,Other=false
    #[arg(long, global = true, value_name = "GATES", value_delimiter = ',')]
    pub feature_gates: Vec<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the token webhook that kube-apiserver asks
    #[command(
        after_help = "Example:\n  iam-bridge server --config /etc/aws-iam-authenticator/config.yaml --cluster-id prod"
    )]
    Server(Box<Server>),
    /// Print a token for kubectl, helm and client-go, as an exec credential
    #[command(
        after_help = "Example:\n  iam-bridge get-token --cluster-name prod --region eu-central-1 --profile dev\n  iam-bridge get-token --cluster-name prod --role-arn arn:aws:iam::111122223333:role/Dev\n\nkubectl calls it: write the entry with `iam-bridge kubeconfig`. When it fails: `iam-bridge doctor`."
    )]
    GetToken(Box<GetToken>),
    /// The same as get-token, under the reference's name
    #[command(after_help = "Example:\n  iam-bridge token --cluster-id prod --role arn:aws:iam::111122223333:role/Dev")]
    Token(Box<GetToken>),
    /// Write a kubeconfig entry that uses this plugin, or turn an existing one into it
    #[command(
        after_help = "Example:\n  iam-bridge kubeconfig --eks prod --region eu-central-1 --use\n  iam-bridge kubeconfig -i prod --server https://prod.example.com --certificate-authority ca.pem\n  iam-bridge kubeconfig --convert prod\n  iam-bridge kubeconfig --revert prod"
    )]
    Kubeconfig(Box<Kubeconfig>),
    /// Show who you are at AWS and in the cluster, side by side
    #[command(after_help = "Example:\n  iam-bridge whoami\n  iam-bridge whoami --profile dev --context prod")]
    Whoami(Box<Whoami>),
    /// Find out why kubectl does not get in, and what to do
    #[command(after_help = "Example:\n  iam-bridge doctor\n  iam-bridge doctor prod -o json")]
    Doctor(Doctor),
    /// List or clear cached tokens and credentials
    #[command(after_help = "Example:\n  iam-bridge cache list\n  iam-bridge cache clear")]
    Cache(Cache),
    /// Add a user or a role to a cluster's aws-auth ConfigMap
    #[command(
        after_help = "Example:\n  iam-bridge add role --rolearn arn:aws:iam::111122223333:role/Dev --username dev --groups devs\n  iam-bridge add user --userarn arn:aws:iam::111122223333:user/Bob --username bob --groups devs\n\nThe entry is put behind the others; everything else stays as it is. The rights it needs: deploy/rbac-add.yaml."
    )]
    Add(Box<Add>),
    /// Access entries: make them of other mappings, compare, render, pin
    #[command(after_help = "Example:\n  iam-bridge entries convert aws-auth.yaml > access-entries.yaml")]
    Entries(Box<Entries>),
    /// Ask STS who a token belongs to
    #[command(
        after_help = "Example:\n  iam-bridge get-token -i prod --token-only | iam-bridge verify -i prod --token -"
    )]
    Verify(Verify),
    /// Show which mapping a principal or a token gets, and why not another
    #[command(
        after_help = "Example:\n  iam-bridge explain --config config.yaml arn:aws:sts::111122223333:assumed-role/Dev/alice\n  iam-bridge explain --context prod arn:aws:sts::111122223333:assumed-role/Dev/alice"
    )]
    Explain(Box<Explain>),
    /// Find every fault of configs and mapping files, without a network
    #[command(
        after_help = "Example:\n  iam-bridge check config.yaml -o json\n  iam-bridge check aws-auth.yaml dynamic.json objects/"
    )]
    Check(Check),
    /// Make certificate, key and webhook kubeconfig before the first start
    #[command(after_help = "Example:\n  iam-bridge init --cluster-id prod --hostname localhost")]
    Init(Box<Init>),
    /// Print the version
    #[command(after_help = "Example:\n  iam-bridge version --short")]
    Version(Version),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  iam-bridge completion bash > /etc/bash_completion.d/iam-bridge")]
    Completion(Completion),
    /// Watch the whole path on this machine, with made-up principals: nothing to set up
    #[command(after_help = "Example:\n  iam-bridge demo\n  iam-bridge demo --serve")]
    Demo(Demo),
}

/// Flags of `verify`.
#[derive(Args, Clone, Debug, Default)]
pub struct Verify {
    /// The token, or - to read it from standard input
    #[arg(short, long, value_name = "TOKEN")]
    pub token: Option<SecretString>,

    /// json, or anything else for one line
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,

    /// AWS partition of the token [default: aws]
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
}

/// Flags of `explain`.
#[derive(Args, Clone, Debug, Default)]
pub struct Explain {
    /// An ARN, a token, or - to read either from standard input
    #[arg(value_name = "ARN|TOKEN")]
    pub principal: SecretString,

    /// Unique id of the principal (AROA…, AIDA…), for pinned entries and templates
    #[arg(long, value_name = "ID", alias = "user-id")]
    pub userid: Option<String>,

    /// Session name of the principal [default: that of the ARN]
    #[arg(long, value_name = "NAME")]
    pub session_name: Option<String>,

    /// Access key id of the principal
    #[arg(long, value_name = "ID")]
    pub access_key_id: Option<String>,

    /// Judge as if it were this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,

    /// AWS partition [default: that of the config file]
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,

    /// Sources of mappings, in the order they are asked [default: those of the config file, else AccessEntry, EKSConfigMap and CRD]
    #[arg(long, value_name = "MODES", value_delimiter = ',')]
    pub backend_mode: Vec<String>,

    /// Kubeconfig of the cluster whose mappings are read [default: that of the config file]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; alone, of that which kubectl would take [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// URL of the API server, in the place of the kubeconfig's
    #[arg(long, value_name = "URL")]
    pub master: Option<String>,

    /// How to print it: text or json
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: ReportFormat,
}

/// Flags of `check`.
#[derive(Args, Clone, Debug, Default)]
pub struct Check {
    /// Server configs, aws-auth, dynamic and backend-mode files, IAMIdentityMappings, and directories of them [default: the file of --config]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// List also what behaves differently from aws-iam-authenticator
    #[arg(long)]
    pub compat: bool,

    /// Judge dynamic files by their user ids, as with server.dynamicfileUserIDStrict
    #[arg(long)]
    pub user_id_strict: bool,

    /// How to print it: text or json
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: ReportFormat,
}

/// `-o` of the commands that report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum ReportFormat {
    /// For programs.
    Json,
    /// For people.
    #[default]
    #[value(alias = "table")]
    Text,
}

/// Flags of `version`.
#[derive(Args, Clone, Debug, Default)]
pub struct Version {
    /// The version alone
    #[arg(short, long)]
    pub short: bool,

    /// json or yaml [default: json]
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<String>,
}

/// Flags of `completion`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Flags of `demo`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Demo {
    /// Stay up afterwards, and say how to ask it
    #[arg(long, action = ArgAction::SetTrue)]
    pub serve: bool,

    /// How to print it: text or json
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    pub output: ReportFormat,
}

/// `-o` of the commands that show data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum DataFormat {
    /// For programs.
    Json,
    /// For people.
    #[default]
    #[value(alias = "text")]
    Table,
    /// For programs and people.
    Yaml,
}

/// A switch's value, in the spellings Go's flags take.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}
