//! Every metric the server has, in one catalogue.
//!
//! `aws_iam_authenticator_*` as in the reference; ours `iam_bridge_<noun>_<unit|total>`. Label values come from
//! closed sets, never from a caller's text.

/// The catalogue.
#[derive(Debug)]
pub struct Metrics {
    // private: prometheus::Registry and the families
}

impl Metrics {
    /// All families, registered.
    ///
    /// # Errors
    /// When a family is registered twice: a fault of this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        todo!()
    }

    /// Text exposition format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        todo!()
    }

    /// `authenticate_latency_seconds{result}`.
    pub fn authenticated(&self, _result: &'static str, _seconds: f64) {
        todo!()
    }

    /// `iam_bridge_denials_total{reason}`.
    pub fn denied(&self, _reason: &'static str) {
        todo!()
    }

    /// `sts_connection_failures_total{StsRegion}`.
    pub fn sts_connection_failed(&self, _region: &'static str) {
        todo!()
    }

    /// `sts_responses_total{ResponseCode,StsRegion}`.
    pub fn sts_answered(&self, _status: u16, _region: &'static str) {
        todo!()
    }

    /// `sts_throttling_total{StsRegion}`.
    pub fn sts_throttled(&self, _region: &'static str) {
        todo!()
    }

    /// `iam_bridge_sts_connections_total`: connections opened to STS.
    pub fn sts_connected(&self) {
        todo!()
    }

    /// `iam_bridge_sts_calls_in_flight`.
    pub fn sts_in_flight(&self, _calls: usize) {
        todo!()
    }

    /// `iam_bridge_sts_overloaded_total`: calls refused for want of a place.
    pub fn sts_overloaded(&self) {
        todo!()
    }

    /// `iam_bridge_sts_breaker_open{StsRegion}`: 1 while the breaker of the region's hosts is open.
    pub fn sts_breaker(&self, _region: &'static str, _open: bool) {
        todo!()
    }

    /// `iam_bridge_sts_contradictions_total`: valid answers that name somebody else.
    pub fn sts_contradicted(&self) {
        todo!()
    }

    /// `iam_bridge_identity_cache_total{outcome}`; outcomes are the labels of `authenticator::Recall` and `negative`.
    pub fn identity_cache(&self, _outcome: &'static str) {
        todo!()
    }

    /// `iam_bridge_identity_cache_entries`.
    pub fn identity_cache_entries(&self, _entries: u64) {
        todo!()
    }

    /// `iam_bridge_revalidations_total{outcome}`.
    pub fn revalidated(&self, _outcome: &'static str) {
        todo!()
    }

    /// `iam_bridge_source_stale{source}`: 1 while a source serves an older table than its input.
    pub fn source_stale(&self, _source: &'static str, _stale: bool) {
        todo!()
    }

    /// `iam_bridge_source_entries{source}` and `iam_bridge_source_loads_total{source,result}` + 1 with `result="ok"`.
    pub fn source_loaded(&self, _source: &'static str, _entries: usize) {
        todo!()
    }

    /// `iam_bridge_source_loads_total{source,result="error"}` + 1.
    pub fn source_failed(&self, _source: &'static str) {
        todo!()
    }

    /// `iam_bridge_certificate_not_after_seconds`: Unix time at which the served certificate ends.
    pub fn certificate_ends(&self, _at: crate::clock::UnixSeconds) {
        todo!()
    }

    /// `iam_bridge_connections`: open connections of the TLS listener.
    pub fn connections(&self, _open: usize) {
        todo!()
    }

    /// `iam_bridge_connections_refused_total{why}`: why is `limit`, `handshake`, `handshake_timeout`.
    pub fn connection_refused(&self, _why: &'static str) {
        todo!()
    }

    /// `iam_bridge_panics_total`: requests that ended in a panic (answered 403).
    pub fn panicked(&self) {
        todo!()
    }
}
