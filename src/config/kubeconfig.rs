//! What `kubeconfig` is to write: which job was typed, and the entries that follow from it. Names of clusters, contexts
//! and users: `docs/reference/kubeconfig.md`.

use std::path::PathBuf;

use super::exec_entry::{self, ExecEntryError, Plugin, PluginCall, write_args};
use super::flags::{ExecVersion, GetToken, Global, Keys, Kubeconfig, TokenCache};
use crate::aws::EksCluster;
use crate::kubeconfig::{Change, ExecEntry, ExecUser};

/// What a client shows when the program is missing.
const INSTALL_HINT: &str = "iam-bridge gets the tokens for this cluster and was not found: put it on PATH, or write its \
                            full path here with `iam-bridge kubeconfig --absolute-path`";

/// The reference's variable for the cluster id; an entry may set it.
const CLUSTER_ID_VARIABLE: &str = "KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID";

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Job<'f> {
    /// `--convert`, with the context.
    Convert(&'f str),
    /// `--eks`, with the cluster's name.
    Eks(&'f str),
    /// `--revert`, with the context.
    Revert(&'f str),
    /// `--server`, with the URL.
    Server(&'f str),
    /// `--user-only`
    UserOnly,
}

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// Nothing was asked for.
    #[error("say what to write: --eks NAME, --server URL, --user-only, --convert CONTEXT or --revert CONTEXT")]
    NoJob,
    /// No cluster id anywhere.
    #[error("no cluster id is given: it is part of each token; give --cluster-id ID")]
    NoClusterId,
    /// No region anywhere.
    #[error("no region is set, and none is guessed; give --region R or set AWS_REGION")]
    NoRegion,
    /// A flag that this job has no use for.
    #[error("{flag} says nothing with {job}; leave it out")]
    Useless {
        /// The flag.
        flag: &'static str,
        /// The job's flag.
        job: &'static str,
    },
    /// The URL is none.
    #[error("`{0}` is no URL of an API server; expected https://HOST[:PORT]")]
    BadServer(String),
    /// The context's user has no plugin, or one that is not known.
    #[error("user `{user}` cannot be converted: {why}")]
    NotConvertible {
        /// The user.
        user: String,
        /// Why.
        why: String,
    },
}

impl WishError {
    /// Whether the command line is at fault.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::NotConvertible { .. })
    }
}

/// What was typed.
///
/// # Errors
/// [`WishError`].
pub fn job(flags: &Kubeconfig) -> Result<Job<'_>, WishError> {
    let chosen = (&flags.eks, &flags.server, flags.user_only, &flags.convert, &flags.revert);
    let (job, word) = match chosen {
        (_, _, _, _, Some(context)) => (Job::Revert(context), "--revert"),
        (_, _, _, Some(context), _) => (Job::Convert(context), "--convert"),
        (_, _, true, _, _) => (Job::UserOnly, "--user-only"),
        (_, Some(server), ..) => (Job::Server(server), "--server"),
        (Some(name), ..) => (Job::Eks(name), "--eks"),
        _ => return Err(WishError::NoJob),
    };
    if let Job::Server(url) = job {
        let uri: Option<http::Uri> = url.parse().ok();
        if !uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()) {
            return Err(WishError::BadServer(url.to_owned()));
        }
    }
    let has_context = matches!(job, Job::Eks(_) | Job::Server(_));
    let names_entry = has_context || job == Job::UserOnly;
    for (flag, is_typed, is_useful) in [
        ("--context", flags.context.is_some(), names_entry),
        ("--user", flags.user.is_some(), names_entry),
        ("--namespace", flags.namespace.is_some(), has_context),
        ("--use", flags.use_context, job != Job::UserOnly),
        ("--absolute-path", flags.absolute_path, !matches!(job, Job::Revert(_))),
        ("--api-version", flags.api_version.is_some(), !matches!(job, Job::Revert(_))),
    ] {
        if is_typed && !is_useful {
            return Err(WishError::Useless { flag, job: word });
        }
    }
    Ok(job)
}

