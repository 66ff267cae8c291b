//! What the plugin of a kubeconfig context would do: its command line, with what was typed put over it.

use super::env::Env;
use super::exec_entry::{self, ExecEntryError, PluginCall};
use super::flags::{GetToken, Global, Keys, TokenCache};
use super::get_token::{PlanError, plan};
use crate::get_token::Settings;
use crate::kubernetes::Context;

/// Why it is not known what a context's plugin would do.
#[derive(Debug, thiserror::Error)]
pub enum ContextPlanError {
    /// The user has no plugin.
    #[error("user `{0}` of the kubeconfig has no exec plugin")]
    NoPlugin(String),
    /// The plugin is not understood.
    #[error(transparent)]
    Entry(#[from] ExecEntryError),
    /// Its command line makes no sense.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// The call of the context's plugin.
///
/// # Errors
/// [`ContextPlanError::NoPlugin`], [`ContextPlanError::Entry`].
pub fn plugin_call(context: &Context) -> Result<PluginCall, ContextPlanError> {
    let entry = context.exec.as_ref().ok_or_else(|| ContextPlanError::NoPlugin(context.user.clone()))?;
    Ok(exec_entry::parse(&entry.command, &entry.args)?)
}

/// Settings for a token as the plugin makes it; kept nowhere. Each flag that was typed wins over the plugin's.
///
/// # Errors
/// [`ContextPlanError`].
pub fn settings(context: &Context, global: &Global, keys: &Keys, env: &Env) -> Result<Settings, ContextPlanError> {
    let call = match plugin_call(context) {
        Ok(call) => Some(call),
        // Who says for which cluster a token is to be made needs no plugin to say it.
        Err(_) if global.cluster_id.is_some() => None,
        Err(error) => return Err(error),
    };
    let (planned, flags) = call.map(|call| (call.global, call.flags)).unwrap_or_default();
    let global = Global {
        config: global.config.clone().or(planned.config),
        cluster_id: global.cluster_id.clone().or(planned.cluster_id),
        ..global.clone()
    };
    let flags = GetToken {
        keys: keys.over(flags.keys),
        token_cache: TokenCache { no_cache: Some(true), ..flags.token_cache },
        ..GetToken::default()
    };
    Ok(plan(&global, &flags, env)?.settings)
}
