//! One context of a kubeconfig, with its cluster and user, read as kubectl reads it.
//!
//! Parsing and merging are kube's. An error names file and line, never what stands there: a kubeconfig holds secrets.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use kube::config::{
    AuthInfo, Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode, Kubeconfig, KubeconfigError, NamedCluster,
};

/// Where kubeconfigs are: `--kubeconfig`, `KUBECONFIG`, the home directory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KubeconfigFiles {
    /// In the order in which kubectl merges them; those that do not exist count as empty.
    pub paths: Vec<PathBuf>,
    /// Whether they were named by `--kubeconfig`: then a missing file is an error.
    pub named: bool,
}

/// A context, resolved. Debug shows names only.
#[derive(Clone)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// Namespace it works in, if it names one.
    pub namespace: Option<String>,
    /// Its cluster as the kubeconfig has it.
    pub cluster: NamedCluster,
    /// Name of its user.
    pub user: String,
    /// The plugin of the user, if it has one.
    pub exec: Option<ExecEntry>,
    /// What else the user proves itself with, in words: `client certificate`, `token`, ….
    pub other_credentials: Vec<&'static str>,
}

/// `users[].user.exec` of a kubeconfig. Debug shows no argument and no value of a variable.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct ExecEntry {
    /// `client.authentication.k8s.io/…`; empty when missing.
    pub api_version: String,
    /// The program; one with a slash is absolute, or was made so from the kubeconfig's directory.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables it gets besides the caller's.
    pub env: Vec<(String, String)>,
    /// `Never`, `IfAvailable`, `Always`.
    pub interactive_mode: Option<String>,
    /// What to do when the program is missing.
    pub install_hint: Option<String>,
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
    /// There is no kubeconfig at all.
    #[error("there is no kubeconfig; looked for {}", looked_for(.0))]
    NoFile(Vec<PathBuf>),
    /// No context was named, and none is current.
    #[error("no context is current; name one of {}", listed(known))]
    NoneCurrent {
        /// What there is.
        known: Vec<String>,
    },
    /// The context, or what it names, is not there.
    #[error("{kind} `{name}` is not in the kubeconfig; it holds {}", listed(known))]
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
    /// As kubectl chooses: the flag's file alone, else the list in `KUBECONFIG`, else `.kube/config` at home.
    #[must_use]
    pub fn choose(flag: Option<&Path>, list: Option<&str>, home: Option<&Path>) -> Self {
        if let Some(file) = flag {
            return Self { paths: vec![file.to_owned()], named: true };
        }
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in std::env::split_paths(list.unwrap_or_default()).filter(|path| !path.as_os_str().is_empty()) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            paths.extend(home.map(|home| home.join(".kube").join("config")));
        }
        Self { paths, named: false }
    }

    /// The context of that name, or the current one.
    ///
    /// # Errors
    /// [`ContextError`].
    pub fn context(&self, name: Option<&str>) -> Result<Context, ContextError> {
        let merged = self.merged()?;
        let (name, context, cluster) = context_of(&merged, name)?;
        let user_name = context.user.as_deref().unwrap_or_default();
        let user = user_of(&merged, user_name)?;
        Ok(Context {
            name: name.to_owned(),
            namespace: context.namespace.clone().filter(|namespace| !namespace.is_empty()),
            cluster: cluster.clone(),
            user: user_name.to_owned(),
            exec: user.exec.as_ref().map(ExecEntry::of),
            other_credentials: other_credentials(&user),
        })
    }

    /// The cluster of that context, and all that its user can prove itself with: nothing when it names no user.
    pub(super) fn cluster_and_user(&self, name: Option<&str>) -> Result<(Cluster, AuthInfo), ContextError> {
        let merged = self.merged()?;
        let (_, context, cluster) = context_of(&merged, name)?;
        let user = match context.user.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => user_of(&merged, name)?,
            None => AuthInfo::default(),
        };
        Ok((cluster.cluster.clone().unwrap_or_default(), user))
    }

    /// All files as one. Of two entries with one name the first counts, as a whole.
    fn merged(&self) -> Result<Kubeconfig, ContextError> {
        let mut merged: Option<Kubeconfig> = None;
        for path in &self.paths {
            if !self.named && !path.exists() {
                continue;
            }
            let unreadable = |error: &KubeconfigError| ContextError::Unreadable {
                file: path.display().to_string(),
                why: reason(error),
            };
            let mut file = Kubeconfig::read_from(path).map_err(|error| unreadable(&error))?;
            // An empty name is no current context: the next file may have one.
            file.current_context = file.current_context.filter(|name| !name.is_empty());
            merged = Some(match merged {
                Some(before) => before.merge(file).map_err(|error| unreadable(&error))?,
                None => file,
            });
        }
        merged.ok_or_else(|| ContextError::NoFile(self.paths.clone()))
    }
}

