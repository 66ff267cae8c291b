//! Access policies as RBAC objects, kept by server-side apply.
//!
//! ```text
//! Chain ──grants──▶ desired ◀── namespaces          RoleBindings there are ──▶ apply · prune · report
//! ```
//!
//! What is desired is a function of the entries and the namespaces alone; who holds the Lease writes it. Every write is an
//! apply of the same content, so that two who think they hold it do no harm. Nothing here has a part in who gets in.

mod brake;
mod desired;
mod faults;
mod fixed;
mod inputs;
mod keeper;
mod observed;
mod outcomes;
mod pass;
mod readiness;
mod writer;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;

pub use desired::role_bindings;
pub use fixed::access_policies_yaml;

use crate::clock::Clock;
use crate::kubernetes::ClusterAccess;
use crate::live::{Live, Publisher};
use crate::mapping::{AccessPolicyMode, Chain, PolicyReadiness, PolicyState};
use crate::rbac::AccessPolicy;
use crate::telemetry::Metrics;
use inputs::Inputs;
use keeper::Keeper;

/// `server.accessPolicies`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PolicySettings {
    /// `mode`
    pub mode: AccessPolicyMode,
    /// `namespaceScope`: whether RoleBindings are written. Without it they come from elsewhere, or grants for namespaces reach nobody.
    pub namespace_scope: bool,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { mode: AccessPolicyMode::Rbac, namespace_scope: true }
    }
}

/// Keeps the objects until it is dropped. With mode `off`, or without `namespaceScope`, it says so and ends; before any
/// source yields access entries it waits. Until then the API server is not asked for anything.
pub async fn run(
    settings: PolicySettings,
    cluster: ClusterAccess,
    chain: Live<Chain>,
    readiness: Publisher<PolicyReadiness>,
    metrics: Arc<Metrics>,
    clock: Clock,
) {
    let elsewhere = !settings.namespace_scope;
    readiness.publish(PolicyReadiness { mode: settings.mode, elsewhere, ..PolicyReadiness::default() });
    if settings.mode == AccessPolicyMode::Off || elsewhere {
        return;
    }
    let mut inputs = Inputs::new(chain);
    while !inputs.has_source() {
        inputs.changed().await;
    }
    let readiness = Arc::new(readiness);
    let keep = Keeper::new(Arc::clone(&readiness), metrics, clock).run(&cluster, inputs);
    if AssertUnwindSafe(keep).catch_unwind().await.is_err() {
        tracing::error!(
            "the keeping of access policies ended in a panic; RoleBindings stay as they are until a restart"
        );
        let why = PolicyState::Pending("their keeper ended in a panic; restart the server and report it".to_owned());
        let states = AccessPolicy::ALL.into_iter().map(|policy| (policy, why.clone())).collect();
        readiness.publish(PolicyReadiness { mode: settings.mode, elsewhere, states });
    }
}
