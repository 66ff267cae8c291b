//! What all checks look at: the context, what its plugin would do, and whose keys that takes.

use std::path::PathBuf;

use super::Options;
use super::programs;
use crate::config::context::{self, ContextPlanError};
use crate::config::exec_entry::PluginCall;
use crate::config::flags::Keys;
use crate::config::get_token::{self, PlanError};
use crate::get_token::KeySettings;
use crate::kubernetes::{Context, ContextError, ExecEntry, KubeconfigFiles};
use crate::token::ClusterId;

/// Everything that is known before the first check.
#[derive(Debug)]
pub(super) struct Scene<'o> {
    pub(super) options: &'o Options,
    /// The context, or why there is none.
    pub(super) kubeconfig: Result<Context, ContextError>,
    /// The plugin's command line; `None` without a plugin.
    pub(super) call: Option<Result<PluginCall, ContextPlanError>>,
    /// Why the plugin's command line makes no settings, where it could be read.
    pub(super) plan_fault: Option<PlanError>,
    /// The plugin's program, where it was found.
    pub(super) program: Option<PathBuf>,
    /// Whose keys: the plugin's, else those of this environment.
    pub(super) keys: Result<KeySettings, PlanError>,
    /// For which cluster tokens are made, if that is known.
    pub(super) cluster_id: Option<ClusterId>,
}

impl<'o> Scene<'o> {
    /// Looks around; no network, no other process.
    pub(super) fn look(options: &'o Options) -> Self {
        let Options { context: name, kubeconfig, global, env, .. } = options;
        let files = KubeconfigFiles::choose(kubeconfig.as_deref(), env.kubeconfig.as_deref(), env.home.as_deref());
        let kubeconfig = files.context(name.as_deref());
        let typed = Keys::default();
        let here = kubeconfig.as_ref().ok();
        let settings = here.map(|here| context::settings(here, global, &typed, env));
        let (keys, cluster_id, plan_fault) = match settings {
            Some(Ok(settings)) => (Ok(settings.keys), Some(settings.cluster_id), None),
            other => {
                let fault = match other {
                    Some(Err(ContextPlanError::Plan(fault))) => Some(fault),
                    _ => None,
                };
                let cluster_id = global.cluster_id.as_ref().or(env.cluster_id.as_ref());
                let cluster_id = cluster_id.and_then(|id| ClusterId::parse(id).ok());
                (get_token::keys(global, &typed, env), cluster_id, fault)
            }
        };
        let entry = here.and_then(|here| here.exec.as_ref());
        Self {
            options,
            call: here.filter(|here| here.exec.is_some()).map(context::plugin_call),
            plan_fault,
            program: entry.and_then(|entry| programs::find(&entry.command, env.path.as_deref())),
            keys,
            cluster_id,
            kubeconfig,
        }
    }

    /// The context, if there is one.
    pub(super) fn context(&self) -> Option<&Context> {
        self.kubeconfig.as_ref().ok()
    }

    /// Its plugin, if it has one.
    pub(super) fn entry(&self) -> Option<&ExecEntry> {
        self.context()?.exec.as_ref()
    }

    /// Whether there is no kubeconfig and none was asked for: then the cluster is not what is looked at.
    pub(super) fn has_no_kubeconfig(&self) -> bool {
        matches!(self.kubeconfig, Err(ContextError::NoFile(_))) && self.options.context.is_none()
    }

    /// Why what needs a context is skipped; `None` when there is one.
    pub(super) fn why_no_context(&self) -> Option<&'static str> {
        match &self.kubeconfig {
            Ok(_) => None,
            Err(_) if self.has_no_kubeconfig() => Some("there is no kubeconfig"),
            Err(_) => Some("the kubeconfig gives no context"),
        }
    }
}