impl Context {
    /// `KUBERNETES_EXEC_INFO` as client-go sets it for the plugin, where nobody can be asked; `None` when the plugin is to
    /// be told a CA that cannot be read.
    #[must_use]
    pub fn exec_info(&self) -> Option<String> {
        let entry = self.exec.as_ref()?;
        let mut spec = serde_json::json!({"interactive": false});
        if entry.provide_cluster_info {
            let cluster = ExecAuthCluster::try_from(self.cluster.cluster.as_ref()?).ok()?;
            let cluster = serde_json::to_value(cluster).ok()?;
            spec.as_object_mut()?.insert("cluster".to_owned(), cluster);
        }
        let info = serde_json::json!({"kind": "ExecCredential", "apiVersion": entry.api_version, "spec": spec});
        Some(info.to_string())
    }
}

impl ExecEntry {
    fn of(exec: &ExecConfig) -> Self {
        let variable = |pair: &std::collections::HashMap<String, String>| {
            Some((pair.get("name")?.clone(), pair.get("value").cloned().unwrap_or_default()))
        };
        let mode = |mode: &ExecInteractiveMode| match mode {
            ExecInteractiveMode::Never => "Never",
            ExecInteractiveMode::IfAvailable => "IfAvailable",
            ExecInteractiveMode::Always => "Always",
        };
        Self {
            api_version: exec.api_version.clone().unwrap_or_default(),
            command: exec.command.clone().unwrap_or_default(),
            args: exec.args.clone().unwrap_or_default(),
            env: exec.env.iter().flatten().filter_map(variable).collect(),
            interactive_mode: exec.interactive_mode.as_ref().map(mode).map(str::to_owned),
            install_hint: exec.install_hint.clone().filter(|hint| !hint.trim().is_empty()),
            provide_cluster_info: exec.provide_cluster_info,
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("name", &self.name)
            .field("cluster", &self.cluster.name)
            .field("user", &self.user)
            .field("exec", &self.exec)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExecEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ExecEntry")
            .field("api_version", &self.api_version)
            .field("command", &self.command)
            .field("env", &variables)
            .finish_non_exhaustive()
    }
}

/// A context with its name and its cluster.
fn context_of<'m>(
    merged: &'m Kubeconfig,
    name: Option<&'m str>,
) -> Result<(&'m str, &'m kube::config::Context, &'m NamedCluster), ContextError> {
    let all = || names(merged.contexts.iter().map(|context| &context.name));
    let current = merged.current_context.as_deref().filter(|name| !name.is_empty());
    let Some(name) = name.or(current) else { return Err(ContextError::NoneCurrent { known: all() }) };
    let context = merged.contexts.iter().find(|context| context.name == name);
    let context = context.and_then(|named| named.context.as_ref()).ok_or_else(|| missing("context", name, all()))?;
    let cluster = merged.clusters.iter().find(|cluster| cluster.name == context.cluster);
    let cluster = cluster.filter(|named| named.cluster.is_some()).ok_or_else(|| {
        missing("cluster", &context.cluster, names(merged.clusters.iter().map(|cluster| &cluster.name)))
    })?;
    Ok((name, context, cluster))
}

fn user_of(merged: &Kubeconfig, name: &str) -> Result<AuthInfo, ContextError> {
    let user = merged.auth_infos.iter().find(|user| user.name == name);
    let user = user.ok_or_else(|| missing("user", name, names(merged.auth_infos.iter().map(|user| &user.name))))?;
    Ok(user.auth_info.clone().unwrap_or_default())
}

fn missing(kind: &'static str, name: &str, known: Vec<String>) -> ContextError {
    ContextError::NotFound { kind, name: name.to_owned(), known }
}

fn other_credentials(user: &AuthInfo) -> Vec<&'static str> {
    [
        (user.client_certificate.is_some() || user.client_certificate_data.is_some(), "client certificate"),
        (user.token.is_some() || user.token_file.is_some(), "token"),
        (user.username.is_some(), "password"),
        (user.auth_provider.is_some(), "auth provider"),
    ]
    .into_iter()
    .filter_map(|(is_there, words)| is_there.then_some(words))
    .collect()
}

/// Why, without a byte of the file: kube quotes the lines around a fault, and they may hold a token.
fn reason(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(fault) => match fault.location() {
            Some(place) => {
                format!("line {}, column {} is not what a kubeconfig holds there", place.line(), place.column())
            }
            None => "it is not a kubeconfig in YAML or JSON".to_owned(),
        },
        other => other.source().map_or_else(|| other.to_string(), ToString::to_string),
    }
}

fn names<'n>(names: impl Iterator<Item = &'n String>) -> Vec<String> {
    names.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}

fn looked_for(paths: &[PathBuf]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    if quoted.is_empty() {
        "KUBECONFIG and the home directory, which are not set".to_owned()
    } else {
        quoted.join(", ")
    }
}
