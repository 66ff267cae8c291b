//! The webhook: what the API server talks to.
//!
//! [`start`] is the table of contents: certificate, port, sources, kubeconfig, STS, then the listeners. Nothing in it
//! waits for a network; the instance region arrives later and is published to the rules.
//!
//! ```text
//! connection ──listener──▶ request ──routes──▶ review ──Authenticator──▶ answer (log, count, decision log, bytes)
//! ```

mod authority;
mod certificate;
mod kubeconfig;
mod rotation;
mod state_files;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use certificate::CertificateError;

use authority::Authority;
use certificate::{Names, Pair, Place, write_kubeconfig};

use crate::authenticator::CacheSettings;
use crate::aws::{Connector, StsSettings};
use crate::clock::{Clock, UnixSeconds};
use crate::sources::{SourceError, SourceSettings};
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

/// A server that is up. Dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    // private
}

/// Why a server does not start. Every variant says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address of the webhook is taken or not this machine's. Another one is never tried (R43).
    #[error("cannot listen on `{address}`; is another server running there?")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Certificate, key, CA or kubeconfig.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The decision log cannot be opened.
    #[error("cannot open the decision log `{}`; create its directory or set server.decisionLog", path.display())]
    DecisionLog {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The metric catalogue is at odds with itself: a fault of the program.
    #[error("the metrics cannot be set up")]
    Metrics(#[from] prometheus::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for the cache key")]
    Random,
    /// A mapping source.
    #[error(transparent)]
    Sources(#[from] SourceError),
}

/// What `init` makes before the first start.
#[derive(Clone, Debug)]
pub struct Init {
    /// Where certificate, key and CA go; must exist.
    pub directory: PathBuf,
    /// The webhook kubeconfig's path; its directory must exist.
    pub kubeconfig: PathBuf,
    /// Host name in the certificate and the kubeconfig's URL.
    pub hostname: String,
    /// IP address in the certificate.
    pub address: IpAddr,
    /// Port of the kubeconfig's URL.
    pub port: u16,
    /// Whether to make a client pair under the same CA and put it into the kubeconfig.
    pub client_certificate: bool,
}

/// Makes certificate and kubeconfig, using what is there already, as [`start`] does. Yields the files the server
/// needs, the kubeconfig last.
///
/// # Errors
/// [`CertificateError`].
pub fn init(init: &Init, now: UnixSeconds) -> Result<Vec<PathBuf>, CertificateError> {
    let place = Place(init.directory.clone());
    let names = Names { hostname: init.hostname.clone(), address: init.address };
    let pair = Pair::load_or_make(&place, &names, now)?;
    if init.client_certificate && !(place.client().exists() && place.client_key().exists()) {
        Authority::load_or_make(&place, now)?.issue_client(&place, now)?;
    }
    write_kubeconfig(&init.kubeconfig, &place, &pair.trusted_pem, &init.hostname, init.port)?;
    let made = [place.ca(), place.ca_key(), place.certificate(), place.key(), place.client(), place.client_key()];
    Ok(made.into_iter().filter(|path| path.exists()).chain([init.kubeconfig.clone()]).collect())
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
