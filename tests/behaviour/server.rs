//! The webhook through its socket: what is asked, what is answered.

mod limits;
mod operation;
pub(crate) mod wire;

use iam_bridge::clock::Clock;
use iam_bridge::server::{DecisionLog, DenyStatus, Settings};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::harness::bridge::Bridge;
use wire::{Seen, Wire};

const CONFIG: &str = "  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/Dev
    username: dev:{{SessionName}}
    groups: [developers, \"a<b>&c\"]
  - rolearn: arn:aws:iam::111122223333:role/Bare
    username: bare
";
const REFUSAL: &str = r#"{"metadata":{},"spec":{},"status":{"user":{}}}"#;

/// A server with the settings of an operator who set none but a test's own.
async fn start(adjust: impl FnOnce(&mut Settings)) -> Bridge {
    Bridge::start_with(CONFIG, Clock::system(), |settings| {
        settings.deny_status = DenyStatus::Forbidden;
        adjust(settings);
    })
    .await
}

async fn wire(bridge: &Bridge) -> Wire {
    Wire::connect(bridge.server.address(), bridge.server.ca_pem()).await
}

fn review(token: &SecretString) -> String {
    json!({"spec": {"token": token.expose_secret()}}).to_string()
}

fn typed(version: &str, token: &SecretString) -> String {
    let spec = json!({"token": token.expose_secret()});
    json!({"apiVersion": version, "kind": "TokenReview", "spec": spec}).to_string()
}

#[tokio::test]
async fn a_mapped_caller_is_answered_byte_for_byte_as_the_reference_does() {
    let bridge = start(|_| {}).await;
    let dev = bridge.introduce("Dev", "alice@example");
    let token = bridge.token(&dev);
    let mut wire = wire(&bridge).await;

    let seen = wire.post(&review(&token)).await;
    let id = dev.user_id.split(':').next().unwrap();
    let key = &dev.access_key_id;
    let status = format!(
        "\"status\":{{\"authenticated\":true,\"user\":{{\"username\":\"dev:alice-example\",\
         \"uid\":\"aws-iam-authenticator:111122223333:{id}\",\
         \"groups\":[\"developers\",\"a\\u003cb\\u003e\\u0026c\"],\
         \"extra\":{{\"accessKeyId\":[\"{key}\"],\
         \"arn\":[\"arn:aws:sts::111122223333:assumed-role/Dev/alice@example\"],\
         \"canonicalArn\":[\"arn:aws:iam::111122223333:role/Dev\"],\
         \"principalId\":[\"{id}\"],\"sessionName\":[\"alice@example\"],\
         \"sigs.k8s.io/aws-iam-authenticator/principalId\":[\"{id}\"]}}}}}}}}\n"
    );
    assert_eq!(seen.body, format!("{{\"metadata\":{{}},\"spec\":{{}},{status}"));
    assert_eq!(seen.status, 200);
    assert!(seen.headers.contains("content-type: application/json; charset=utf-8"), "{}", seen.headers);

    for version in ["authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"] {
        let seen = wire.post(&typed(version, &token)).await;
        let begin = format!("{{\"kind\":\"TokenReview\",\"apiVersion\":\"{version}\",\"metadata\":{{}},\"spec\":{{}},");
        assert_eq!(seen.body, begin + &status);
    }
    let seen = wire.post(&typed("authentication.k8s.io/v2", &token)).await;
    assert_eq!(seen.body, format!("{{\"metadata\":{{}},\"spec\":{{}},{status}"), "a version that is not known");
}

#[tokio::test]
async fn empty_groups_are_left_out() {
    let bridge = start(|_| {}).await;
    let token = bridge.token(&bridge.introduce("Bare", "s"));
    let user = wire(&bridge).await.post(&review(&token)).await.json()["status"]["user"].clone();
    assert_eq!((user["username"].as_str(), user.get("groups")), (Some("bare"), None));
}

#[tokio::test]
async fn every_refusal_has_the_same_body_and_no_reason_for_the_caller() {
    let bridge = start(|_| {}).await;
    let stranger = bridge.introduce("Stranger", "s");
    let forged = bridge.introduce("Dev", "s").with_new_key().unwrap();
    let mut wire = wire(&bridge).await;
    for token in [bridge.token(&stranger), bridge.token(&forged), "k8s-aws-v1.junk".into(), String::new().into()] {
        let seen = wire.post(&typed("authentication.k8s.io/v1", &token)).await;
        assert_eq!((seen.status, seen.body.as_str()), (403, REFUSAL));
    }
    for body in ["{}", "null", r#"{"spec":null}"#, r#"{"spec":{"token":null}}"#] {
        let seen = wire.post(body).await;
        assert_eq!((seen.status, seen.body.as_str()), (403, REFUSAL), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_review_is_told_so_in_words() {
    let bridge = start(|_| {}).await;
    let mut wire = wire(&bridge).await;
    let no_review = "expected a request body to be a TokenReview\n";
    for (body, why) in [
        ("", "empty"),
        ("x", "no JSON"),
        ("[]", "an array"),
        ("7", "a number"),
        (r#"{"spec":{"token":7}}"#, "a number for a token"),
        (r#"{"spec":{"token":"a}}"#, "cut off"),
        (r#"{"spec":[]}"#, "an array for a spec"),
    ] {
        let seen = wire.post(body).await;
        assert_eq!((seen.status, seen.body.as_str()), (400, no_review), "{why}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let seen = wire.ask(method, "/authenticate", "").await;
        assert_eq!((seen.status, seen.body.as_str()), (405, "expected POST\n"), "{method}");
        assert!(seen.headers.contains("content-type: text/plain; charset=utf-8"), "{}", seen.headers);
    }
    for path in ["/", "/authenticate/", "/Authenticate", "/debug/pprof"] {
        let seen = wire.ask("GET", path, "").await;
        assert_eq!((seen.status, seen.body.as_str()), (404, "404 page not found\n"), "{path}");
    }
    let metrics = wire.ask("GET", "/metrics", "").await.body;
    let malformed = "aws_iam_authenticator_authenticate_latency_seconds_count{result=\"malformed_request\"} 10";
    assert!(metrics.contains(malformed), "{metrics}");
}

#[tokio::test]
async fn a_review_is_read_as_gos_decoder_reads_it() {
    let bridge = start(|_| {}).await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    let token = token.expose_secret();
    let mut wire = wire(&bridge).await;
    for (body, why) in [
        (format!(r#"{{"SPEC":{{"Token":"{token}"}}}}"#), "names without case"),
        (format!(r#"{{"spec":{{"token":"{token}"}}}} and more"#), "only the first value is read"),
        (format!(r#"{{"spec":{{"token":"x","token":"{token}"}}}}"#), "the last of several counts"),
        (format!(r#"{{"spec":{{"token":"{token}"}},"spec":{{"audiences":[]}}}}"#), "laid over, member by member"),
        (format!(r#"{{"spec":{{"token":"{token}","token":null}},"spec":null}}"#), "null changes nothing"),
        (format!(r#"{{"x":[{{"spec":1}}],"spec":{{"y":{{}},"token":"{token}"}},"status":{{}}}}"#), "unknown members"),
        (format!("\n\t {{\"s\\u0070ec\":{{\"token\":\"{token}\"}}}}"), "escaped names"),
    ] {
        assert_eq!(wire.post(&body).await.status, 200, "{why}");
    }
}

#[tokio::test]
async fn deny_status_200_carries_the_reason_code() {
    let bridge = start(|settings| settings.deny_status = DenyStatus::Ok).await;
    let token = bridge.token(&bridge.introduce("Stranger", "s"));
    let mut wire = wire(&bridge).await;
    let seen = wire.post(&typed("authentication.k8s.io/v1", &token)).await;
    let expected = concat!(
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{},"#,
        r#""status":{"authenticated":false,"user":{},"error":"not_mapped"}}"#,
        "\n"
    );
    assert_eq!((seen.status, seen.body.as_str()), (200, expected));
    let seen = wire.post(r#"{"spec":{"token":"x"}}"#).await;
    assert_eq!((seen.status, &seen.json()["status"]["error"]), (200, &json!("token_format")));

    bridge.sts.behave(iam_bridge::demo::sts::Behaviour::Throttle);
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    let seen = wire.post(&review(&token)).await;
    assert_eq!((seen.status, seen.body.as_str()), (429, REFUSAL), "asks the API server to come again all the same");
}

#[tokio::test]
async fn audiences_are_answered_by_their_intersection_and_never_echoed() {
    let ours = ["https://cluster.example".to_owned(), "api".to_owned()];
    let bridge = start(|settings| settings.audiences = ours.to_vec()).await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    let mut wire = wire(&bridge).await;
    let asking =
        |audiences: Value| json!({"spec": {"token": token.expose_secret(), "audiences": audiences}}).to_string();

    let seen = wire.post(&asking(json!(["vault", "api"]))).await;
    assert_eq!((seen.status, &seen.json()["status"]["audiences"]), (200, &json!(["api"])));
    for none in [json!(["vault"]), json!([]), Value::Null] {
        let seen = wire.post(&asking(none.clone())).await;
        assert_eq!((seen.status, seen.body.as_str()), (403, REFUSAL), "{none}");
    }
    let metrics = wire.ask("GET", "/metrics", "").await.body;
    assert!(metrics.contains("iam_bridge_denials_total{reason=\"audience\"} 3"), "{metrics}");

    let bridge = start(|_| {}).await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    let body = json!({"spec": {"token": token.expose_secret(), "audiences": ["vault"]}}).to_string();
    let seen = self::wire(&bridge).await.post(&body).await;
    assert_eq!((seen.status, seen.json()["status"].get("audiences")), (200, None), "without the setting none is sent");
}

#[tokio::test]
async fn http_2_answers_the_same() {
    let bridge = start(|_| {}).await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    let mut sender = bridge.connect_h2().await;
    let over_h1 = wire(&bridge).await.post(&review(&token)).await;
    let request = http::Request::post("https://localhost/authenticate");
    let request = request.body(http_body_util::Full::new(review(&token).into())).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, over_h1.body);
}

#[tokio::test]
async fn the_decision_log_says_who_and_why_and_keeps_tokens_and_scrubbed_accounts_out() {
    let log = tempfile::tempdir().unwrap();
    let path = log.path().join("decisions.jsonl");
    let bridge = start(|settings| {
        settings.decision_log = DecisionLog::File(path.clone());
    })
    .await;
    let dev = bridge.introduce("Dev", "alice");
    let token = bridge.token(&dev);
    let mut wire = wire(&bridge).await;
    wire.post(&review(&token)).await;
    wire.post(&review(&token)).await;
    wire.post(&review(&bridge.token(&bridge.introduce("Stranger", "eve\u{202e}")))).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.is_ascii(), "{text}");
    assert!(!text.contains(token.expose_secret()) && !text.contains("k8s-aws-v1"), "{text}");
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts =
        |index: usize, names: [&str; 6]| names.map(|name| records[index][name].as_str().unwrap_or_default().to_owned());
    let names = ["decision", "username", "principal", "recall", "source", "session_name"];
    let dev_arn = "arn:aws:iam::111122223333:role/Dev";
    assert_eq!(texts(0, names), ["allow", "dev:alice", dev_arn, "missed", "MountedFile", "alice"]);
    assert_eq!(texts(1, names), ["allow", "dev:alice", dev_arn, "fresh", "MountedFile", "alice"]);
    assert_eq!(records[0]["token"], records[1]["token"]);
    assert_eq!((&records[2]["decision"], &records[2]["reason"]), (&json!("deny"), &json!("not_mapped")));

    std::fs::rename(&path, log.path().join("old")).unwrap();
    bridge.server.reload();
    wire.post(&review(&token)).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1, "SIGHUP opens it anew");

    let bridge = start(|settings| {
        settings.decision_log = DecisionLog::File(path.clone());
        settings.sources.scrubbed.0.insert("111122223333".to_owned());
    })
    .await;
    let token = bridge.token(&bridge.introduce("Dev", "alice"));
    let user = self::wire(&bridge).await.post(&review(&token)).await.json()["status"]["user"].clone();
    assert_eq!(
        user,
        json!({"username": "dev:alice", "uid": "aws-iam-authenticator:administrative:dev:alice",
        "groups": ["developers", "a<b>&c"]})
    );
    let text = std::fs::read_to_string(&path).unwrap();
    let last = text.lines().last().unwrap();
    assert!(last.contains("dev:alice") && !last.contains("arn:aws") && !last.contains("111122223333"), "{last}");
}

#[tokio::test]
async fn metrics_and_health_stand_where_the_reference_has_them() {
    let bridge = start(|_| {}).await;
    let token = bridge.token(&bridge.introduce("Dev", "s"));
    let mut wire = wire(&bridge).await;
    wire.post(&review(&token)).await;
    let Seen { status, headers, body } = wire.ask("GET", "/metrics", "").await;
    assert_eq!(status, 200);
    assert!(headers.contains("content-type: text/plain; version=0.0.4"), "{headers}");
    for line in [
        "aws_iam_authenticator_authenticate_latency_seconds_bucket{result=\"success\",le=\"0.025\"}",
        "aws_iam_authenticator_authenticate_latency_seconds_bucket{result=\"success\",le=\"+Inf\"} 1",
        "aws_iam_authenticator_sts_responses_total{ResponseCode=\"200\",StsRegion=\"eu-central-1\"} 1",
        "aws_iam_authenticator_dynamicfile_failures_total 0",
        "iam_bridge_identity_cache_total{outcome=\"missed\"} 1",
        "iam_bridge_connections 1",
        "process_resident_memory_bytes ",
        "iam_bridge_certificate_not_after_seconds ",
    ] {
        assert!(body.contains(line), "{line}\n{body}");
    }
    for (path, expected) in [("/healthz", "ok"), ("/livez", "ok"), ("/readyz", "ok")] {
        assert_eq!(wire.ask("GET", path, "").await.body, expected, "{path}");
    }
    let health = bridge.server.health_address().unwrap();
    for (method, path) in
        [("GET", "/healthz"), ("POST", "/any/path"), ("GET", "/livez"), ("GET", "/readyz"), ("GET", "/metrics")]
    {
        assert_eq!(wire::plain(health, method, path).await, (200, "ok".to_owned()), "{method} {path}");
    }

    let bridge = start(|settings| settings.metrics_on_health = true).await;
    assert_eq!(self::wire(&bridge).await.ask("GET", "/metrics", "").await.status, 404);
    let (status, body) = wire::plain(bridge.server.health_address().unwrap(), "GET", "/metrics").await;
    assert!(status == 200 && body.contains("iam_bridge_connections"), "{body}");
}