/// Name and region of a cluster that may be given as `arn:aws:eks:REGION:ACCOUNT:cluster/NAME`.
#[must_use]
pub fn eks_name(typed: &str) -> (&str, Option<&str>) {
    let mut sections = typed.splitn(6, ':').skip(3);
    let (region, name) = (sections.next(), sections.nth(1).and_then(|resource| resource.strip_prefix("cluster/")));
    match name {
        Some(name) if typed.starts_with("arn:") => (name, region),
        _ => (typed, None),
    }
}

/// The region of a cluster, from where EKS says it: its server's host, or its ARN as the name of an entry.
#[must_use]
pub fn region_of(server: Option<&str>, cluster_entry: &str) -> Option<String> {
    let uri: Option<http::Uri> = server.and_then(|server| server.parse().ok());
    let labels: Vec<&str> = uri.as_ref().and_then(http::Uri::host).unwrap_or_default().split('.').collect();
    let by_host = labels.windows(3).find_map(|labels| match labels {
        [region, "eks", "amazonaws"] | ["eks-cluster", region, "api"] => Some(*region),
        _ => None,
    });
    by_host.or_else(|| eks_name(cluster_entry).1).map(str::to_owned)
}

/// What the exec entry has to know besides the flags.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The program as it is to be called.
    pub command: String,
    /// Somebody will have to type a code.
    pub asks_for_mfa: bool,
}

/// The plugin's entry. `global` and `keys` hold cluster id and region as they are to be written.
#[must_use]
pub fn exec_user(flags: &Kubeconfig, global: &Global, keys: &Keys, circumstances: &Circumstances) -> ExecUser {
    let mut keys = keys.clone();
    let env = match keys.profile.take_if(|_| flags.profile_env) {
        Some(profile) => vec![("AWS_PROFILE".to_owned(), profile)],
        None => Vec::new(),
    };
    if circumstances.asks_for_mfa {
        // Or each kubectl run would ask.
        keys.cache.get_or_insert(true);
    }
    let token_cache = TokenCache { no_cache: flags.no_cache.then_some(true), ..TokenCache::default() };
    let call = GetToken { keys, token_cache, ..GetToken::default() };
    ExecUser { env, ..entry(flags, write_args(global, &call), circumstances) }
}

fn entry(flags: &Kubeconfig, args: Vec<String>, circumstances: &Circumstances) -> ExecUser {
    ExecUser {
        api_version: match flags.api_version.unwrap_or_default() {
            ExecVersion::V1 => "client.authentication.k8s.io/v1".to_owned(),
            ExecVersion::V1beta1 => "client.authentication.k8s.io/v1beta1".to_owned(),
        },
        command: circumstances.command.clone(),
        args,
        env: Vec::new(),
        interactive_mode: if circumstances.asks_for_mfa { "IfAvailable" } else { "Never" }.to_owned(),
        provide_cluster_info: flags.provide_cluster_info,
        install_hint: INSTALL_HINT.to_owned(),
    }
}

/// A user's plugin call, with what was typed put over it.
#[derive(Debug)]
pub struct Conversion {
    /// Whose words it was.
    pub plugin: Plugin,
    /// Flags of the AWS CLI that have no counterpart.
    pub notes: Vec<String>,
    global: Global,
    flags: GetToken,
    env: Vec<(String, String)>,
}

impl Conversion {
    /// Of the user `name` with the plugin `exec`.
    ///
    /// # Errors
    /// [`WishError::NotConvertible`], [`WishError::NoClusterId`].
    pub fn of(name: &str, exec: Option<&ExecEntry>, flags: &Kubeconfig, global: &Global) -> Result<Self, WishError> {
        let refuse = |why: String| WishError::NotConvertible { user: name.to_owned(), why };
        let exec = exec.ok_or_else(|| refuse("it has no exec plugin".to_owned()))?;
        let PluginCall { plugin, global: old, flags: mut call, notes } =
            exec_entry::parse(&exec.command, &exec.args).map_err(|error: ExecEntryError| refuse(error.to_string()))?;
        call.keys = flags.keys.over(call.keys);
        call.token_cache.no_cache = flags.no_cache.then_some(true).or(call.token_cache.no_cache);
        let global = Global {
            config: global.config.clone().or(old.config),
            cluster_id: global.cluster_id.clone().or(old.cluster_id),
            log_format: global.log_format.clone().or(old.log_format),
            log_verbosity: global.log_verbosity.clone().or(old.log_verbosity),
            feature_gates: if global.feature_gates.is_empty() {
                old.feature_gates
            } else {
                global.feature_gates.clone()
            },
        };
        let is_named_elsewhere =
            exec.env.iter().any(|(name, _)| name == CLUSTER_ID_VARIABLE) || global.config.is_some();
        if global.cluster_id.is_none() && !is_named_elsewhere {
            return Err(WishError::NoClusterId);
        }
        Ok(Self { plugin, notes, global, flags: call, env: exec.env.clone() })
    }

