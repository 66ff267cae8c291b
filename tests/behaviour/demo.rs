//! The demo and its STS: what the whole suite stands on must itself be right.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::demo::sts::{Behaviour, Principal, Scripted, Sts};
use iam_bridge::demo::{self, Answer, Webhook, WebhookError};
use serde_json::Value;

use crate::harness::process::{Server, binary, clean, iam_bridge, run, run_ok};
use crate::harness::waiting::until;

/// What the demo must show, in its order.
const SHOWN: [&str; 12] = [
    "a role",
    "a user",
    "an SSO role",
    "a wildcard",
    "a denied principal",
    "a forged signature",
    "another cluster's token",
    "an expired token",
    "not yet mapped",
    "mapped while running",
    "STS off, known caller",
    "STS off, new caller",
];

#[tokio::test]
async fn every_answer_of_the_demo_is_as_expected() {
    let (report, stage) = demo::run().await.unwrap();
    assert!(report.as_expected, "{}", report.to_text());
    assert_eq!(report.rows.iter().map(|row| row.shows).collect::<Vec<_>>(), SHOWN);
    let text = report.to_text();
    assert!(text.is_ascii(), "{text}");
    assert!(text.ends_with("12 of 12 answers as expected"), "{text}");
    assert!(!text.contains("system:") && !report.to_json().contains("system:"));
    // The stage is as good as new: the STS answers again, for a token that nobody has seen.
    let token = stage.token(&stage.guest().with_new_key().unwrap()).unwrap();
    let mut stage = stage;
    let answer = stage.ask(&token).await.unwrap();
    assert_eq!(answer.text("/status/error").as_deref(), Some("sts_refused"), "a key that STS does not know");
    stage.stop().await;
}

#[test]
fn the_demo_as_a_command_exits_0_and_speaks_json() {
    let text = run(iam_bridge().arg("demo"));
    assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""), "{}", text.stdout);
    for shown in SHOWN {
        assert!(text.stdout.contains(shown), "{shown}: {}", text.stdout);
    }
    let report: Value = serde_json::from_str(&run_ok(iam_bridge().args(["demo", "-o", "json"]))).unwrap();
    assert_eq!(report["asExpected"], true, "{report}");
    for row in report["rows"].as_array().unwrap() {
        assert_eq!(row["decision"], row["expected"], "{row}");
        assert!(row["firstUs"].as_u64() > Some(0) && row["againUs"].as_u64() > Some(0), "{row}");
    }
}

#[test]
fn the_demo_that_stays_up_prints_a_curl_line_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = iam_bridge();
    command.args(["demo", "--serve"]).env("TMPDIR", folder.path());
    let server = Server::start(&command, folder.path().join("out"));
    let curl = until("the invitation", Duration::from_secs(60), || {
        let said = server.log();
        said.contains("--authentication-token-webhook-config-file=").then_some(())?;
        said.lines().find(|line| line.starts_with("curl ")).map(str::to_owned)
    });
    if run(clean("curl").arg("--version")).code == Some(0) {
        let answer: Value = serde_json::from_str(&run_ok(clean("sh").args(["-c", &curl]))).unwrap();
        assert_eq!(answer["status"]["user"]["username"], "deployer:alice", "{answer}");
    }
    let said = server.log();
    let keys = said.lines().find(|line| line.starts_with("AWS_ACCESS_KEY_ID=")).unwrap();
    let keys = keys.replace(" iam-bridge ", &format!(" {} ", binary().display()));
    assert!(run_ok(clean("sh").args(["-c", &keys])).starts_with("k8s-aws-v1."), "{keys}");
    let flag = said.lines().find_map(|line| line.strip_prefix("--authentication-token-webhook-config-file="));
    assert!(std::fs::read_to_string(flag.unwrap()).unwrap().contains("https://127.0.0.1:"), "{said}");
}

/// A `sign` case of `token_generate.json`: what the reference's own signer made.
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
