//! Takes connections: a bounded number of them, TLS under a deadline, each in a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::connection::{self, Answer, Protocol};
use super::tls::HTTP_2;
use crate::live::Live;
use crate::telemetry::Metrics;

/// Pause after an accept that failed for want of file handles or memory, doubled up to the second one.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// A bound socket and what its connections speak.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    /// TLS and counted, or plain and not.
    pub(super) tls: Option<(Live<ServerConfig>, Arc<Metrics>)>,
    pub(super) limits: Limits,
    pub(super) end: CancellationToken,
}

impl Listener {
    /// Takes connections until `end`; then answers what is in flight, for `limits.drain` at most.
    pub(super) async fn run<A: Answer>(self, answer: Arc<A>) {
        let mut connections = JoinSet::new();
        let places = Arc::new(Semaphore::new(self.limits.connections));
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.end.cancelled() => break,
                Some(_ended) = connections.join_next() => {
                    self.count_open(&connections);
                    continue;
                }
                accepted = accept(&self.socket) => accepted,
            };
            let Ok((stream, client)) = accepted else { continue };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                self.count_refused("limit");
                continue; // dropping the stream closes it
            };
            let (tls, limits, end) = (self.tls.clone(), self.limits, self.end.clone());
            let answer = Arc::clone(&answer);
            connections.spawn(async move {
                take(stream, client, tls, answer, limits, end).await;
                drop(place);
            });
            self.count_open(&connections);
        }
        drop(self.socket);
        let drained = async { while connections.join_next().await.is_some() {} };
        // What is left after that is dropped with the set.
        let _in_time = timeout(self.limits.drain, drained).await;
    }

    fn count_open(&self, connections: &JoinSet<()>) {
        if let Some((_tls, metrics)) = &self.tls {
            metrics.connections(connections.len());
        }
    }

    fn count_refused(&self, why: &'static str) {
        if let Some((_tls, metrics)) = &self.tls {
            metrics.connection_refused(why);
        }
    }
}

async fn accept(socket: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (first, longest) = PAUSE;
    let pauses = ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).without_max_times();
    (|| socket.accept()).retry(pauses).await
}

async fn take<A: Answer>(
    stream: TcpStream,
    client: SocketAddr,
    tls: Option<(Live<ServerConfig>, Arc<Metrics>)>,
    answer: Arc<A>,
    limits: Limits,
    end: CancellationToken,
) {
    // Answers are small and whole: waiting to fill a packet only delays them.
    let _without_it_slower = stream.set_nodelay(true);
    let client: Arc<str> = client.to_string().into();
    let Some((config, metrics)) = tls else {
        return connection::serve(stream, Protocol::Http1, client, answer, limits, end).await;
    };
    let handshake = timeout(limits.handshake, TlsAcceptor::from(config.now()).accept(stream));
    let stream = tokio::select! {
        biased;
        handshake = handshake => match handshake {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                metrics.connection_refused("handshake");
                tracing::debug!(client = &*client, error = %error, "TLS handshake failed");
                return;
            }
            Err(_elapsed) => {
                metrics.connection_refused("handshake_timeout");
                return;
            }
        },
        () = end.cancelled() => return,
    };
    let protocol = match stream.get_ref().1.alpn_protocol() {
        Some(HTTP_2) => Protocol::Http2,
        _ => Protocol::Http1,
    };
    connection::serve(stream, protocol, client, answer, limits, end).await;
}
