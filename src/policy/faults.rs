//! What keeps RoleBindings from being kept up, told once.

use crate::telemetry::Metrics;

/// What keeps all of it from going on, each told once.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) access: Option<String>,
    pub(super) bindings: Option<String>,
    pub(super) namespaces: Option<String>,
    pub(super) writes: Option<String>,
}

/// Tells once why it does not go on.
pub(super) fn tell(fault: &mut Option<String>, why: String, metrics: &Metrics, what: &'static str) {
    metrics.access_policy_failed(what);
    if fault.as_ref() != Some(&why) {
        tracing::warn!(
            what,
            error = why,
            "RoleBindings of access policies are not kept up, which keeps nobody from logging in"
        );
    }
    *fault = Some(why);
}

pub(super) fn recovered(fault: &mut Option<String>, what: &'static str) {
    if fault.take().is_some() {
        tracing::info!(what, "RoleBindings of access policies are kept up again");
    }
}
