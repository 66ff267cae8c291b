//! kubectl's own list of plugins that it may run, since Kubernetes 1.35: `credentialPluginPolicy` of a kuberc.
//!
//! Source: kubectl 0.36, `pkg/kuberc`, and client-go's exec.go: an entry matches the command as it is written, or when
//! both lead to the same file.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::programs;
use crate::config::env::{self, Env};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Preference {
    credential_plugin_policy: Option<String>,
    credential_plugin_allowlist: Option<Vec<AllowlistEntry>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AllowlistEntry {
    /// The older name of `command`.
    name: Option<String>,
    command: Option<String>,
}

/// What kubectl's policy says about a plugin.
#[derive(Debug, Eq, PartialEq)]
pub enum Ruling {
    /// It may run; there is a policy that says so.
    Allowed(PathBuf),
    /// It may not.
    Denied {
        /// The kuberc.
        file: PathBuf,
        /// What it says.
        why: String,
    },
    /// There is no policy.
    Silent,
    /// A kuberc that kubectl passes over with a warning.
    Unreadable(PathBuf),
}

/// Asks the kuberc about `command`, which runs `program`.
#[must_use]
pub fn ask(environment: &Env, command: &str, program: Option<&Path>) -> Ruling {
    let Some(file) = place(environment) else { return Ruling::Silent };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ruling::Silent,
        Err(_) => return Ruling::Unreadable(file),
    };
    let Ok(preference) = serde_saphyr::from_str::<Preference>(&text) else { return Ruling::Unreadable(file) };
    let denied = |why: String| Ruling::Denied { file: file.clone(), why };
    match preference.credential_plugin_policy.as_deref() {
        None | Some("") => Ruling::Silent,
        Some("AllowAll") => Ruling::Allowed(file),
        Some("DenyAll") => denied("credentialPluginPolicy is DenyAll".to_owned()),
        Some("Allowlist") => {
            let entries = preference.credential_plugin_allowlist.unwrap_or_default();
            let path = environment.path.as_deref();
            let names = |listed: &str| {
                listed == command || programs::find(listed, path).is_some_and(|listed| Some(&*listed) == program)
            };
            let matches = |entry: &AllowlistEntry| {
                let mut listed =
                    [&entry.name, &entry.command].into_iter().flatten().filter(|text| !text.is_empty()).peekable();
                listed.peek().is_some() && listed.all(|listed| names(listed))
            };
            if entries.iter().any(matches) {
                Ruling::Allowed(file)
            } else {
                denied("credentialPluginAllowlist does not name it".to_owned())
            }
        }
        Some(other) => denied(format!("credentialPluginPolicy `{other}` is none that kubectl knows")),
    }
}

fn place(environment: &Env) -> Option<PathBuf> {
    match environment.kuberc.as_deref() {
        Some("off") => None,
        _ if env::holds("KUBECTL_KUBERC", "false") => None,
        Some(file) => Some(PathBuf::from(file)),
        None => environment.home.as_ref().map(|home| home.join(".kube").join("kuberc")),
    }
}
