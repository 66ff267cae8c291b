//! Every metric the server has, in one catalogue.
//!
//! `aws_iam_authenticator_*` as in the reference; ours `iam_bridge_<noun>_<unit|total>`. Label values come from
//! closed sets, never from a caller's text. What a review touches is resolved once, so that an observation is a
//! few atomic additions.

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::clock::UnixSeconds;

/// Buckets of `authenticate_latency_seconds`, in seconds; the reference's.
const LATENCY_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Buckets of `dynamic_e2e_latency_seconds`, in seconds; the reference's.
const DYNAMIC_BUCKETS: [f64; 8] = [1.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0];

/// `result` of `authenticate_latency_seconds`: the reference's (with its spelling), and `overloaded`.
const RESULTS: [&str; 7] =
    ["success", "malformed_request", "invalid_token", "sts_error", "sts_throttling", "uknown_user", "overloaded"];

/// `outcome` of the identity cache: labels of `authenticator::Recall`, and `negative`.
const OUTCOMES: [&str; 7] = ["fresh", "missed", "negative", "revalidated", "shared", "stale", "stale_if_error"];

/// The catalogue.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    authenticate_latency: Resolved<HistogramVec, Histogram>,
    denials: IntCounterVec,
    sts_connection_failures: IntCounterVec,
    sts_responses: IntCounterVec,
    sts_throttling: IntCounterVec,
    sts_connections: IntCounter,
    sts_calls_in_flight: IntGauge,
    sts_overloaded: IntCounter,
    sts_breaker_open: IntGaugeVec,
    sts_contradictions: IntCounter,
    identity_cache: Resolved<IntCounterVec, IntCounter>,
    identity_cache_entries: IntGauge,
    revalidations: IntCounterVec,
    source_stale: IntGaugeVec,
    source_entries: IntGaugeVec,
    source_loads: IntCounterVec,
    certificate_not_after: IntGauge,
    connections: IntGauge,
    connections_refused: IntCounterVec,
    panics: IntCounter,
}

/// A family whose members are looked up by a handful of known words instead of by hashing.
#[derive(Debug)]
struct Resolved<F, M> {
    family: F,
    members: Vec<(&'static str, M)>,
}

impl Metrics {
    /// All families, registered.
    ///
    /// # Errors
    /// When a family is registered twice: a fault of this file.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let to = &registry;
        register_what_later_sources_count(to)?;
        register_process(to)?;
        Ok(Self {
            authenticate_latency: Resolved::new(
                register(to, latency(&LATENCY_BUCKETS, "authenticate_latency_seconds", "result")?)?,
                &RESULTS,
            )?,
            denials: counters(to, "iam_bridge_denials_total", "Refused reviews by reason code.", &["reason"])?,
            sts_connection_failures: counters(
                to,
                "aws_iam_authenticator_sts_connection_failures_total",
                "Calls to STS that got no answer.",
                &["StsRegion"],
            )?,
            sts_responses: counters(
                to,
                "aws_iam_authenticator_sts_responses_total",
                "Answers of STS by status.",
                &["ResponseCode", "StsRegion"],
            )?,
            sts_throttling: counters(
                to,
                "aws_iam_authenticator_sts_throttling_total",
                "Answers of STS that asked to slow down.",
                &["StsRegion"],
            )?,
            sts_connections: counter(to, "iam_bridge_sts_connections_total", "Connections opened to STS.")?,
            sts_calls_in_flight: gauge(to, "iam_bridge_sts_calls_in_flight", "Calls to STS in flight.")?,
            sts_overloaded: counter(to, "iam_bridge_sts_overloaded_total", "Calls refused for want of a place.")?,
            sts_breaker_open: gauges(
                to,
                "iam_bridge_sts_breaker_open",
                "1 while no call is made to the region because its host does not answer.",
                &["StsRegion"],
            )?,
            sts_contradictions: counter(
                to,
                "iam_bridge_sts_contradictions_total",
                "Valid answers of STS that name somebody else than before, or than their host may.",
            )?,
            identity_cache: Resolved::new(
                counters(to, "iam_bridge_identity_cache_total", "How identities came to be known.", &["outcome"])?,
                &OUTCOMES,
            )?,
            identity_cache_entries: gauge(to, "iam_bridge_identity_cache_entries", "Identities in memory.")?,
            revalidations: counters(
                to,
                "iam_bridge_revalidations_total",
                "Second questions to STS about a token in memory, by outcome.",
                &["outcome"],
            )?,
            source_stale: gauges(
                to,
                "iam_bridge_source_stale",
                "1 while a source serves an older table than its input.",
                &["source"],
            )?,
            source_entries: gauges(to, "iam_bridge_source_entries", "Entries in a source's table.", &["source"])?,
            source_loads: counters(
                to,
                "iam_bridge_source_loads_total",
                "Loads of a source's input.",
                &["source", "result"],
            )?,
            certificate_not_after: gauge(
                to,
                "iam_bridge_certificate_not_after_seconds",
                "Unix time at which the served certificate ends.",
            )?,
            connections: gauge(to, "iam_bridge_connections", "Open connections of the TLS listener.")?,
            connections_refused: counters(
                to,
                "iam_bridge_connections_refused_total",
                "Connections that were closed before their first request.",
                &["why"],
            )?,
            panics: counter(to, "iam_bridge_panics_total", "Requests that ended in a panic and were refused.")?,
            registry,
        })
    }

