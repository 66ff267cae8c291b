//! What the RBAC objects of access policies count.

use prometheus::{Error, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{Metrics, count, counter, counters, gauge, gauges, set, whole};

/// The families.
#[derive(Debug)]
pub(super) struct PolicyFamilies {
    bindings: IntGauge,
    open: IntGauge,
    held: IntGauge,
    brakes: IntCounter,
    drift: IntGaugeVec,
    missing: IntGaugeVec,
    ready: IntGaugeVec,
    names_taken: IntGauge,
    repairs: IntCounter,
    writes: IntCounterVec,
    faults: IntCounterVec,
    leads: IntGauge,
    file_differs: IntGauge,
}

impl PolicyFamilies {
    pub(super) fn new(to: &Registry) -> Result<Self, Error> {
        Ok(Self {
            bindings: gauge(to, "iam_bridge_access_policy_bindings", "RoleBindings that bear our labels.")?,
            open: gauge(
                to,
                "iam_bridge_access_policy_open_writes",
                "RoleBindings that the newest pass found to be written, deleted or looked at.",
            )?,
            held: gauge(
                to,
                "iam_bridge_access_policy_held_deletions",
                "RoleBindings that are not deleted before a later pass agrees.",
            )?,
            brakes: counter(
                to,
                "iam_bridge_access_policy_brakes_total",
                "Passes that were kept from deleting most RoleBindings.",
            )?,
            drift: gauges(
                to,
                "iam_bridge_access_policy_drift",
                "1 while a ClusterRole or its ClusterRoleBinding is not what is shipped.",
                &["policy"],
            )?,
            missing: gauges(
                to,
                "iam_bridge_access_policy_missing",
                "1 while a ClusterRole or its ClusterRoleBinding is not there.",
                &["policy"],
            )?,
            ready: gauges(
                to,
                "iam_bridge_access_policy_ready",
                "1 while the objects of a policy are what they should be.",
                &["policy"],
            )?,
            names_taken: gauge(
                to,
                "iam_bridge_access_policy_names_taken",
                "Namespaces and policies whose name an object of somebody else bears.",
            )?,
            repairs: counter(
                to,
                "iam_bridge_access_policy_repairs_total",
                "RoleBindings of ours that somebody has changed or deleted.",
            )?,
            writes: counters(
                to,
                "iam_bridge_access_policy_writes_total",
                "Calls about one RoleBinding, by operation and result.",
                &["operation", "result"],
            )?,
            faults: counters(
                to,
                "iam_bridge_access_policy_faults_total",
                "Faults that keep RoleBindings from being kept up.",
                &["what"],
            )?,
            leads: gauge(to, "iam_bridge_access_policy_leads", "1 while this replica writes the RoleBindings.")?,
            file_differs: gauge(
                to,
                "iam_bridge_access_policy_file_differs",
                "1 while the replica that writes reads another AccessEntryFile.",
            )?,
        })
    }
}

impl Metrics {
    /// `iam_bridge_access_policy_bindings`, `…_open_writes` and `…_held_deletions`.
    pub fn access_policy_bindings(&self, there: usize, open: usize, held: usize) {
        self.policies.bindings.set(whole(there));
        self.policies.open.set(whole(open));
        self.policies.held.set(whole(held));
    }

    /// `iam_bridge_access_policy_brakes_total`.
    pub fn access_policy_braked(&self) {
        self.policies.brakes.inc();
    }

    /// `iam_bridge_access_policy_missing{policy}` and `…_drift{policy}`.
    pub fn access_policy_fixed(&self, policy: &'static str, missing: bool, differs: bool) {
        set(&self.policies.missing, policy, i64::from(missing));
        set(&self.policies.drift, policy, i64::from(differs));
    }

    /// `iam_bridge_access_policy_ready{policy}`.
    pub fn access_policy_ready(&self, policy: &'static str, ready: bool) {
        set(&self.policies.ready, policy, i64::from(ready));
    }

    /// `iam_bridge_access_policy_names_taken`.
    pub fn access_policy_names_taken(&self, taken: usize) {
        self.policies.names_taken.set(whole(taken));
    }

    /// `iam_bridge_access_policy_repairs_total`.
    pub fn access_policy_repaired(&self) {
        self.policies.repairs.inc();
    }

    /// `iam_bridge_access_policy_writes_total{operation,result}`: `apply`, `delete` or `get`; `ok`, `conflict` or `error`.
    pub fn access_policy_wrote(&self, operation: &'static str, result: &'static str) {
        count(&self.policies.writes, &[operation, result]);
    }

    /// `iam_bridge_access_policy_faults_total{what}`: `access`, `namespaces`, `rolebindings` or `writes`.
    pub fn access_policy_failed(&self, what: &'static str) {
        count(&self.policies.faults, &[what]);
    }

    /// `iam_bridge_access_policy_leads`.
    pub fn access_policy_leads(&self, leads: bool) {
        self.policies.leads.set(i64::from(leads));
    }

    /// `iam_bridge_access_policy_file_differs`.
    pub fn access_policy_file_differs(&self, differs: bool) {
        self.policies.file_differs.set(i64::from(differs));
    }
}
