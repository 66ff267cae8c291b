//! The API server asks much at once and gives half of it up.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use iam_bridge::demo::sts::Behaviour;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::server::wire::eventually;
use crate::harness::bridge::Bridge;

/// Few, since callers that were never seen before get few places at STS.
const PEOPLE: usize = 5;
const STREAMS: usize = 200;
/// Of one connection.
const MOST_STREAMS: usize = 50;

const CONFIG: &str = "  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/Dev
    username: '{{SessionName}}'
";

#[tokio::test]
async fn api_8_of_200_parallel_streams_half_are_cancelled_and_the_work_they_shared_is_done() {
    let bridge = Bridge::start(CONFIG).await;
    let sessions: Vec<String> = (0..PEOPLE).map(|number| format!("person-{number}")).collect();
    let tokens: Vec<_> = sessions.iter().map(|session| bridge.token(&bridge.introduce("Dev", session))).collect();
    let review = |number: usize| {
        let body = json!({"spec": {"token": tokens[number % PEOPLE].expose_secret()}}).to_string();
        Request::post("https://localhost/authenticate").body(Full::from(body)).unwrap()
    };
    bridge.sts.behave(Behaviour::Hang);
    let mut streams = Vec::new();
    for connection in 0..STREAMS / MOST_STREAMS {
        let mut sender = bridge.connect_h2().await;
        for number in 0..MOST_STREAMS {
            let answer = sender.send_request(review(connection * MOST_STREAMS + number));
            streams.push(tokio::spawn(async move { username(answer.await.unwrap()).await }));
        }
    }
    // Each person is asked about once; who asked first is among those that give up.
    bridge.sts.called(u64::try_from(PEOPLE).unwrap()).await;
    let mut kept = Vec::new();
    for (number, stream) in streams.into_iter().enumerate() {
        if (number / PEOPLE).is_multiple_of(2) {
            stream.abort();
            assert!(stream.await.unwrap_err().is_cancelled());
        } else {
            kept.push(stream);
        }
    }
    bridge.sts.behave(Behaviour::Honest);
    let mut named = BTreeSet::new();
    for stream in kept {
        named.insert(stream.await.unwrap());
    }
    assert_eq!(named, sessions.into_iter().collect());
    assert_eq!(bridge.sts.calls(), u64::try_from(PEOPLE).unwrap(), "one call a token");

    // Nothing of it is left over, and all of it is known.
    let mut sender = bridge.connect_h2().await;
    for number in 0..PEOPLE {
        username(sender.send_request(review(number)).await.unwrap()).await;
    }
    assert_eq!(bridge.sts.calls(), u64::try_from(PEOPLE).unwrap());
    drop(sender);
    let mut probe = bridge.connect().await;
    eventually("nothing in flight, one connection", async || {
        let metrics = probe.send(http::Method::GET, "/metrics", Bytes::new()).await.unwrap();
        let text = String::from_utf8_lossy(&metrics.body).into_owned();
        text.contains("iam_bridge_sts_calls_in_flight 0\n") && text.contains("iam_bridge_connections 1\n")
    })
    .await;
}

async fn username(answer: Response<hyper::body::Incoming>) -> String {
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    review["status"]["user"]["username"].as_str().unwrap_or_else(|| panic!("{review}")).to_owned()
}
