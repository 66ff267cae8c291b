//! Start and end of the server, and what stands between.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use iam_bridge::aws::Connector;
use iam_bridge::clock::Clock;
use iam_bridge::demo;
use iam_bridge::demo::sts::Behaviour;
use iam_bridge::server::{self, StartError};

use super::wire::{LONG, eventually};
use super::{review, start, wire};
use crate::harness::bridge::Bridge;

#[tokio::test]
async fn a_port_in_use_ends_the_start_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = demo::settings(directory.path()).unwrap();
    settings.address = taken.local_addr().unwrap();
    std::fs::write(directory.path().join("config.yaml"), "clusterID: c\n").unwrap();
    let bridge = start(|_| {}).await;
    let connector = Connector::fixed(bridge.sts.address(), bridge.sts.ca_pem()).unwrap();
    let error = server::start(settings, connector, Clock::system()).await.unwrap_err();
    assert!(matches!(error, StartError::Bind { .. }), "{error:?}");
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");
    assert!(!directory.path().join("webhook.kubeconfig").exists(), "nothing was written");
}

#[tokio::test]
async fn a_health_port_in_use_is_only_logged() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let bridge = start(|settings| settings.health_address = address).await;
    assert_eq!(bridge.server.health_address(), None);
    assert_eq!(wire(&bridge).await.ask("GET", "/readyz", "").await.status, 200);
}

#[tokio::test]
async fn a_drain_answers_what_is_in_flight_and_takes_nothing_new() {
    let bridge = start(|_| {}).await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    let mut busy = wire(&bridge).await;
    let mut idle = wire(&bridge).await;
    assert_eq!(idle.ask("GET", "/livez", "").await.status, 200);
    bridge.sts.behave(Behaviour::Hang);
    busy.write(&wire::request("POST", "/authenticate", &review(&token))).await;
    bridge.sts.called(1).await;
    let address: SocketAddr = bridge.server.address();
    let Bridge { server, sts, .. } = bridge;
    let drained = tokio::spawn(server.drain());
    idle.closed().await;
    eventually("no listener", async || tokio::net::TcpStream::connect(address).await.is_err()).await;
    assert!(!drained.is_finished(), "one review is in flight");
    sts.behave(Behaviour::Honest);
    assert_eq!(busy.read().await.unwrap().status, 200);
    tokio::time::timeout(LONG, drained).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let bridge = start(|settings| {
        settings.limits.drain = Duration::from_millis(50);
    })
    .await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    bridge.sts.behave(Behaviour::Hang);
    let mut busy = wire(&bridge).await;
    busy.write(&wire::request("POST", "/authenticate", &review(&token))).await;
    bridge.sts.called(1).await;
    let Bridge { server, .. } = bridge;
    tokio::time::timeout(LONG, server.drain()).await.unwrap();
    assert_eq!(busy.read().await, None);
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_cancel_shared_work() {
    let bridge = start(|_| {}).await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    bridge.sts.behave(Behaviour::Hang);
    let mut first = wire(&bridge).await;
    first.write(&wire::request("POST", "/authenticate", &review(&token))).await;
    bridge.sts.called(1).await;
    drop(first);
    let mut second = wire(&bridge).await;
    second.write(&wire::request("POST", "/authenticate", &review(&token))).await;
    bridge.sts.behave(Behaviour::Honest);
    assert_eq!(second.read().await.unwrap().status, 200);
    assert_eq!(bridge.sts.calls(), 1);
}

#[tokio::test]
async fn a_bad_config_on_reload_keeps_the_table_and_shows_in_readyz_and_metrics() {
    let bridge = start(|_| {}).await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    let mut wire = wire(&bridge).await;
    bridge.rewrite_config("  mapRoles: [{rolearn: not-an-arn, username: x}]\n");
    bridge.server.reload();
    eventually("a fault in the detail", async || {
        let seen = wire.ask("GET", "/readyz", "").await;
        assert_eq!(seen.status, 200, "unready would take every replica out at once");
        assert!(!seen.body.contains("not-an-arn"), "anyone may read it: {}", seen.body);
        seen.body.contains("MountedFile") && seen.body.contains("config.yaml:3:")
    })
    .await;
    assert!(wire.ask("GET", "/metrics", "").await.body.contains("iam_bridge_source_stale{source=\"MountedFile\"} 1"));
    assert_eq!(wire.post(&review(&token)).await.status, 200, "the table from before answers");
}
