//! A small STS on loopback that believes nobody: every signature is made again and compared.
//!
//! It speaks TLS (HTTP/1.1 and HTTP/2) with a certificate of its own CA for whatever name a client asks for,
//! answers `GetCallerIdentity` and `AssumeRole` for made-up principals, and can be told to misbehave. The demo
//! and the tests run the product against it; nothing in a server's settings can name it.

mod answer;
mod certificate;
mod principal;
mod registry;
mod signature;
mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use answer::Refusal;
pub use certificate::CertificateError;
pub use principal::Principal;

use crate::clock::Clock;
use certificate::LeafBySni;
use registry::Registry;

/// How the STS behaves from now on.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// Every connection is reset, those that are open too.
    Down,
    /// Honest, but for the requests that these answer.
    Except(Exceptions),
    /// Requests are taken and answered honestly only once the behaviour changes.
    Hang,
    /// Checks each signature and says who signed.
    #[default]
    Honest,
    /// This answer, whatever is asked.
    Scripted(Scripted),
    /// Honest, after this long.
    Slow(Duration),
    /// 400 with code `Throttling`.
    Throttle,
}

/// Answers instead of the honest one, to the requests that they are for.
#[derive(Clone)]
pub struct Exceptions(Arc<Choose>);

/// Chooses among requests.
type Choose = dyn Fn(&SeenRequest) -> Option<Scripted> + Send + Sync;

/// An answer written by hand.
#[derive(Clone, Debug)]
pub struct Scripted {
    /// Status line.
    pub status: StatusCode,
    /// All headers; content-length is added unless the body stalls.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether the answer never ends: the body is sent, and then nothing more.
    pub stalls: bool,
}

/// A request as it arrived.
#[derive(Clone)]
pub struct SeenRequest {
    /// `GET` for tokens, `POST` for SDK calls.
    pub method: Method,
    /// As received; in a token's call it holds the signature.
    pub uri: Uri,
    /// As received.
    pub headers: HeaderMap,
    /// As received, up to 64 KiB.
    pub body: Bytes,
    /// HTTP/1.1 or HTTP/2.
    pub version: http::Version,
}

/// Why the STS does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No port.
    #[error("the embedded STS cannot listen on loopback")]
    Listen(#[from] std::io::Error),
    /// No TLS.
    #[error("the embedded STS cannot speak TLS")]
    Tls(#[from] rustls::Error),
}

/// The running STS. Dropping it ends it.
#[derive(Debug)]
pub struct Sts {
    address: SocketAddr,
    ca_pem: String,
    registry: Arc<Registry>,
    _stop: DropGuard,
}

impl Sts {
    /// Listens on a free port of 127.0.0.1; dates are judged by the system's clock.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start() -> Result<Self, StartError> {
        Self::start_with(Clock::system()).await
    }

    /// The same with another clock.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with(clock: Clock) -> Result<Self, StartError> {
        let (leaves, ca_pem) = LeafBySni::make()?;
        let tls = wire::tls_acceptor(leaves)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let registry = Arc::new(Registry::new(clock));
        let stop = CancellationToken::new();
        tokio::spawn(wire::serve(listener, tls, Arc::clone(&registry), stop.clone()));
        Ok(Self { address, ca_pem, registry, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CA its certificates come from.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Makes a principal known; its key id replaces an equal one.
    pub fn add(&self, principal: Principal) {
        self.registry.add(principal);
    }

    /// Forgets a key: its signatures are refused with `InvalidClientTokenId`, as after a revocation.
    pub fn revoke(&self, access_key_id: &str) {
        self.registry.revoke(access_key_id);
    }

    /// Ends the session behind a key: its signatures are refused with `ExpiredToken`.
    pub fn expire(&self, access_key_id: &str) {
        self.registry.expire(access_key_id);
    }

    /// Who signed a request for another `service` of this AWS, such as `eks`.
    ///
    /// # Errors
    /// [`Refusal`], as for a call of its own.
    pub fn signer(&self, service: &str, parts: &Parts, body: &[u8]) -> Result<Principal, Refusal> {
        self.registry.signer(service, parts, body)
    }

    /// Changes the behaviour, for requests that hang too.
    pub fn behave(&self, behaviour: Behaviour) {
        self.registry.behave(behaviour);
    }

    /// Requests taken so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.registry.calls()
    }

    /// Waits until `calls` requests were taken in all.
    pub async fn called(&self, calls: u64) {
        self.registry.called(calls).await;
    }

    /// TCP connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.registry.connections()
    }

    /// Most requests that were ever in its hands at once.
    #[must_use]
    pub fn peak_in_flight(&self) -> u64 {
        self.registry.peak_in_flight()
    }

    /// The last 64 requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.registry.requests()
    }
}

impl Exceptions {
    /// `answer` is asked for each request; `None` leaves it to the honest STS.
    pub fn new(answer: impl Fn(&SeenRequest) -> Option<Scripted> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    fn answer(&self, request: &SeenRequest) -> Option<Scripted> {
        (self.0)(request)
    }
}

impl Scripted {
    /// A status and a JSON body.
    #[must_use]
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// A status, a content type and a body.
    #[must_use]
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into(), stalls: false }
    }
}

impl fmt::Debug for Exceptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exceptions")
    }
}

impl fmt::Debug for SeenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenRequest")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}
