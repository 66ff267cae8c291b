//! Every metric the server has, in one catalogue.
//!
//! `aws_iam_authenticator_*` as in the reference; ours `iam_bridge_<noun>_<unit|total>`. Label values come from
//! closed sets, never from a caller's text. What a review touches is resolved once, so that an observation is a
//! few atomic additions.

mod policies;
mod sources;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::clock::UnixSeconds;
use policies::PolicyFamilies;
use sources::SourceFamilies;

/// Buckets of `authenticate_latency_seconds`, in seconds; the reference's.
const LATENCY_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

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
    sources: SourceFamilies,
    policies: PolicyFamilies,
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
        register_process(to)?;
        Ok(Self {
            authenticate_latency: Resolved::new(
                register(
                    to,
                    latency(
                        &LATENCY_BUCKETS,
                        "authenticate_latency_seconds",
                        "Time from a review's arrival to its answer.",
                        "result",
                    )?,
                )?,
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
            sources: SourceFamilies::new(to)?,
            policies: PolicyFamilies::new(to)?,
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

fn latency(buckets: &[f64], name: &str, help: &str, label: &str) -> Result<HistogramVec, Error> {
    let options = HistogramOpts::new(format!("aws_iam_authenticator_{name}"), help).buckets(buckets.to_vec());
    HistogramVec::new(options, &[label])
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
