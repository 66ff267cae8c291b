//! One connection from its first byte to its last: HTTP/1 or HTTP/2, under timers that run.
//!
//! ```text
//! first byte of a head ──10 s──▶ request ──10 s──▶ body ──▶ answer ──120 s without another──▶ closed
//! ```
//!
//! hyper's own header timer also runs while a kept connection is idle, and there is none before an HTTP/2 preface. So
//! the socket's reads and the requests' begins and ends are noted, and one deadline follows from them.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::framing::HeadScan;
use super::routes;

/// HTTP/2 streams that were reset before they were served (rapid reset), and those reset for errors of the client.
const PENDING_RESETS: usize = 20;
const ERROR_RESETS: usize = 64;
/// HTTP/2 windows: a TokenReview fits, a hundred streams of them do not fill memory.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// Pings to a peer with streams open; one that is gone is noticed.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_ANSWER: Duration = Duration::from_secs(10);
/// For the goodbye of a connection that is closed for a limit.
const GOODBYE: Duration = Duration::from_millis(500);
/// Nothing is due: look again after this.
const FAR: Duration = Duration::from_secs(3600);
const UNSET: u64 = u64::MAX;

/// Which HTTP a connection speaks; settled by ALPN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Who answers the requests of a listener.
pub(super) trait Answer: Send + Sync + 'static {
    /// The answer to one request of `client`.
    fn answer(&self, request: Request<Incoming>, client: &str) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// Serves a connection until it ends, breaks a limit, or `end` has come and its requests are answered.
pub(super) async fn serve<A: Answer, IO: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    io: IO,
    protocol: Protocol,
    client: Arc<str>,
    answer: Arc<A>,
    limits: Limits,
    end: CancellationToken,
) {
    let activity = Arc::new(Activity::new(protocol));
    let io = TokioIo::new(Watched { io, activity: Arc::clone(&activity) });
    let for_requests = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let exchange = Exchange::begin(&for_requests, &request);
        let (answer, client) = (Arc::clone(&answer), Arc::clone(&client));
        async move {
            let response = match exchange.ambiguous {
                true => routes::bad_request(),
                false => answer.answer(request, &client).await,
            };
            drop(exchange);
            Ok::<_, Infallible>(response)
        }
    });
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(None)
                .max_header_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX))
                .max_buf_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX).saturating_mul(4))
                .serve_connection(io, service);
            drive(connection, &activity, limits, end).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(limits.streams)
                .max_header_list_size(limits.header_bytes)
                .max_pending_accept_reset_streams(PENDING_RESETS)
                .max_local_error_reset_streams(ERROR_RESETS)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_ANSWER)
                .serve_connection(io, service);
            drive(connection, &activity, limits, end).await;
        }
    }
}

/// Polls a connection and its deadline together. What is due is closed as the protocol does it, then dropped.
async fn drive<C: GracefulConnection>(connection: C, activity: &Activity, limits: Limits, end: CancellationToken) {
    let mut connection = pin!(connection);
    let mut ended = pin!(end.cancelled());
    let mut ending = false;
    let mut dropped_at = None;
    let mut armed = activity.due(&limits);
    let mut timer = pin!(sleep_until(armed));
    poll_fn(|cx| {
        if !ending && ended.as_mut().poll(cx).is_ready() {
            ending = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(()); // what went wrong is the peer's business
            }
            // The timer is moved only for what is due earlier; a later deadline is looked up when it fires.
            let due = dropped_at.unwrap_or_else(|| activity.due(&limits));
            if due < armed {
                armed = due;
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if due > Instant::now() {
                armed = due;
                timer.as_mut().reset(due);
            } else if dropped_at.is_some() {
                return Poll::Ready(());
            } else {
                dropped_at = Some(Instant::now() + GOODBYE);
                connection.as_mut().graceful_shutdown();
            }
        }
    })
    .await;
}

/// What a connection is at, in milliseconds since it was taken.
struct Activity {
    protocol: Protocol,
    since: Instant,
    requests_open: AtomicUsize,
    head_began: AtomicU64,
    idle_since: AtomicU64,
    had_request: AtomicBool,
    head: Mutex<HeadScan>,
}

impl Activity {
    fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            since: Instant::now(),
            requests_open: AtomicUsize::new(0),
            head_began: AtomicU64::new(UNSET),
            idle_since: AtomicU64::new(0),
            had_request: AtomicBool::new(false),
            head: Mutex::default(),
        }
    }

    fn due(&self, limits: &Limits) -> Instant {
        if self.requests_open.load(Ordering::Acquire) > 0 {
            return Instant::now() + FAR;
        }
        if !self.had_request.load(Ordering::Acquire) {
            return self.since + limits.headers;
        }
        let idle_ends = self.at(self.idle_since.load(Ordering::Acquire)) + limits.idle;
        match self.head_began.load(Ordering::Acquire) {
            UNSET => idle_ends,
            began => idle_ends.min(self.at(began) + limits.headers),
        }
    }

    /// Bytes came in. Between HTTP/2 requests they may be pings or window updates: only its idle time counts.
    fn received(&self, bytes: &[u8]) {
        if self.protocol == Protocol::Http2 || self.requests_open.load(Ordering::Acquire) > 0 {
            return;
        }
        if self.head_began.load(Ordering::Acquire) == UNSET {
            self.head_began.store(self.now(), Ordering::Release);
        }
        if let Ok(mut head) = self.head.lock() {
            head.read(bytes);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(UNSET - 1)
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.since + Duration::from_millis(milliseconds)
    }
}

/// A request from its head to its answer.
struct Exchange {
    activity: Arc<Activity>,
    ambiguous: bool,
}

impl Exchange {
    fn begin<B>(activity: &Arc<Activity>, request: &Request<B>) -> Self {
        activity.requests_open.fetch_add(1, Ordering::AcqRel);
        activity.had_request.store(true, Ordering::Release);
        activity.head_began.store(UNSET, Ordering::Release);
        let chunked = request.headers().contains_key(TRANSFER_ENCODING);
        let ambiguous =
            activity.protocol == Protocol::Http1 && activity.head.lock().map_or(true, |mut head| head.judge(chunked));
        Self { activity: Arc::clone(activity), ambiguous }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.activity.idle_since.store(self.activity.now(), Ordering::Release);
        self.activity.requests_open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A socket whose reads are noted.
struct Watched<IO> {
    io: IO,
    activity: Arc<Activity>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(bytes) = buf.filled().get(before..)
            && !bytes.is_empty()
        {
            self.activity.received(bytes);
        }
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
