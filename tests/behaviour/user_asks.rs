//! Asks of users that are seen from outside only: through the server, over TLS.

use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use iam_bridge::demo::sts::Behaviour;
use iam_bridge::demo::{Answer, Webhook};
use secrecy::{ExposeSecret, SecretString};

use crate::harness::bridge::Bridge;

const DEPLOYERS: &str = "  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/Deployer
    username: deployer:{{SessionName}}
    groups: [deployers]
";

/// An edit is seen within 2 s; a test may have to share its machine.
const SEEN: Duration = Duration::from_secs(20);

/// Asks again until the answer is as wanted.
async fn ask_until(webhook: &mut Webhook, token: &SecretString, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let began = Instant::now();
    loop {
        let answer = webhook.review(token).await.unwrap();
        if wanted(&answer) {
            return answer;
        }
        assert!(began.elapsed() < SEEN, "still {:?}", answer.body);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn u24_a_denied_access_key_is_refused_although_its_token_is_cached() {
    let bridge = Bridge::start(DEPLOYERS).await;
    let mut webhook = bridge.connect().await;
    let leaked = bridge.introduce("Deployer", "alice");
    let other = bridge.introduce("Deployer", "bob");
    let (leaked_token, other_token) = (bridge.token(&leaked), bridge.token(&other));
    for token in [&leaked_token, &other_token] {
        assert!(webhook.review(token).await.unwrap().authenticated());
    }
    assert_eq!(bridge.sts.calls(), 2);

    let deny = format!("{DEPLOYERS}  deny:\n  - accessKeyID: {}\n    reason: leaked\n", leaked.access_key_id);
    bridge.rewrite_config(&deny);
    let refused = ask_until(&mut webhook, &leaked_token, |answer| !answer.authenticated()).await;
    assert_eq!(refused.text("/status/error").as_deref(), Some("denied"));
    assert!(webhook.review(&other_token).await.unwrap().authenticated(), "the same role with another key");

    bridge.rewrite_config(DEPLOYERS);
    ask_until(&mut webhook, &leaked_token, Answer::authenticated).await;
    assert_eq!(bridge.sts.calls(), 2, "who they are was known all along");
}

#[tokio::test]
async fn u24_denying_wins_over_every_mapping_of_the_same_principal() {
    let config = format!("{DEPLOYERS}  mapAccounts: ['111122223333']\n  deny:\n  - sessionName: mallory\n");
    let bridge = Bridge::start(&config).await;
    let mut webhook = bridge.connect().await;
    for (session, user) in [("alice", Some("deployer:alice")), ("mallory", None)] {
        let token = bridge.token(&bridge.introduce("Deployer", session));
        let answer = webhook.review(&token).await.unwrap();
        assert_eq!(answer.text("/status/user/username").as_deref(), user);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u7_a_thousand_equal_tokens_at_once_are_one_call_to_sts() {
    let bridge = Bridge::start(DEPLOYERS).await;
    let token = bridge.token(&bridge.introduce("Deployer", "alice"));
    bridge.sts.behave(Behaviour::Hang);
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..16 {
        // Streams of one connection are answered independently, so 16 connections hold a thousand questions.
        let connection = bridge.connect_h2().await;
        for _ in 0..63 {
            let (mut connection, review) = (connection.clone(), review(&token));
            asked.spawn(async move {
                let answer = connection.send_request(review).await.unwrap();
                let status = answer.status();
                (status, answer.into_body().collect().await.unwrap().to_bytes())
            });
        }
    }
    bridge.sts.called(1).await;
    bridge.sts.behave(Behaviour::Honest);
    while let Some(answer) = asked.join_next().await {
        let (status, body) = answer.unwrap();
        assert_eq!(status, StatusCode::OK);
        assert!(String::from_utf8_lossy(&body).contains("deployer:alice"));
    }
    assert_eq!(bridge.sts.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u7_distinct_tokens_never_hold_more_places_at_sts_than_there_are() {
    let bridge = Bridge::start_with(DEPLOYERS, iam_bridge::clock::Clock::system(), |settings| {
        settings.sts.max_in_flight = 4;
    })
    .await;
    bridge.sts.behave(Behaviour::Hang);
    let connection = bridge.connect_h2().await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..50 {
        let token = bridge.token(&bridge.introduce("Deployer", &format!("person-{number}")));
        let (mut connection, review) = (connection.clone(), review(&token));
        asked.spawn(async move {
            let answer = connection.send_request(review).await.unwrap();
            answer.into_body().collect().await.unwrap().to_bytes()
        });
    }
    bridge.sts.called(1).await;
    bridge.sts.behave(Behaviour::Honest);
    let mut users = std::collections::BTreeSet::new();
    while let Some(body) = asked.join_next().await {
        let answer: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        users.insert(answer["status"]["user"]["username"].to_string());
    }
    assert_eq!(users.len(), 50, "{users:?}");
    assert!(bridge.sts.peak_in_flight() <= 4, "{} at once", bridge.sts.peak_in_flight());
    assert!(bridge.sts.connections() <= 4, "{} connections", bridge.sts.connections());
}

#[tokio::test]
async fn u7_throttling_refuses_new_callers_and_keeps_known_ones() {
    let bridge = Bridge::start_with(DEPLOYERS, iam_bridge::clock::Clock::system(), |settings| {
        settings.deny_status = iam_bridge::server::DenyStatus::Forbidden;
    })
    .await;
    let mut webhook = bridge.connect().await;
    let known = bridge.token(&bridge.introduce("Deployer", "alice"));
    assert!(webhook.review(&known).await.unwrap().authenticated());

    bridge.sts.behave(Behaviour::Throttle);
    let new = bridge.token(&bridge.introduce("Deployer", "bob"));
    assert_eq!(webhook.review(&new).await.unwrap().status, StatusCode::TOO_MANY_REQUESTS);
    assert!(webhook.review(&known).await.unwrap().authenticated());

    bridge.sts.behave(Behaviour::Honest);
    assert!(webhook.review(&new).await.unwrap().authenticated(), "throttling is not remembered");
}

fn review(token: &SecretString) -> Request<Full<bytes::Bytes>> {
    let review = serde_json::json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token.expose_secret()},
    });
    let request = Request::post("https://127.0.0.1/authenticate").header("content-type", "application/json");
    request.body(Full::new(review.to_string().into())).unwrap()
}
