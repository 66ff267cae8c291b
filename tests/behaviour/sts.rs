//! The call to STS: what is sent, what is believed, and who may call when.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use iam_bridge::authenticator::CacheSettings;
use iam_bridge::aws::{Bearing, Connector, ConnectorError, ConnectorSettings, Errand, Sts, StsError, StsSettings};
use iam_bridge::clock::Clock;
use iam_bridge::demo::sts::{Behaviour, Principal, Scripted};
use iam_bridge::iam::VerifiedIdentity;
use iam_bridge::telemetry::Metrics;
use iam_bridge::token::ClusterId;
use secrecy::{ExposeSecret, SecretString};

use crate::harness::authority::Authority;
use crate::harness::desk::{self, CLUSTER, Desk, eventually, token_at};
use crate::harness::h1::OnlyHttp1;
use crate::harness::process::{iam_bridge, run};
use crate::harness::proxy::Proxy;

const REGION: &str = "eu-central-1";

/// One call, without memory in front.
async fn ask(desk: &Desk, sts: &Sts, token: &SecretString) -> Result<VerifiedIdentity, StsError> {
    let request = desk::request(token, &desk.clock);
    sts.caller_identity(&request, &ClusterId::parse(CLUSTER).unwrap(), Errand::Proof).await
}

async fn limited(timeout_ms: u64, max_in_flight: usize) -> Desk {
    let limits = StsSettings { timeout: Duration::from_millis(timeout_ms), max_in_flight };
    Desk::with(CacheSettings::default(), limits).await
}

#[tokio::test]
async fn five_headers_go_out_and_nothing_else() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    let identity = ask(&desk, &desk.sts, &token).await.unwrap();
    assert_eq!(identity.sts_endpoint(), "sts.eu-central-1.amazonaws.com");

    let seen = desk.fake.requests().remove(0);
    let mut names: Vec<_> = seen.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let host = if seen.version == http::Version::HTTP_2 { &[][..] } else { &["host"][..] };
    assert_eq!(names, [&["accept", "accept-encoding"][..], host, &["user-agent", "x-k8s-aws-id"][..]].concat());
    assert_eq!(seen.headers["accept"], "application/json");
    assert_eq!(seen.headers["accept-encoding"], "identity");
    assert_eq!(seen.headers["user-agent"], concat!("iam-bridge/", env!("CARGO_PKG_VERSION")));
    assert_eq!(seen.headers["x-k8s-aws-id"], CLUSTER);
    assert_eq!((seen.method, seen.body), (Method::GET, Bytes::new()));
}

#[tokio::test]
async fn sts_2_a_dead_sts_is_told_at_once_and_without_the_url() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.fake.behave(Behaviour::Down);
    let error = ask(&desk, &desk.sts, &token).await.unwrap_err();
    assert_eq!((error.label(), error.bearing()), ("connection", Bearing::Unavailable));
    let text = format!("{error} {error:?}");
    assert!(text.starts_with("sts getCallerIdentity failed: "), "{text}");
    assert!(!text.contains("X-Amz") && !text.contains("Signature"), "{text}");
    desk.counted("aws_iam_authenticator_sts_connection_failures_total{StsRegion=\"eu-central-1\"} 1").await;
}

