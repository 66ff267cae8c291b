//! How a connection to AWS is made: proxy variables or `connectTo`, trust roots, TLS. No redirects, no cookies.
//!
//! ```text
//! Dial(host of the token) ──route──▶ TCP: the host | CONNECT through a proxy | connectTo ──▶ TLS, name of the host
//! ```

mod route;
mod trust;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use crate::telemetry::Metrics;
use route::{Route, Transport};
use trust::Trust;

/// TCP, the proxy's CONNECT and the TLS handshake together.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Idle connections kept per host: twice the calls in flight, so that a burst's connections outlive the burst.
const IDLE_PER_HOST: usize = 128;
/// How long an idle connection is kept.
const IDLE_FOR: Duration = Duration::from_secs(60);
/// An HTTP/2 connection with open streams that does not answer a ping is given up after these two together:
/// without it a path that drops packets in silence would fail every call until the kernel notices.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_ANSWER: Duration = Duration::from_secs(3);
/// Header block of an answer, HTTP/1.1 and HTTP/2.
const HEADER_BYTES: u32 = 32 * 1024;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type HttpClient = Client<Dial, Empty<Bytes>>;

/// `server.sts.connectTo` and `server.sts.caBundle`.
#[derive(Clone, Debug, Default)]
pub struct ConnectorSettings {
    /// `HOST:PORT` to connect to instead; wins over proxy variables. Name, SNI, certificate check and Host stay the token's.
    pub connect_to: Option<String>,
    /// PEM file that replaces the system's roots.
    pub ca_bundle: Option<PathBuf>,
}

/// Makes TLS connections to STS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connector {
    route: Route,
    trust: Trust,
}

/// Why a connector cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// No usable trust root.
    #[error("no trust root for STS could be loaded from {0}; set SSL_CERT_FILE or server.sts.caBundle")]
    NoRoots(String),
    /// A certificate that cannot be read as one.
    #[error("`{0}` holds a certificate that cannot be read")]
    BadRoot(String),
    /// `connectTo` is no `HOST:PORT`.
    #[error("`{0}` is not HOST:PORT")]
    BadConnectTo(String),
    /// rustls does not accept the settings.
    #[error("TLS to STS cannot be set up")]
    Tls(#[from] rustls::Error),
}

impl Connector {
    /// What the binary uses: proxy variables of the environment (CONNECT), `SSL_CERT_FILE` or the system's roots.
    ///
    /// The system's roots are some 150 files: they are read at the first connection, or by [`Connector::warm_up`].
    ///
    /// # Errors
    /// [`ConnectorError`].
    pub fn system(settings: &ConnectorSettings) -> Result<Self, ConnectorError> {
        let route = settings.connect_to.as_deref().map_or_else(|| Ok(Route::from_environment()), Route::to)?;
        let trust = settings.ca_bundle.as_deref().map_or_else(|| Ok(Trust::system()), Trust::bundle)?;
        Ok(Self { route, trust })
    }

    /// Every connection goes to `address` and trusts `roots_pem` alone: the demo and the tests.
    ///
    /// # Errors
    /// [`ConnectorError::NoRoots`], [`ConnectorError::BadRoot`].
    pub fn fixed(address: SocketAddr, roots_pem: &str) -> Result<Self, ConnectorError> {
        Ok(Self { route: Route::to(&address.to_string())?, trust: Trust::pem(roots_pem)? })
    }

    /// Loads the trust roots if they are not loaded yet, so that the first token need not wait for them.
    ///
    /// # Errors
    /// [`ConnectorError::NoRoots`]: until that is cured no token can be verified.
    pub async fn warm_up(&self) -> Result<(), ConnectorError> {
        self.trust.tls().await.map(drop)
    }

    /// The one client: pooled, HTTP/2 where STS offers it. What could not be written is sent once more on another
    /// connection; what was written is never repeated.
    pub(super) fn client(&self, metrics: Arc<Metrics>) -> HttpClient {
        Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX))
            .http2_max_header_list_size(HEADER_BYTES)
            .http2_initial_stream_window_size(u32::from(u16::MAX))
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_ANSWER)
            .build(Dial { connector: self.clone(), metrics })
    }
}

/// The pool's way to a new connection.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    connector: Connector,
    metrics: Arc<Metrics>,
}

impl Dial {
    async fn dial(self, host: Uri) -> Result<MaybeHttpsStream<Transport>, BoxError> {
        let tls = self.connector.trust.tls().await?;
        let hop = self.connector.route.hop(&tls);
        let stream = HttpsConnector::from((hop, tls)).call(host).await?;
        self.metrics.sts_connected();
        Ok(stream)
    }
}

impl Service<Uri> for Dial {
    type Response = MaybeHttpsStream<Transport>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, host: Uri) -> Self::Future {
        let dialling = self.clone().dial(host);
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_LIMIT, dialling).await;
            connected.map_err(|_elapsed| format!("no connection within {} s", CONNECT_LIMIT.as_secs()))?
        })
    }
}