    /// Text exposition format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a String fails only for a family without a name, which registering refuses.
        let _written = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text);
        text
    }

    /// `authenticate_latency_seconds{result}`.
    pub fn authenticated(&self, result: &'static str, seconds: f64) {
        self.authenticate_latency.with(result, |histogram| histogram.observe(seconds));
    }

    /// `iam_bridge_denials_total{reason}`.
    pub fn denied(&self, reason: &'static str) {
        count(&self.denials, &[reason]);
    }

    /// `sts_connection_failures_total{StsRegion}`.
    pub fn sts_connection_failed(&self, region: &'static str) {
        count(&self.sts_connection_failures, &[region]);
    }

    /// `sts_responses_total{ResponseCode,StsRegion}`.
    pub fn sts_answered(&self, status: u16, region: &'static str) {
        count(&self.sts_responses, &[&status.to_string(), region]);
    }

    /// `sts_throttling_total{StsRegion}`.
    pub fn sts_throttled(&self, region: &'static str) {
        count(&self.sts_throttling, &[region]);
    }

    /// `iam_bridge_sts_connections_total`: connections opened to STS.
    pub fn sts_connected(&self) {
        self.sts_connections.inc();
    }

    /// `iam_bridge_sts_calls_in_flight`.
    pub fn sts_in_flight(&self, calls: usize) {
        self.sts_calls_in_flight.set(whole(calls));
    }

    /// `iam_bridge_sts_overloaded_total`: calls refused for want of a place.
    pub fn sts_overloaded(&self) {
        self.sts_overloaded.inc();
    }

    /// `iam_bridge_sts_breaker_open{StsRegion}`: 1 while the breaker of the region's hosts is open.
    pub fn sts_breaker(&self, region: &'static str, open: bool) {
        set(&self.sts_breaker_open, region, i64::from(open));
    }

    /// `iam_bridge_sts_contradictions_total`: valid answers that name somebody else.
    pub fn sts_contradicted(&self) {
        self.sts_contradictions.inc();
    }

    /// `iam_bridge_identity_cache_total{outcome}`; outcomes are the labels of `authenticator::Recall` and `negative`.
    pub fn identity_cache(&self, outcome: &'static str) {
        self.identity_cache.with(outcome, IntCounter::inc);
    }

    /// `iam_bridge_identity_cache_entries`.
    pub fn identity_cache_entries(&self, entries: u64) {
        self.identity_cache_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    /// `iam_bridge_revalidations_total{outcome}`.
    pub fn revalidated(&self, outcome: &'static str) {
        count(&self.revalidations, &[outcome]);
    }

    /// `iam_bridge_source_stale{source}`: 1 while a source serves an older table than its input.
    pub fn source_stale(&self, source: &'static str, stale: bool) {
        set(&self.source_stale, source, i64::from(stale));
    }

    /// `iam_bridge_source_entries{source}` and `iam_bridge_source_loads_total{source,result}` + 1 with `result="ok"`.
    pub fn source_loaded(&self, source: &'static str, entries: usize) {
        set(&self.source_entries, source, whole(entries));
        count(&self.source_loads, &[source, "ok"]);
    }

    /// `iam_bridge_source_loads_total{source,result="error"}` + 1.
    pub fn source_failed(&self, source: &'static str) {
        count(&self.source_loads, &[source, "error"]);
    }

    /// `iam_bridge_certificate_not_after_seconds`: Unix time at which the served certificate ends.
    pub fn certificate_ends(&self, at: UnixSeconds) {
        self.certificate_not_after.set(at.0);
    }

    /// `iam_bridge_connections`: open connections of the TLS listener.
    pub fn connections(&self, open: usize) {
        self.connections.set(whole(open));
    }

    /// `iam_bridge_connections_refused_total{why}`: why is `limit`, `handshake`, `handshake_timeout`.
    pub fn connection_refused(&self, why: &'static str) {
        count(&self.connections_refused, &[why]);
    }

    /// `iam_bridge_panics_total`: requests that ended in a panic (answered 403).
    pub fn panicked(&self) {
        self.panics.inc();
    }
}

