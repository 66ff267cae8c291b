//! The demo and its STS: what the whole suite stands on must itself be right.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::demo::sts::{Behaviour, Principal, Scripted, Sts};
use iam_bridge::demo::{Answer, Webhook, WebhookError};
use serde_json::Value;

/// A `sign` case of token_generate.json: what the reference's own signer made.
struct Signed {
    name: String,
    principal: Principal,
    cluster_id: String,
    url: String,
    at: UnixSeconds,
}

fn signed_by_the_reference() -> Vec<Signed> {
    let text = std::fs::read_to_string("tests/vectors/token_generate.json").unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    cases.iter().filter(|case| case["input"]["op"] == "sign").map(signed).collect()
}

fn signed(case: &Value) -> Signed {
    let input = |name: &str| case["input"][name].as_str().unwrap_or_default().to_owned();
    let token = Some(input("session_token")).filter(|token| !token.is_empty());
    let principal = Principal {
        access_key_id: input("access_key_id"),
        secret_access_key: input("secret_access_key").into(),
        session_token: token.map(Into::into),
        ..Principal::user("111122223333", "alice").unwrap()
    };
    Signed {
        name: case["name"].as_str().unwrap().to_owned(),
        principal,
        cluster_id: input("cluster_id"),
        url: case["expect"]["url"].as_str().unwrap().to_owned(),
        at: UnixSeconds(case["input"]["unix_time"].as_i64().unwrap()),
    }
}

impl Signed {
    async fn send(&self, sts: &Sts, cluster_id: &str) -> Result<Answer, WebhookError> {
        let (host, target) = self.url.strip_prefix("https://").unwrap().split_once('/').unwrap();
        let mut connection = Webhook::connect(sts.address(), host, sts.ca_pem()).await?;
        connection.ask(question(&format!("/{target}"), cluster_id)).await
    }
}

fn question(target: &str, cluster_id: &str) -> Request<Full<Bytes>> {
    let request = Request::get(target).header("x-k8s-aws-id", cluster_id).header("accept", "application/json");
    request.body(Full::default()).unwrap()
}

#[tokio::test]
async fn the_sts_accepts_what_the_reference_signs_and_nothing_that_was_changed() {
    let cases = signed_by_the_reference();
    assert!(!cases.is_empty());
    for case in cases {
        let (clock, hand) = Clock::manual(case.at);
        let sts = Sts::start_with(clock).await.unwrap();
        let unknown = case.send(&sts, &case.cluster_id).await.unwrap();
        assert_eq!(code(&unknown), (StatusCode::FORBIDDEN, "InvalidClientTokenId".to_owned()), "{}", case.name);

        sts.add(case.principal.clone());
        let answer = case.send(&sts, &case.cluster_id).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}: {:?}", case.name, answer.body);
        let arn = answer.text("/GetCallerIdentityResponse/GetCallerIdentityResult/Arn");
        assert_eq!(arn.as_deref(), Some("arn:aws:iam::111122223333:user/alice"));

        let mismatch = (StatusCode::FORBIDDEN, "SignatureDoesNotMatch".to_owned());
        assert_eq!(code(&case.send(&sts, "another-cluster").await.unwrap()), mismatch, "{}", case.name);
        let forged =
            Signed { url: case.url.replace("Version=2011-06-15", "Version=2011-06-16"), ..signed_again(&case) };
        assert_eq!(code(&forged.send(&sts, &case.cluster_id).await.unwrap()), mismatch, "{}", case.name);

        hand.advance(901);
        assert_eq!(code(&case.send(&sts, &case.cluster_id).await.unwrap()), mismatch, "{}: too old", case.name);
        assert_eq!(sts.calls(), 5);
    }
}

fn signed_again(case: &Signed) -> Signed {
    Signed {
        name: case.name.clone(),
        principal: case.principal.clone(),
        cluster_id: case.cluster_id.clone(),
        url: case.url.clone(),
        at: case.at,
    }
}

fn code(answer: &Answer) -> (StatusCode, String) {
    (answer.status, answer.text("/Error/Code").unwrap_or_default())
}

#[tokio::test]
async fn the_sts_misbehaves_as_it_is_told() {
    let case = signed_by_the_reference().into_iter().next().unwrap();
    let sts = Sts::start_with(Clock::manual(case.at).0).await.unwrap();
    sts.add(case.principal.clone());
    let ask = || case.send(&sts, &case.cluster_id);

    sts.behave(Behaviour::Throttle);
    assert_eq!(code(&ask().await.unwrap()), (StatusCode::BAD_REQUEST, "Throttling".to_owned()));

    sts.behave(Behaviour::Scripted(Scripted::json(StatusCode::IM_A_TEAPOT, "{}")));
    assert_eq!(ask().await.unwrap().status, StatusCode::IM_A_TEAPOT);

    sts.behave(Behaviour::Down);
    assert!(ask().await.is_err());

    sts.behave(Behaviour::Hang);
    let calls = sts.calls();
    let (answer, ()) = tokio::join!(ask(), async {
        sts.called(calls + 1).await;
        sts.behave(Behaviour::Honest);
    });
    assert_eq!(answer.unwrap().status, StatusCode::OK, "held, then answered");

    sts.behave(Behaviour::Slow(Duration::from_millis(1)));
    assert_eq!(ask().await.unwrap().status, StatusCode::OK);

    sts.expire(&case.principal.access_key_id);
    assert_eq!(code(&ask().await.unwrap()).1, "ExpiredToken");
}
