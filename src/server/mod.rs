//! The webhook: what the API server talks to.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::authenticator::CacheSettings;
use crate::aws::{Connector, StsSettings};
use crate::clock::Clock;
use crate::sources::SourceSettings;
use crate::token::TokenRules;

/// All the server needs, already judged. Made by `config::server`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Cluster id, partition, preflight, regions. The instance region arrives later.
    pub rules: TokenRules,
    /// `server.sts.*`.
    pub sts: StsSettings,
    /// `server.identityCache.*`.
    pub cache: CacheSettings,
    /// `server.backendMode`, the config file, scrubbed accounts: what [`crate::sources::start`] takes.
    pub sources: SourceSettings,
    /// `server.address` and `server.port`; port 0 takes a free one.
    pub address: SocketAddr,
    /// `server.hostname`.
    pub hostname: String,
    /// `server.stateDir`.
    pub state_dir: PathBuf,
    /// `server.generateKubeconfig`.
    pub generate_kubeconfig: PathBuf,
    /// `server.kubeconfigPregenerated`.
    pub kubeconfig_pregenerated: bool,
    /// `server.clientCAFile`.
    pub client_ca_file: Option<PathBuf>,
    /// `server.audiences`.
    pub audiences: Vec<String>,
    /// `server.denyStatus`.
    pub deny_status: DenyStatus,
    /// `server.healthAddress`, default `[::]:21363`.
    pub health_address: SocketAddr,
    /// `server.metricsAddress: health`, or `clientCAFile` is set.
    pub metrics_on_health: bool,
    /// `server.decisionLog`.
    pub decision_log: DecisionLog,
}

/// `server.denyStatus`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DenyStatus {
    /// 403, as the reference.
    #[default]
    Forbidden,
    /// 200 with `authenticated: false` and the reason code in `status.error`.
    Ok,
}

/// `server.decisionLog`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum DecisionLog {
    /// A file, appended to.
    File(PathBuf),
    /// Not written.
    #[default]
    Off,
    /// stderr.
    Stderr,
}

/// A server that is up. Dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    // private
}

/// Why a server does not start. Every variant says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Replace by the real variants.
    #[error("todo {0}")]
    Todo(IpAddr),
}

/// Starts everything and returns once the TLS listener accepts and every source has published once.
///
/// `connector` is how STS is reached: an argument, so that no setting can name the tests' one.
///
/// # Errors
/// [`StartError`].
pub async fn start(_settings: Settings, _connector: Connector, _clock: Clock) -> Result<Running, StartError> {
    todo!()
}

impl Running {
    /// Address of the TLS listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        todo!()
    }

    /// Address of the health listener; `None` when it could not be bound (logged).
    #[must_use]
    pub fn health_address(&self) -> Option<SocketAddr> {
        todo!()
    }

    /// PEM of the CA that signed the served certificate (what the kubeconfig trusts).
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        todo!()
    }

    /// Re-reads files, as SIGHUP does.
    pub fn reload(&self) {
        todo!()
    }

    /// Stops accepting, answers what is in flight (≤ 5 s), then returns.
    pub async fn drain(self) {
        todo!()
    }
}
