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
mod connection;
mod decision_log;
mod framing;
mod kubeconfig;
mod listener;
mod readiness;
mod review;
mod rotation;
mod routes;
mod settings;
mod state_files;
mod tls;
mod token_review;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use certificate::CertificateError;
pub use settings::{DecisionLog, DenyStatus, Limits, Settings};

use authority::Authority;
use certificate::{Names, Pair, Place, write_kubeconfig};
use decision_log::Records;
use listener::Listener;
use readiness::Readiness;
use review::Review;
use rotation::Rotation;
use routes::{Health, Webhook};

use crate::authenticator::{Authenticator, Verifier};
use crate::aws::{self, Connector, Ec2Names, Ec2SettingsError, ImdsSettings, Sts};
use crate::clock::{Clock, UnixSeconds};
use crate::live::{Publisher, live};
use crate::mapping::PolicyReadiness;
use crate::policy;
use crate::sources::{self, SourceError, Sources};
use crate::telemetry::Metrics;
use crate::token::TokenRules;

/// The health listener takes this part of the connections of the TLS listener.
const HEALTH_SHARE: usize = 8;
/// Beyond the drain, for tasks to see that it is over.
const GRACE: Duration = Duration::from_secs(1);

/// A server that is up. Dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    health_address: Option<SocketAddr>,
    ca_pem: String,
    sources: Sources,
    records: Arc<Records>,
    reload: Arc<Notify>,
    drain: Duration,
    end: CancellationToken,
    tasks: JoinSet<()>,
}

