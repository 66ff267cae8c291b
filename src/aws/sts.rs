//! The call to STS: a checked request goes out, a strict answer comes back.

use std::sync::Arc;
use std::time::Duration;

use super::Connector;
use crate::clock::Clock;
use crate::iam::VerifiedIdentity;
use crate::telemetry::Metrics;
use crate::token::{ClusterId, PresignedRequest, StsRegion};

/// `server.sts.*`.
#[derive(Clone, Debug)]
pub struct StsSettings {
    /// Whole life of a call from arrival, waiting included; default 10 s.
    pub timeout: Duration,
    /// Calls in flight; default 64.
    pub max_in_flight: usize,
}

/// The one client for all calls, with its places, lanes and breakers.
pub struct Sts {
    // private
}

/// Why STS did not prove a caller. No variant holds a URL or a body.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StsError {
    /// Replace/extend: refused (definite), unavailable (transport, time-out, status, body), throttled, overloaded, contradiction…
    #[error("STS throttled the call in `{0}`", region.as_str())]
    Throttled {
        /// Label of the host's region.
        region: StsRegion,
    },
}

impl Sts {
    /// A client over `connector`.
    #[must_use]
    pub fn new(_settings: StsSettings, _connector: Connector, _clock: Clock, _metrics: Arc<Metrics>) -> Self {
        todo!()
    }

    /// Asks STS who signed `request` for `cluster_id`. `background` calls may take a quarter of the places.
    ///
    /// # Errors
    /// [`StsError`].
    pub async fn caller_identity(
        &self,
        _request: &PresignedRequest,
        _cluster_id: &ClusterId,
        _background: bool,
    ) -> Result<VerifiedIdentity, StsError> {
        todo!()
    }

    /// Told that a key id's answer was mapped to a user: it belongs to the lane of known callers for 15 min.
    pub fn mapped(&self, _access_key_id: &str) {
        todo!()
    }
}
