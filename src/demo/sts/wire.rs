//! Connections of the STS: TLS, HTTP, and the ways to misbehave.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{self, Refusal};
use super::certificate::LeafBySni;
use super::registry::{self, Registry};
use super::{Behaviour, Scripted, SeenRequest};

/// A form of an SDK call is a few hundred bytes.
const MAX_BODY: usize = 64 * 1024;

pub(super) fn tls_acceptor(leaves: LeafBySni) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(leaves));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts until `stop`; then every connection ends.
pub(super) async fn serve(listener: TcpListener, tls: TlsAcceptor, registry: Arc<Registry>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else { continue };
        registry.connected();
        // Without it an answer of several packets waits for the client's delayed acknowledgement, 40 ms.
        let _ = stream.set_nodelay(true);
        let (tls, registry, stop) = (tls.clone(), Arc::clone(&registry), stop.clone());
        tasks.spawn(async move {
            let mut behaviour = registry.behaviour();
            if matches!(*behaviour.borrow(), Behaviour::Down) {
                // A reset instead of an orderly end: what a peer without a listener looks like.
                let _ = stream.set_zero_linger();
                return;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = down(&mut behaviour) => {}
                () = connection(stream, tls, registry) => {}
            }
        });
    }
}

/// Ends when the STS is down.
async fn down(behaviour: &mut watch::Receiver<Behaviour>) {
    if behaviour.wait_for(|now| matches!(now, Behaviour::Down)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// One connection from the handshake to its end; faults of the client end it and are nobody's business.
async fn connection(stream: TcpStream, tls: TlsAcceptor, registry: Arc<Registry>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let speaks_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| exchange(Arc::clone(&registry), request));
    let stream = TokioIo::new(stream);
    let _ = if speaks_h2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await
    };
}

/// The STS went down while a request was in its hands: the connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("down")]
struct WentDown;

async fn exchange(registry: Arc<Registry>, request: Request<Incoming>) -> Result<Response<Answer>, WentDown> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| WentDown)?.to_bytes();
    let request = SeenRequest {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        headers: parts.headers.clone(),
        body: body.clone(),
        version: parts.version,
    };
    let _in_flight = registry.took(request.clone());
    let mut changes = registry.behaviour();
    loop {
        let now = changes.borrow_and_update().clone();
        return match now {
            Behaviour::Down => Err(WentDown),
            Behaviour::Hang => {
                changes.changed().await.map_err(|_| WentDown)?;
                continue;
            }
            Behaviour::Except(exceptions) => Ok(match exceptions.answer(&request) {
                Some(scripted) => dated(written(scripted), &registry),
                None => honest(&registry, &parts, &body),
            }),
            Behaviour::Honest => Ok(honest(&registry, &parts, &body)),
            Behaviour::Scripted(scripted) => Ok(written(scripted)),
            Behaviour::Slow(delay) => {
                pause(delay).await;
                Ok(honest(&registry, &parts, &body))
            }
            Behaviour::Throttle => {
                Ok(answer::refused(Refusal::Throttling, registry::wants_json(&parts)).map(Answer::whole))
            }
        };
    }
}

fn honest(registry: &Registry, parts: &Parts, body: &[u8]) -> Response<Answer> {
    dated(registry.answer(parts, body).map(Answer::whole), registry)
}

/// The Date header says what the clock says that signatures are judged by.
fn dated(mut response: Response<Answer>, registry: &Registry) -> Response<Answer> {
    if let Some(date) = registry.date() {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn written(Scripted { status, headers, body, stalls }: Scripted) -> Response<Answer> {
    let mut response = Response::new(if stalls { Answer::Stalling(Some(body)) } else { Answer::whole(body) });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[expect(clippy::disallowed_methods, reason = "being slow is what this STS was asked for")]
async fn pause(delay: std::time::Duration) {
    tokio::time::sleep(delay).await;
}

/// A body that is whole, or one that begins and never ends.
enum Answer {
    Stalling(Option<Bytes>),
    Whole(Full<Bytes>),
}

impl Answer {
    fn whole(body: Bytes) -> Self {
        Self::Whole(Full::new(body))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Stalling(first) => match first.take() {
                Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                _ => Poll::Pending,
            },
            Self::Whole(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Stalling(_) => false,
            Self::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Stalling(_) => hyper::body::SizeHint::default(),
            Self::Whole(body) => body.size_hint(),
        }
    }
}