/// Why a server does not start. Every variant says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address of the webhook is taken or not this machine's. Another one is never tried: whoever took it would answer in our place.
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
    /// Settings of the look-up of nodes.
    #[error(transparent)]
    Ec2(#[from] Ec2SettingsError),
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

/// Starts everything and returns once the TLS listener accepts and the sources of files have been read.
///
/// `connector` is how STS is reached: an argument, so that no setting can name the tests' one.
///
/// # Errors
/// [`StartError`].
pub async fn start(mut settings: Settings, connector: Connector, clock: Clock) -> Result<Running, StartError> {
    settings.ec2.judge()?;
    let metrics = Arc::new(Metrics::new()?);
    let records = Arc::new(open_records(&settings.decision_log)?);
    let socket = bind(settings.address).await?;
    let address = socket.local_addr().map_err(|source| StartError::Bind { address: settings.address, source })?;
    let limits = settings.limits;
    let end = CancellationToken::new();
    let reload = Arc::new(Notify::new());
    let mut tasks = JoinSet::new();

    let place = Place(settings.state_dir.clone());
    let names = Names { hostname: settings.hostname.clone(), address: address.ip() };
    let pair = Pair::load_or_make(&place, &names, clock.now())?;
    let ca_pem = pair.trusted_pem.clone();
    let (rotation, rotated) = Rotation::new(
        pair,
        place.clone(),
        names,
        settings.client_ca_file.clone(),
        clock.clone(),
        Arc::clone(&metrics),
    )?;

    let (policy_readiness, readiness) = live(PolicyReadiness::default());
    settings.sources.policy_readiness = readiness;
    let (chain, sources) = sources::start(&settings.sources, Arc::clone(&metrics), clock.clone()).await?;
    let (cluster, until) = (settings.sources.cluster.clone(), end.clone());
    let (chains, ours) = (chain.clone(), (Arc::clone(&metrics), clock.clone()));
    let keep = policy::run(settings.policies, cluster, chains, policy_readiness, ours.0, ours.1);
    tasks.spawn(async move { until.run_until_cancelled(Box::pin(keep)).await.unwrap_or(()) });
    if !settings.kubeconfig_pregenerated {
        write_kubeconfig(&settings.generate_kubeconfig, &place, &ca_pem, &settings.hostname, address.port())?;
        tracing::info!(path = %settings.generate_kubeconfig.display(), "wrote the webhook kubeconfig");
    }

    let (rules_publisher, rules) = live(settings.rules.clone());
    let sts = Arc::new(Sts::new(settings.sts, connector, clock.clone(), Arc::clone(&metrics)));
    tasks.spawn(load_roots(Arc::clone(&sts), end.clone()));
    let verifier = Verifier::new(settings.cache, sts, clock.clone(), Arc::clone(&metrics))
        .map_err(|_unspecified| StartError::Random)?;
    let (region_publisher, region) = live(settings.ec2.region.clone());
    let nodes = Ec2Names::new(settings.ec2, settings.rules.partition, region, clock.clone(), Arc::clone(&metrics));
    let readiness = Readiness { sources: sources.state(), certificate_faults: rotated.faults, end: end.clone() };
    let (here, on_health) = if settings.metrics_on_health { (None, Some(&metrics)) } else { (Some(&metrics), None) };
    let health = Health { metrics: on_health.cloned(), readiness: readiness.clone() };
    let webhook = Webhook {
        metrics: here.cloned(),
        readiness,
        review: Review {
            authenticator: Authenticator::new(rules, verifier, chain, nodes),
            clock,
            metrics: Arc::clone(&metrics),
            records: Arc::clone(&records),
            scrubbed: settings.sources.scrubbed,
            audiences: settings.audiences,
            deny_status: settings.deny_status,
            limits,
        },
    };

    let health_address = spawn_health(settings.health_address, limits, health, &end, &mut tasks).await;
    warn_of_open_door(address, settings.client_ca_file.is_some());
    if settings.client_ca_file.is_some() && !settings.kubeconfig_pregenerated && !place.client().exists() {
        tracing::warn!(
            "server.clientCAFile is set, and the webhook kubeconfig holds no client certificate; make one with init --client-cert"
        );
    }
    tasks.spawn(rotation.run(limits, Arc::clone(&reload), end.clone()));
    tasks.spawn(learn_region(settings.metadata, settings.rules, rules_publisher, region_publisher, end.clone()));
    let listener = Listener { socket, tls: Some((rotated.tls, metrics)), limits, end: end.clone() };
    tasks.spawn(listener.run(Arc::new(webhook)));
    tracing::info!(address = %address, "listening for token reviews");
    Ok(Running { address, health_address, ca_pem, sources, records, reload, drain: limits.drain, end, tasks })
}

impl Running {
    /// Address of the TLS listener.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address of the health listener; `None` when it could not be bound (logged).
    #[must_use]
    pub const fn health_address(&self) -> Option<SocketAddr> {
        self.health_address
    }

    /// PEM of the CA that signed the served certificate (what the kubeconfig trusts).
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Re-reads files, as SIGHUP does: sources, certificate, client CA; the decision log is opened anew.
    pub fn reload(&self) {
        self.sources.reload();
        self.reload.notify_one();
        self.records.reopen();
    }

    /// Stops accepting, answers what is in flight (≤ 5 s), then returns.
    pub async fn drain(mut self) {
        self.end.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // The listeners keep the limit themselves; what is left is dropped with the set.
        let _in_time = timeout(self.drain.saturating_add(GRACE), ended).await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Bind { address, source })
}

fn open_records(setting: &DecisionLog) -> Result<Records, StartError> {
    Records::open(setting).map_err(|source| StartError::DecisionLog {
        path: match setting {
            DecisionLog::File(path) => path.clone(),
            DecisionLog::Off | DecisionLog::Stderr => PathBuf::new(),
        },
        source,
    })
}

/// Without it the webhook works all the same: as in the reference, a port that is taken is only logged.
async fn spawn_health(
    address: SocketAddr,
    limits: Limits,
    health: Health,
    end: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Option<SocketAddr> {
    let socket = match TcpListener::bind(address).await {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(address = %address, error = %error, "cannot listen for health checks; serving without");
            return None;
        }
    };
    let bound = socket.local_addr().ok();
    let limits = Limits { connections: limits.connections.div_ceil(HEALTH_SHARE), ..limits };
    tasks.spawn(Listener { socket, tls: None, limits, end: end.clone() }.run(Arc::new(health)));
    bound
}

fn warn_of_open_door(address: SocketAddr, clients_are_checked: bool) {
    if !address.ip().is_loopback() && !clients_are_checked {
        tracing::warn!(
            address = %address,
            "the webhook is open to the network and asks no client for a certificate; set server.clientCAFile"
        );
    }
}

/// The system's trust roots are some 150 files: the first token should not wait for them, and the start neither.
async fn load_roots(sts: Arc<Sts>, end: CancellationToken) {
    if let Some(Err(error)) = end.run_until_cancelled(sts.warm_up()).await {
        tracing::error!(%error, "no token can be verified");
    }
}

/// The instance region may be minutes away, or never come: host rule (d) waits for it, nothing else does.
async fn learn_region(
    metadata: ImdsSettings,
    rules: TokenRules,
    publisher: Publisher<TokenRules>,
    region_publisher: Publisher<Option<String>>,
    end: CancellationToken,
) {
    let learnt = tokio::select! {
        region = aws::instance_region(&metadata) => region,
        () = end.cancelled() => return,
    };
    match learnt {
        Some(region) => {
            tracing::info!(region, "learnt the instance region");
            region_publisher.update(|named| named.clone().or_else(|| Some(region.clone())));
            publisher.publish(TokenRules { instance_region: Some(region), ..rules });
        }
        None => tracing::info!("no instance region: the metadata service did not answer"),
    }
}
