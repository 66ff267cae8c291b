//! An STS that speaks HTTP/1.1 only and proves everybody: for questions about connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;

const ANSWER: &str = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/a","UserId":"AIDA"}}}"#;

/// It, on loopback; dropping it ends it.
pub(crate) struct OnlyHttp1 {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    calls: AtomicUsize,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
    peak: AtomicUsize,
}

impl OnlyHttp1 {
    /// With a certificate for `name`.
    pub(crate) async fn start(authority: &Authority, name: &str) -> Self {
        let tls = authority.acceptor(name);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts: Arc<Counts> = Arc::default();
        let task = tokio::spawn(serve(listener, tls, Arc::clone(&counts)));
        Self { address, counts, task }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn calls(&self) -> usize {
        self.counts.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn peak_in_flight(&self) -> usize {
        self.counts.peak.load(Ordering::SeqCst)
    }
}

impl Drop for OnlyHttp1 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, counts: Arc<Counts>) {
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, counts) = (tls.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            let stream = TokioIo::new(tls.accept(stream).await.ok()?);
            let answer = service_fn(move |_request| answer(Arc::clone(&counts)));
            hyper::server::conn::http1::Builder::new().serve_connection(stream, answer).await.ok()
        });
    }
}

async fn answer(counts: Arc<Counts>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    counts.calls.fetch_add(1, Ordering::SeqCst);
    let now = counts.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    counts.peak.fetch_max(now, Ordering::SeqCst);
    // a few turns of the runtime, so that calls overlap
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    counts.in_flight.fetch_sub(1, Ordering::SeqCst);
    Ok(Response::builder().header("content-type", "application/json").body(Full::from(ANSWER)).unwrap())
}