#[tokio::test]
async fn answers_are_counted_by_status_and_known_region() {
    let desk = Desk::open().await;
    let person = desk.principal("Dev");
    ask(&desk, &desk.sts, &desk.token(&person)).await.unwrap();
    desk.counted(r#"aws_iam_authenticator_sts_responses_total{ResponseCode="200",StsRegion="eu-central-1"} 1"#).await;
    desk.fake.behave(Behaviour::Throttle);
    let elsewhere = token_at(&person, "us-newplace-3", CLUSTER, &desk.clock);
    let error = ask(&desk, &desk.sts, &elsewhere).await.unwrap_err();
    assert!(error.to_string().starts_with("sts getCallerIdentity was throttled: "), "{error}");
    desk.counted(r#"aws_iam_authenticator_sts_responses_total{ResponseCode="400",StsRegion="other"} 1"#).await;
    desk.counted(r#"aws_iam_authenticator_sts_throttling_total{StsRegion="other"} 1"#).await;
}

#[tokio::test]
async fn sts_5_only_one_json_object_of_64_kib_is_believed() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    let good = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/a","UserId":"AIDA"}}}"#;
    let json = "application/json";
    let padded = |length: usize| Bytes::from(good.to_owned() + &" ".repeat(length - good.len()));
    let doubled = good.replace(r#""UserId""#, r#""Account":"111122223333","UserId""#);
    for (label, content_type, body, why) in [
        ("", "application/json; charset=utf-8", good.into(), "a parameter of the media type is fine"),
        ("", json, padded(64 * 1024), "64 KiB"),
        ("answer_too_large", json, padded(64 * 1024 + 1), "one byte more"),
        ("answer_too_large", json, Bytes::from(vec![b' '; 4 << 20]), "4 MiB"),
        ("bad_content_type", "text/xml", "<GetCallerIdentityResponse/>".into(), "XML"),
        ("bad_content_type", "text/html", good.into(), "a page that holds the right words"),
        ("bad_content_type", "application/jsonp", good.into(), "a longer word"),
        ("bad_json", json, good.strip_suffix('}').unwrap().into(), "cut off"),
        ("bad_json", json, (good.to_owned() + "{}").into(), "trailing bytes"),
        ("bad_json", json, doubled.into(), "a repeated member"),
        ("bad_json", json, good.replace("\"AIDA\"", "7").into(), "a number"),
        ("bad_json", json, good.replace("\"AIDA\"", "null").into(), "null"),
        ("bad_json", json, good.replace("{\"Account\"", "[{\"Account\"").replace("}}}", "}]}}").into(), "an array"),
        ("bad_json", json, r#"{"GetCallerIdentityResponse":[]}"#.into(), "an empty array inside"),
        ("bad_json", json, Bytes::from_static(b"{\"x\":\"\xff\"}"), "no UTF-8"),
        ("bad_json", json, Bytes::from("{\"a\":".repeat(10_000)), "deep"),
        ("bad_arn", json, good.replace("Account", "\u{c4}ccount").replace("Arn", "arn").into(), "no ARN"),
    ] {
        desk.fake.behave(Behaviour::Scripted(Scripted::new(StatusCode::OK, content_type, body)));
        let verdict = ask(&desk, &desk.sts, &token).await;
        let seen = verdict.as_ref().map_or_else(StsError::label, |_| "");
        assert_eq!(seen, label, "{why}: {verdict:?}");
    }
}

#[tokio::test]
async fn sts_5_a_body_that_never_ends_ends_at_the_deadline() {
    let desk = limited(1_000, 64).await;
    let token = desk.token(&desk.principal("Dev"));
    let drip = Scripted { stalls: true, ..Scripted::json(StatusCode::OK, "{") };
    desk.fake.behave(Behaviour::Scripted(drip));
    assert_eq!(ask(&desk, &desk.sts, &token).await.unwrap_err().label(), "timeout");
    let failures = "sts_connection_failures_total{";
    assert!(!desk.metrics.render().contains(failures), "the answer had begun: no connection failure");
}

#[tokio::test]
async fn sts_7_a_redirect_is_an_answer_and_not_followed() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    for status in [301, 302, 303, 307, 308] {
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("http://169.254.169.254/latest/meta-data/"));
        headers.insert("set-cookie", HeaderValue::from_static("a=b"));
        let status = StatusCode::from_u16(status).unwrap();
        desk.fake.behave(Behaviour::Scripted(Scripted { headers, ..Scripted::json(status, "{}") }));
        assert_eq!(ask(&desk, &desk.sts, &token).await.unwrap_err().label(), "sts_status");
    }
    assert_eq!((desk.fake.calls(), desk.fake.connections()), (5, 1));
    assert!(desk.fake.requests().iter().all(|request| !request.headers.contains_key("cookie")));
}

#[tokio::test]
async fn sts_8_an_unknown_authority_never_sees_the_token() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    let other = Connector::fixed(desk.fake.address(), Authority::new("stranger").pem()).unwrap();
    let sts = client(&desk, other);
    assert_eq!(ask(&desk, &sts, &token).await.unwrap_err().label(), "connection");
    assert_eq!(desk.fake.calls(), 0);
}

#[tokio::test]
async fn connect_to_moves_the_connection_and_not_the_name() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, desk.fake.ca_pem()).unwrap();
    let settings =
        |connect_to: String| ConnectorSettings { connect_to: Some(connect_to), ca_bundle: Some(bundle.clone()) };
    let sts = client(&desk, Connector::system(&settings(desk.fake.address().to_string())).unwrap());
    let identity = ask(&desk, &sts, &token).await.unwrap();
    assert_eq!(identity.sts_endpoint(), "sts.eu-central-1.amazonaws.com");

    // the right authority, another name: refused before a byte of the token is sent
    let authority = Authority::new("right");
    let elsewhere = OnlyHttp1::start(&authority, "sts.eu-west-1.amazonaws.com").await;
    let sts = client(&desk, Connector::fixed(elsewhere.address(), authority.pem()).unwrap());
    assert_eq!(ask(&desk, &sts, &token).await.unwrap_err().label(), "connection");
    assert_eq!(elsewhere.calls(), 0);

    for bad in ["host", "host:0", "host:70000", "user@host:443", ":443", "http://host:443", "host:443/path", ""] {
        let refused = Connector::system(&settings(bad.to_owned()));
        assert!(matches!(refused, Err(ConnectorError::BadConnectTo(_))), "{bad}");
    }
}