    /// Flags of every command, as they were or were typed.
    #[must_use]
    pub const fn global(&self) -> &Global {
        &self.global
    }

    /// Whose keys, as it was or was typed.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.flags.keys
    }

    /// A variable that the entry sets.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        let last = self.env.iter().rev().find(|(known, _)| known == name);
        last.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The entry: arguments as they were, with `region` where none was said. Its variables stay.
    #[must_use]
    pub fn exec_user(mut self, flags: &Kubeconfig, region: Option<String>, circumstances: &Circumstances) -> ExecUser {
        let keys = &mut self.flags.keys;
        keys.region = keys.region.take().or(region);
        if circumstances.asks_for_mfa {
            keys.cache.get_or_insert(true);
        }
        let mut env = Vec::new();
        if let Some(profile) = keys.profile.take_if(|_| flags.profile_env) {
            env = self.env;
            env.retain(|(name, _)| name != "AWS_PROFILE");
            env.push(("AWS_PROFILE".to_owned(), profile));
        }
        ExecUser { env, ..entry(flags, write_args(&self.global, &self.flags), circumstances) }
    }
}

/// Where the entries of a new context go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Names {
    /// `clusters[].name`
    pub cluster: String,
    /// `contexts[].name`
    pub context: String,
    /// `users[].name`
    pub user: String,
}

impl Names {
    /// For a cluster that EKS described: the context is called as the cluster, the cluster entry by its ARN as the AWS
    /// CLI calls it, so that both write the same one.
    #[must_use]
    pub fn of_eks(flags: &Kubeconfig, cluster: &EksCluster) -> Self {
        let context = flags.context.clone().unwrap_or_else(|| cluster.name.clone());
        let user = flags.user.clone().unwrap_or_else(|| context.clone());
        Self { cluster: cluster.arn.clone(), context, user }
    }

    /// For any other: all three are called as the context, or as the cluster id.
    #[must_use]
    pub fn of_server(flags: &Kubeconfig, cluster_id: &str) -> Self {
        let context = flags.context.clone().unwrap_or_else(|| cluster_id.to_owned());
        let user = flags.user.clone().unwrap_or_else(|| context.clone());
        Self { cluster: context.clone(), context, user }
    }

    /// The changes that make a context.
    #[must_use]
    pub fn changes(self, server: &str, ca: Option<String>, exec: ExecUser, flags: &Kubeconfig) -> Vec<Change> {
        let Self { cluster, context, user } = self;
        let namespace = flags.namespace.clone();
        let mut changes = vec![
            Change::Cluster { name: cluster.clone(), server: server.to_owned(), certificate_authority_data: ca },
            Change::User { name: user.clone(), exec },
            Change::Context { name: context.clone(), cluster, user, namespace },
        ];
        changes.extend(flags.use_context.then_some(Change::UseContext(context)));
        changes
    }
}

/// The cluster id that was typed, or is in the environment.
///
/// # Errors
/// [`WishError::NoClusterId`].
pub fn cluster_id(global: &Global, environment: Option<&String>) -> Result<String, WishError> {
    let id = global.cluster_id.as_ref().or(environment).filter(|id| !id.is_empty());
    id.cloned().ok_or(WishError::NoClusterId)
}

/// The CA as a kubeconfig holds it.
///
/// # Errors
/// Why the file is no CA.
pub fn certificate_authority(path: &PathBuf) -> Result<String, String> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let file = path.display();
    let pem = std::fs::read(path).map_err(|error| format!("CA file `{file}` cannot be read: {error}"))?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(Ok(_)) => Ok(STANDARD.encode(pem)),
        _ => Err(format!("`{file}` holds no certificate in PEM; expected `-----BEGIN CERTIFICATE-----`")),
    }
}
