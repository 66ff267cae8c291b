//! What a connection may not do: each limit with a timer that runs, set small here.

use std::time::Duration;

use iam_bridge::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::wire::{LONG, Wire, eventually, request};
use super::{start, wire};
use crate::harness::bridge::Bridge;

const SHORT: Duration = Duration::from_millis(200);

async fn with_limits(adjust: impl FnOnce(&mut Limits)) -> Bridge {
    start(|settings| adjust(&mut settings.limits)).await
}

async fn metric(bridge: &Bridge, line: &str) -> bool {
    wire(bridge).await.ask("GET", "/metrics", "").await.body.contains(line)
}

#[tokio::test]
async fn a_client_that_never_shakes_hands_is_closed() {
    let bridge = with_limits(|limits| limits.handshake = SHORT).await;
    let mut stream = TcpStream::connect(bridge.server.address()).await.unwrap();
    let read = tokio::time::timeout(LONG, stream.read(&mut [0; 1])).await.expect("closed by the handshake limit");
    assert_eq!(read.unwrap_or(0), 0);
    assert!(metric(&bridge, "iam_bridge_connections_refused_total{why=\"handshake_timeout\"} 1").await);
    let mut stream = TcpStream::connect(bridge.server.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await.expect("closed at once");
    assert!(metric(&bridge, "iam_bridge_connections_refused_total{why=\"handshake\"} 1").await);
}

#[tokio::test]
async fn a_silent_or_slow_head_is_closed_on_first_and_later_requests() {
    let bridge = with_limits(|limits| limits.headers = SHORT).await;
    wire(&bridge).await.closed().await;
    let mut slow = wire(&bridge).await;
    slow.write("POST /authenticate HT").await;
    slow.closed().await;
    let mut later = wire(&bridge).await;
    assert_eq!(later.ask("GET", "/livez", "").await.status, 200);
    later.write("POST /auth").await;
    later.closed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_one_in_use_is_not() {
    let bridge = with_limits(|limits| (limits.idle, limits.headers) = (SHORT, LONG)).await;
    let mut idle = wire(&bridge).await;
    assert_eq!(idle.ask("GET", "/livez", "").await.status, 200);
    idle.closed().await;

    let mut sender = bridge.connect_h2().await;
    let request = http::Request::get("https://localhost/livez").body(http_body_util::Full::default()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    eventually("closed", async || sender.is_closed()).await;
}

#[tokio::test]
async fn an_http_2_client_without_a_request_is_closed() {
    let bridge = with_limits(|limits| limits.headers = SHORT).await;
    let sender = bridge.connect_h2().await;
    eventually("closed", async || sender.is_closed()).await;
}

#[tokio::test]
async fn a_slow_body_is_told_so_and_closed() {
    let bridge = with_limits(|limits| limits.body = SHORT).await;
    let mut wire = wire(&bridge).await;
    wire.write("POST /authenticate HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{").await;
    let seen = wire.read().await.unwrap();
    assert_eq!(seen.status, 408);
    wire.closed().await;
}

#[tokio::test]
async fn large_bodies_and_heads_are_refused() {
    let bridge = start(|_| {}).await;
    let mut announced = wire(&bridge).await;
    announced.write("POST /authenticate HTTP/1.1\r\nHost: a\r\nContent-Length: 262145\r\n\r\n").await;
    assert_eq!(announced.read().await.unwrap().status, 413);
    let mut chunked = wire(&bridge).await;
    chunked.write("POST /authenticate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    chunked.write(&format!("40001\r\n{}\r\n0\r\n\r\n", " ".repeat(0x40001))).await;
    assert_eq!(chunked.read().await.unwrap().status, 413);
    let largest = format!("{}{{}}", " ".repeat(256 * 1024 - 2));
    assert_eq!(wire(&bridge).await.post(&largest).await.status, 403, "256 KiB are a review");
    let mut head = wire(&bridge).await;
    head.write(&format!("GET /livez HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(16 * 1024))).await;
    assert_eq!(head.read().await.unwrap().status, 431);
}

#[tokio::test]
async fn ambiguous_framing_is_refused_before_a_handler_sees_it() {
    let bridge = start(|_| {}).await;
    let body = "{}";
    for (request, why) in [
        (
            format!(
                "POST /authenticate HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{body}\r\n0\r\n\r\n"
            ),
            "both lengths",
        ),
        (
            format!(
                "POST /authenticate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{body}\r\n0\r\n\r\n"
            ),
            "both lengths",
        ),
        (format!("POST /authenticate HTTP/1.1\nHost: a\nContent-Length: 2\n\n{body}"), "bare LF"),
        (
            format!("POST /authenticate HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\nContent-Length: 2\r\n\r\n{body}"),
            "obs-fold",
        ),
        (
            format!("POST /authenticate HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{body}"),
            "two lengths",
        ),
        (
            format!("POST /authenticate HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\n{body}"),
            "blank before the colon",
        ),
        (
            format!("POST /authenticate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n{body}"),
            "chunked is not last",
        ),
    ] {
        let mut wire = wire(&bridge).await;
        wire.write(&request).await;
        assert_eq!(wire.read().await.unwrap().status, 400, "{why}");
        wire.closed().await;
    }
    for (chunk, why) in [("FFFFFFFFFFFFFFFFF\r\n", "a huge size"), ("2\n{}\n0\n\n", "bare LF"), ("x\r\n", "no size")] {
        let mut wire = wire(&bridge).await;
        wire.write(&format!("POST /authenticate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"))
            .await;
        assert_eq!(wire.read().await.unwrap().status, 400, "{why}");
        wire.closed().await;
    }
    assert!(!metric(&bridge, "iam_bridge_denials_total").await, "nothing was decided");

    let mut honest = wire(&bridge).await;
    honest
        .write("POST /authenticate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        .await;
    assert_eq!(honest.read().await.unwrap().status, 403, "chunked alone is a review");
    honest.write(&request("GET", "/livez", "")).await;
    assert_eq!(honest.read().await.unwrap().status, 200, "and its connection goes on");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_and_counted() {
    let bridge = with_limits(|limits| limits.connections = 2).await;
    let mut first = wire(&bridge).await;
    let second = wire(&bridge).await;
    let mut third = TcpStream::connect(bridge.server.address()).await.unwrap();
    assert_eq!(tokio::time::timeout(LONG, third.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    let metrics = first.ask("GET", "/metrics", "").await.body;
    assert!(metrics.contains("iam_bridge_connections_refused_total{why=\"limit\"} 1"), "{metrics}");
    assert!(metrics.contains("iam_bridge_connections 2"), "{metrics}");
    drop(second);
    // The place is free once the server has seen the end.
    let config = wire::client_config(bridge.server.ca_pem(), None);
    let connect = async || Wire::connect_with(bridge.server.address(), config.clone()).await.is_ok();
    eventually("a free place", connect).await;
}