/// U15: as users do it, with the real binary.
#[test]
fn the_binary_reaches_sts_by_proxy_variables_and_ssl_cert_file() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (fake, proxy) = runtime.block_on(async {
        let fake = iam_bridge::demo::sts::Sts::start().await.unwrap();
        let proxy = Proxy::start(fake.address()).await;
        (fake, proxy)
    });
    let person = Principal::user("111122223333", "alice").unwrap();
    fake.add(person.clone());
    let token = token_at(&person, REGION, CLUSTER, &Clock::system());
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, fake.ca_pem()).unwrap();
    let verify = |roots: &std::path::Path| {
        let mut command = iam_bridge();
        command.env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", roots);
        run(command.args(["verify", "-i", CLUSTER, "-t", token.expose_secret()]))
    };
    let said = verify(&roots);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains(&person.arn), "{said:?}");
    assert_eq!(proxy.asked(), ["sts.eu-central-1.amazonaws.com:443"]);
    let said = verify(std::path::Path::new("/nowhere.pem"));
    assert!(said.code == Some(1) && said.stderr.contains("/nowhere.pem"), "{said:?}");
    assert_eq!(fake.calls(), 1);
}

#[test]
fn a_bundle_without_roots_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        ConnectorSettings { connect_to: None, ca_bundle: Some(folder.path().join(name)) }
    };
    let absent = ConnectorSettings { connect_to: None, ca_bundle: Some("/nowhere.pem".into()) };
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for settings in [absent, bundle("empty.pem", "no certificate here"), bundle("broken.pem", broken)] {
        let error = Connector::system(&settings).unwrap_err().to_string();
        assert!(error.contains(".pem"), "{error}");
    }
}

