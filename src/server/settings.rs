//! What the server is told, already judged.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::authenticator::CacheSettings;
use crate::aws::{Ec2Settings, ImdsSettings, StsSettings};
use crate::policy::PolicySettings;
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
    /// `server.accessPolicies`.
    pub policies: PolicySettings,
    /// `server.ec2*`, `server.nodeName`.
    pub ec2: Ec2Settings,
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
    /// Where the instance region is asked for, in the background.
    pub metadata: ImdsSettings,
    /// What a connection may take. No config key sets it; `Limits::default()`.
    pub limits: Limits,
}

/// What one connection may take, and how many there may be. The defaults are those of design and docs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// TLS handshake, from the accepted connection on; 5 s.
    pub handshake: Duration,
    /// A request's header block, from its first byte (or, for the first request, from the handshake) on; 10 s.
    pub headers: Duration,
    /// A request's body, from its headers on; 10 s.
    pub body: Duration,
    /// Without a request; 120 s.
    pub idle: Duration,
    /// For requests in flight at the end; 5 s.
    pub drain: Duration,
    /// Open connections of the TLS listener; 1 024. The health listener has an eighth.
    pub connections: usize,
    /// Bytes of a header block; 16 KiB.
    pub header_bytes: u32,
    /// Bytes of a TokenReview; 256 KiB.
    pub body_bytes: usize,
    /// Concurrent HTTP/2 streams of a connection; 100.
    pub streams: u32,
    /// Between two looks at certificate and CA files; 2 s.
    pub file_poll: Duration,
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

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            headers: Duration::from_secs(10),
            body: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            drain: Duration::from_secs(5),
            connections: 1_024,
            header_bytes: 16 * 1024,
            body_bytes: 256 * 1024,
            streams: 100,
            file_poll: Duration::from_secs(2),
        }
    }
}
