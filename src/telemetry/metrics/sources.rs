//! What mapping sources and the look-up of nodes count.

use std::collections::BTreeMap;

use prometheus::{Error, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{Metrics, Resolved, count, counter, counters, gauge, gauges, latency, register, set, whole};
use crate::clock::UnixSeconds;

/// Buckets of `dynamic_e2e_latency_seconds`, in seconds; the reference's.
const DYNAMIC_BUCKETS: [f64; 8] = [1.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0];

/// `source`, as `mapping::SourceKind` spells them: one is counted on every review.
const SOURCES: [&str; 7] =
    ["AccessEntry", "AccessEntryFile", "CRD", "DynamicFile", "EKSAccessEntries", "EKSConfigMap", "MountedFile"];

/// The families.
#[derive(Debug)]
pub(super) struct SourceFamilies {
    stale: IntGaugeVec,
    entries: IntGaugeVec,
    dropped: IntGaugeVec,
    polled: IntGaugeVec,
    loads: IntCounterVec,
    uses: Resolved<IntCounterVec, IntCounter>,
    watch_faults: IntCounterVec,
    schema_incomplete: IntGaugeVec,
    config_map_watch_failures: IntCounter,
    dynamic_file_failures: IntCounter,
    dynamic_latency: HistogramVec,
    dynamic_enabled: IntGauge,
    dynamic_only: IntGauge,
    ec2_calls: IntCounter,
    node_lookups: IntCounterVec,
    node_names: IntGauge,
    eks_calls: IntCounterVec,
    eks_entries: IntGauge,
    eks_skipped: IntGaugeVec,
    eks_last_success: IntGauge,
    policies_unsupported: IntGaugeVec,
}

impl SourceFamilies {
    pub(super) fn new(to: &Registry) -> Result<Self, Error> {
        Ok(Self {
            stale: gauges(
                to,
                "iam_bridge_source_stale",
                "1 while a source serves an older table than its input.",
                &["source"],
            )?,
            entries: gauges(to, "iam_bridge_source_entries", "Entries in a source's table.", &["source"])?,
            dropped: gauges(
                to,
                "iam_bridge_source_dropped_entries",
                "Entries of a source's newest input that are left out for a fault of their own.",
                &["source"],
            )?,
            polled: gauges(
                to,
                "iam_bridge_source_polled",
                "1 while a file is polled each second because its directory cannot be watched.",
                &["source"],
            )?,
            loads: counters(to, "iam_bridge_source_loads_total", "Loads of a source's input.", &["source", "result"])?,
            uses: Resolved::new(
                counters(to, "iam_bridge_source_uses_total", "Callers let in by an entry of a source.", &["source"])?,
                &SOURCES,
            )?,
            watch_faults: counters(
                to,
                "iam_bridge_watch_faults_total",
                "Faults of listing and watching objects at the API server.",
                &["source"],
            )?,
            schema_incomplete: gauges(
                to,
                "iam_bridge_crd_schema_incomplete",
                "1 while the installed CRD drops keys of ours, such as userid, from a source's objects.",
                &["source"],
            )?,
            config_map_watch_failures: counter(
                to,
                "aws_iam_authenticator_configmap_watch_failures_total",
                "Failed watches of the aws-auth ConfigMap.",
            )?,
            dynamic_file_failures: counter(
                to,
                "aws_iam_authenticator_dynamicfile_failures_total",
                "Failures of watching a dynamic file.",
            )?,
            dynamic_latency: register(
                to,
                latency(
                    &DYNAMIC_BUCKETS,
                    "dynamic_e2e_latency_seconds",
                    "Time from a dynamic file's own time stamp to its use.",
                    "type",
                )?,
            )?,
            dynamic_enabled: gauge(
                to,
                "aws_iam_authenticator_dynamic_file_enabled",
                "1 if the dynamic file is one of several sources.",
            )?,
            dynamic_only: gauge(
                to,
                "aws_iam_authenticator_dynamic_file_only",
                "1 if the dynamic file is the only source.",
            )?,
            ec2_calls: counter(
                to,
                "aws_iam_authenticator_ec2_describe_instances_calls_total",
                "Calls of DescribeInstances.",
            )?,
            node_lookups: counters(to, "iam_bridge_node_lookups_total", "Look-ups of nodes by outcome.", &["outcome"])?,
            node_names: gauge(to, "iam_bridge_node_names", "Names of nodes in memory.")?,
            eks_calls: counters(
                to,
                "iam_bridge_eks_calls_total",
                "Calls to EKS for access entries, by operation and class of the answer.",
                &["operation", "code"],
            )?,
            eks_entries: gauge(
                to,
                "iam_bridge_eks_access_entries",
                "Access entries that the mirrored EKS cluster has, by its newest complete list.",
            )?,
            eks_skipped: gauges(
                to,
                "iam_bridge_eks_access_entries_skipped",
                "Access entries of the mirrored EKS cluster that are left out, by class of the fault.",
                &["class"],
            )?,
            eks_last_success: gauge(
                to,
                "iam_bridge_eks_last_success_seconds",
                "Unix time of the newest complete list of the mirrored EKS cluster's access entries.",
            )?,
            policies_unsupported: gauges(
                to,
                "iam_bridge_access_policy_unsupported",
                "Associations with an access policy that this version has no rules for, left out of mirrored entries.",
                &["policy"],
            )?,
        })
    }
}

impl Metrics {
    /// `iam_bridge_source_stale{source}`: 1 while a source serves an older table than its input.
    pub fn source_stale(&self, source: &'static str, stale: bool) {
        set(&self.sources.stale, source, i64::from(stale));
    }

    /// `iam_bridge_source_entries{source}` and `iam_bridge_source_loads_total{source,result}` + 1 with `result="ok"`.
    pub fn source_loaded(&self, source: &'static str, entries: usize) {
        set(&self.sources.entries, source, whole(entries));
        count(&self.sources.loads, &[source, "ok"]);
    }

    /// `iam_bridge_source_loads_total{source,result="error"}` + 1.
    pub fn source_failed(&self, source: &'static str) {
        count(&self.sources.loads, &[source, "error"]);
    }

    /// `iam_bridge_source_polled{source}`: 1 while the file is polled because its directory cannot be watched.
    pub fn source_polled(&self, source: &'static str, polled: bool) {
        set(&self.sources.polled, source, i64::from(polled));
    }

    /// `iam_bridge_source_dropped_entries{source}`: entries of the newest input that are left out.
    pub fn source_dropped(&self, source: &'static str, entries: usize) {
        set(&self.sources.dropped, source, whole(entries));
    }

    /// The source runs no more: its gauges go to 0.
    pub fn source_ended(&self, source: &'static str) {
        for family in [&self.sources.stale, &self.sources.entries, &self.sources.dropped, &self.sources.polled] {
            set(family, source, 0);
        }
    }

    /// `iam_bridge_source_uses_total{source}`: a caller was let in by an entry of the source.
    pub fn source_used(&self, source: &'static str) {
        self.sources.uses.with(source, IntCounter::inc);
    }

    /// `iam_bridge_watch_faults_total{source}`.
    pub fn watch_failed(&self, source: &'static str) {
        count(&self.sources.watch_faults, &[source]);
    }

    /// `iam_bridge_eks_calls_total{operation,code}`; both are closed lists of `aws::EksEntriesError`.
    pub fn eks_called(&self, operation: &'static str, code: &'static str) {
        count(&self.sources.eks_calls, &[operation, code]);
    }

    /// `iam_bridge_eks_access_entries` and `iam_bridge_eks_last_success_seconds`: a list was complete.
    pub fn eks_listed(&self, entries: usize, at: UnixSeconds) {
        self.sources.eks_entries.set(whole(entries));
        self.sources.eks_last_success.set(at.0);
    }

    /// `iam_bridge_eks_access_entries_skipped{class}` and `iam_bridge_access_policy_unsupported{policy}`, whole: what is
    /// not in them goes to 0.
    pub fn eks_left_out(&self, skipped: &BTreeMap<&'static str, usize>, policies: &BTreeMap<&'static str, usize>) {
        for (family, counts) in [(&self.sources.eks_skipped, skipped), (&self.sources.policies_unsupported, policies)] {
            family.reset();
            for (label, number) in counts {
                set(family, label, whole(*number));
            }
        }
    }

    /// `configmap_watch_failures_total`.
    pub fn config_map_watch_failed(&self) {
        self.sources.config_map_watch_failures.inc();
    }

    /// `iam_bridge_crd_schema_incomplete{source}`.
    pub fn crd_schema_incomplete(&self, source: &'static str, incomplete: bool) {
        set(&self.sources.schema_incomplete, source, i64::from(incomplete));
    }

    /// `dynamicfile_failures_total`: a dynamic file cannot be watched.
    pub fn dynamic_file_failed(&self) {
        self.sources.dynamic_file_failures.inc();
    }

    /// `dynamic_e2e_latency_seconds{type}`; type is `dynamic_file` or `dynamic_backend_mode`.
    pub fn dynamic_latency(&self, kind: &'static str, seconds: f64) {
        let _ =
            self.sources.dynamic_latency.get_metric_with_label_values(&[kind]).map(|member| member.observe(seconds));
    }

    /// `dynamic_file_only`, else `dynamic_file_enabled`; both 0 when the dynamic file is no source.
    pub fn dynamic_file(&self, enabled: bool, only: bool) {
        self.sources.dynamic_only.set(i64::from(only));
        self.sources.dynamic_enabled.set(i64::from(enabled && !only));
    }

    /// `ec2_describe_instances_calls_total`.
    pub fn ec2_called(&self) {
        self.sources.ec2_calls.inc();
    }

    /// `iam_bridge_node_lookups_total{outcome}`; outcomes are a closed list of `aws::Ec2Names`.
    pub fn node_looked_up(&self, outcome: &'static str) {
        count(&self.sources.node_lookups, &[outcome]);
    }

    /// `iam_bridge_node_names`: names in memory.
    pub fn node_names(&self, names: u64) {
        self.sources.node_names.set(i64::try_from(names).unwrap_or(i64::MAX));
    }
}