/// ≤ 0.01 new connections a call after the warm-up, 64 in flight, without the help of HTTP/2.
#[tokio::test]
async fn connections_are_kept() {
    let desk = Desk::open().await;
    let authority = Authority::new("h1");
    let server = OnlyHttp1::start(&authority, "sts.eu-central-1.amazonaws.com").await;
    let sts = Arc::new(client(&desk, Connector::fixed(server.address(), authority.pem()).unwrap()));
    let people: Vec<_> = (0..16).map(|_| desk.principal("Dev")).collect();
    let tokens: Vec<_> = people.iter().map(|person| desk.token(person)).collect();
    people.iter().for_each(|person| sts.mapped(&person.access_key_id));
    let desk = Arc::new(desk);
    let round = async |calls: usize| {
        let calls = (0..calls).map(|call| {
            let (desk, sts, token) = (Arc::clone(&desk), Arc::clone(&sts), tokens[call % tokens.len()].clone());
            tokio::spawn(async move { ask(&desk, &sts, &token).await.unwrap() })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    };
    ask(&desk, &sts, &tokens[0]).await.unwrap();
    // More than there are places, and few enough that none waits its 2 s out on a machine that is shared.
    round(96).await;
    let warm = server.connections();
    for _ in 0..24 {
        round(96).await;
    }
    assert!(server.peak_in_flight() > 32, "both lanes were used: {}", server.peak_in_flight());
    let fresh = server.connections() - warm;
    assert!(fresh * 100 <= 24 * 96, "{fresh} new connections in {} calls, {warm} before", 24 * 96);
}

#[tokio::test]
async fn the_breaker_opens_and_one_probe_finds_sts_back() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    ask(&desk, &desk.sts, &token).await.unwrap();
    desk.fake.behave(Behaviour::Down);
    for _ in 0..19 {
        assert_eq!(ask(&desk, &desk.sts, &token).await.unwrap_err().label(), "connection");
    }
    desk.counted(r#"iam_bridge_sts_breaker_open{StsRegion="eu-central-1"} 1"#).await;
    let connections = desk.fake.connections();
    for _ in 0..10 {
        assert_eq!(ask(&desk, &desk.sts, &token).await.unwrap_err().label(), "breaker_open");
    }
    desk.hand.advance(5);
    assert_eq!(ask(&desk, &desk.sts, &token).await.unwrap_err().label(), "connection", "the probe");
    assert_eq!(ask(&desk, &desk.sts, &token).await.unwrap_err().label(), "breaker_open");
    assert_eq!(desk.fake.connections(), connections + 1);

    let elsewhere = token_at(&desk.principal("Dev"), "eu-west-1", CLUSTER, &desk.clock);
    desk.fake.behave(Behaviour::Honest);
    ask(&desk, &desk.sts, &elsewhere).await.expect("another host has a breaker of its own");
    desk.hand.advance(5);
    for _ in 0..3 {
        ask(&desk, &desk.sts, &token).await.unwrap();
    }
    desk.counted(r#"iam_bridge_sts_breaker_open{StsRegion="eu-central-1"} 0"#).await;
}

#[tokio::test]
async fn an_answer_never_opens_the_breaker() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.fake.behave(Behaviour::Down);
    for _ in 0..12 {
        assert_eq!(ask(&desk, &desk.sts, &token).await.unwrap_err().label(), "connection");
    }
    desk.fake.behave(Behaviour::Honest);
    for _ in 0..20 {
        ask(&desk, &desk.sts, &token).await.expect("STS is back, though most of the last 20 calls failed");
    }
}

#[tokio::test]
async fn sts_1_a_hanging_sts_opens_the_breaker_and_is_found_back_by_the_first_probe() {
    let desk = Arc::new(limited(1_000, 64).await);
    let person = desk.principal("Dev");
    ask(&desk, &desk.sts, &desk.token(&person)).await.unwrap();
    desk.fake.behave(Behaviour::Hang);
    for call in hang(&desk, REGION, 19) {
        assert_eq!(call.await.unwrap().unwrap_err().label(), "timeout");
    }
    assert_eq!(ask(&desk, &desk.sts, &desk.token(&person)).await.unwrap_err().label(), "breaker_open");
    desk.counted("aws_iam_authenticator_sts_connection_failures_total{StsRegion=\"eu-central-1\"} 19").await;
    desk.fake.behave(Behaviour::Honest);
    desk.hand.advance(5);
    ask(&desk, &desk.sts, &desk.token(&person)).await.unwrap();
}

/// `count` calls of distinct keys to `region`, hanging.
fn hang(desk: &Arc<Desk>, region: &'static str, count: usize) -> Vec<tokio::task::JoinHandle<Result<(), StsError>>> {
    let calls = (0..count).map(|_| {
        let token = token_at(&Principal::user("444455556666", "junk").unwrap(), region, CLUSTER, &desk.clock);
        let desk = Arc::clone(desk);
        tokio::spawn(async move { ask(&desk, &desk.sts, &token).await.map(drop) })
    });
    calls.collect()
}

#[tokio::test]
async fn a_host_without_success_gets_8_places_and_an_unknown_region_4() {
    let desk = Arc::new(Desk::open().await);
    desk.fake.behave(Behaviour::Hang);
    for region in [REGION, "us-newplace-3", "us-newplace-4"] {
        drop(hang(&desk, region, 20)); // they go on
    }
    desk.fake.called(8 + 4).await;
    eventually("the others wait in vain", || {
        desk.metrics.render().contains(&format!("iam_bridge_sts_overloaded_total {}\n", 3 * 20 - 8 - 4))
    })
    .await;
    assert_eq!((desk.fake.calls(), desk.fake.peak_in_flight()), (12, 12));
}

#[tokio::test]
async fn junk_takes_half_of_the_places_and_a_known_key_id_is_served_meanwhile() {
    let desk = Arc::new(limited(10_000, 8).await);
    let person = desk.principal("Dev");
    let token = desk.token(&person);
    ask(&desk, &desk.sts, &token).await.unwrap();
    desk.sts.mapped(&person.access_key_id);
    desk.fake.behave(Behaviour::Hang);
    let junk = hang(&desk, REGION, 100);
    desk.fake.called(1 + 4).await;
    let (answer, ()) = tokio::join!(ask(&desk, &desk.sts, &token), async {
        desk.fake.called(1 + 5).await;
        assert_eq!(desk.fake.peak_in_flight(), 5, "four of junk, one of a person");
        desk.fake.behave(Behaviour::Honest);
    });
    answer.unwrap();
    for call in junk {
        assert!(matches!(call.await.unwrap(), Err(StsError::Refused { .. } | StsError::Overloaded)));
    }
}

#[tokio::test]
async fn known_for_15_minutes_and_no_longer() {
    let desk = Arc::new(limited(10_000, 2).await);
    let person = desk.principal("Dev");
    desk.sts.mapped(&person.access_key_id);
    ask(&desk, &desk.sts, &desk.token(&person)).await.unwrap();
    desk.hand.advance(15 * 60);
    let token = desk.token(&person);
    desk.fake.behave(Behaviour::Hang);
    let junk = hang(&desk, REGION, 1);
    desk.fake.called(2).await;
    assert_eq!(ask(&desk, &desk.sts, &token).await, Err(StsError::Overloaded), "no longer of the known lane");
    desk.fake.behave(Behaviour::Honest);
    for call in junk {
        call.await.unwrap().unwrap_err();
    }
}

#[tokio::test]
async fn the_queue_holds_256_and_refuses_the_next_at_once() {
    let desk = Arc::new(limited(10_000, 1).await);
    desk.fake.behave(Behaviour::Hang);
    let calls = hang(&desk, REGION, 1 + 256 + 50);
    desk.fake.called(1).await;
    eventually("50 are refused", || desk.metrics.render().contains("iam_bridge_sts_overloaded_total 50\n")).await;
    assert_eq!((desk.fake.calls(), desk.fake.peak_in_flight()), (1, 1));
    assert!(calls.iter().filter(|call| call.is_finished()).count() >= 50);
}

fn client(desk: &Desk, connector: Connector) -> Sts {
    Sts::new(StsSettings::default(), connector, desk.clock.clone(), Arc::new(Metrics::new().unwrap()))
}