impl<B: MetricVecBuilder> Resolved<MetricVec<B>, B::M> {
    fn new(family: MetricVec<B>, words: &[&'static str]) -> Result<Self, Error> {
        let resolve = |word: &&'static str| family.get_metric_with_label_values(&[*word]).map(|member| (*word, member));
        Ok(Self { members: words.iter().map(resolve).collect::<Result<_, _>>()?, family })
    }

    /// A word not known beforehand takes the slow way.
    fn with(&self, word: &'static str, act: impl FnOnce(&B::M)) {
        match self.members.iter().find(|(known, _)| *known == word) {
            Some((_, member)) => act(member),
            None => {
                let _ = self.family.get_metric_with_label_values(&[word]).map(|member| act(&member));
            }
        }
    }
}

/// The `process_*` families, which are read from `/proc`.
#[cfg(target_os = "linux")]
fn register_process(to: &Registry) -> Result<(), Error> {
    to.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
}

/// There is no `/proc` here, and no `process_*` family.
#[cfg(not(target_os = "linux"))]
fn register_process(_to: &Registry) -> Result<(), Error> {
    Ok(())
}

/// Families of the reference whose events come with the sources and look-ups that cause them.
fn register_what_later_sources_count(to: &Registry) -> Result<(), Error> {
    for (name, help) in [
        ("ec2_describe_instances_calls_total", "Calls of DescribeInstances."),
        ("configmap_watch_failures_total", "Failed watches of the aws-auth ConfigMap."),
        ("dynamicfile_failures_total", "Failures of watching a dynamic file."),
    ] {
        counter(to, &format!("aws_iam_authenticator_{name}"), help)?;
    }
    for (name, help) in [
        ("dynamic_file_enabled", "1 if the dynamic file is one of several sources."),
        ("dynamic_file_only", "1 if the dynamic file is the only source."),
    ] {
        gauge(to, &format!("aws_iam_authenticator_{name}"), help)?;
    }
    register(to, latency(&DYNAMIC_BUCKETS, "dynamic_e2e_latency_seconds", "type")?).map(drop)
}

fn latency(buckets: &[f64], name: &str, label: &str) -> Result<HistogramVec, Error> {
    let help = match name {
        "authenticate_latency_seconds" => "Time from a review's arrival to its answer.",
        _ => "Time from a dynamic file's own time stamp to its use.",
    };
    HistogramVec::new(
        HistogramOpts::new(format!("aws_iam_authenticator_{name}"), help).buckets(buckets.to_vec()),
        &[label],
    )
}

fn counters(to: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
    register(to, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauges(to: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
    register(to, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn counter(to: &Registry, name: &str, help: &str) -> Result<IntCounter, Error> {
    register(to, IntCounter::new(name, help)?)
}

fn gauge(to: &Registry, name: &str, help: &str) -> Result<IntGauge, Error> {
    register(to, IntGauge::new(name, help)?)
}

fn register<C: Collector + Clone + 'static>(to: &Registry, family: C) -> Result<C, Error> {
    to.register(Box::new(family.clone())).map(|()| family)
}

fn count(family: &IntCounterVec, labels: &[&str]) {
    // Fails only when the number of labels is not the family's.
    let _ = family.get_metric_with_label_values(labels).map(|member| member.inc());
}

fn set(family: &IntGaugeVec, label: &str, value: i64) {
    let _ = family.get_metric_with_label_values(&[label]).map(|member| member.set(value));
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
