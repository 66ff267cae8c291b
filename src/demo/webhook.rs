//! The API server's part: questions over TLS, on one connection that is kept.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// Larger answers are none of a webhook's.
const MAX_ANSWER: usize = 1024 * 1024;

/// How long a question may take: the API server's own limit.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No TCP or TLS connection.
    #[error("cannot connect to the webhook")]
    Connect(#[from] std::io::Error),
    /// The certificate to trust cannot be read.
    #[error("the webhook's CA certificate cannot be read")]
    Ca(#[from] rustls::pki_types::pem::Error),
    /// It cannot be trusted.
    #[error("the webhook's CA certificate cannot be used")]
    Tls(#[from] rustls::Error),
    /// The name to check is no host name.
    #[error("the webhook's name is no host name")]
    Name(#[from] InvalidDnsNameError),
    /// The connection broke.
    #[error("the webhook did not answer")]
    Http(#[from] hyper::Error),
    /// The question cannot be put into words.
    #[error("the question is no HTTP request")]
    Request(#[from] http::Error),
    /// The answer is too large or broke off.
    #[error("the webhook's answer cannot be read: {0}")]
    Body(String),
    /// No answer in time.
    #[error("the webhook did not answer within {} s", TIMEOUT.as_secs())]
    Timeout,
}

/// A connection to a webhook. Dropping it closes the connection.
pub struct Webhook {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
    host: String,
}

/// What came back, and how long it took.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The body as it came.
    pub body: Bytes,
    /// From the first byte of the question to the last of the answer.
    pub took: Duration,
}

impl Webhook {
    /// Connects to `address`, trusting `ca_pem` alone and demanding a certificate for `name`.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn connect(address: SocketAddr, name: &str, ca_pem: &str) -> Result<Self, WebhookError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned())?;
        let host = name.to_str().into_owned();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(async move {
            // A broken connection shows at the next question.
            let _ = connection.await;
        });
        Ok(Self { sender, connection, host })
    }

    /// Asks who holds `token`, as kube-apiserver does.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn review(&mut self, token: &SecretString) -> Result<Answer, WebhookError> {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token.expose_secret()},
        });
        self.send(Method::POST, "/authenticate", review.to_string()).await
    }

    /// Any question with a JSON body.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn send(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Answer, WebhookError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, */*")
            .body(Full::new(body.into()))?;
        self.ask(request).await
    }

    /// A request as it stands, but for Host, which is added.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub async fn ask(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, WebhookError> {
        request.headers_mut().insert(header::HOST, self.host.parse().map_err(http::Error::from)?);
        tokio::time::timeout(TIMEOUT, self.exchange(request)).await.map_err(|_| WebhookError::Timeout)?
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, WebhookError> {
        let asked = Instant::now();
        self.sender.ready().await?;
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|fault| WebhookError::Body(fault.to_string()))?.to_bytes();
        Ok(Answer { status: parts.status, body, took: asked.elapsed() })
    }
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A value of the answer by its JSON pointer: `/status/user/username`.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<String> {
        self.json().pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    }

    /// Whether the caller is a user.
    #[must_use]
    pub fn authenticated(&self) -> bool {
        self.json().pointer("/status/authenticated").and_then(Value::as_bool).unwrap_or_default()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.host).finish_non_exhaustive()
    }
}
