//! The region of this instance: one bounded attempt, and only a word of the right form is believed.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use iam_bridge::aws::{ImdsSettings, instance_region};
use tokio::net::TcpListener;

/// A metadata service that names `region`; the settings that lead to it, and the requests it took.
async fn service(region: &'static str) -> (ImdsSettings, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = Some(format!("http://{}/", listener.local_addr().unwrap()));
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            let answer = service_fn(move |request| answer(request, region, Arc::clone(&log)));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    (ImdsSettings { disabled: false, endpoint }, seen)
}

async fn answer(
    request: Request<Incoming>,
    region: &'static str,
    log: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    log.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::PUT, "/latest/api/token") if !header("x-aws-ec2-metadata-token-ttl-seconds").is_empty() => {
            (200, "session")
        }
        (&Method::GET, "/latest/meta-data/placement/region") if header("x-aws-ec2-metadata-token") == "session" => {
            (200, region)
        }
        _ => (401, ""),
    };
    Ok(Response::builder().status(status).body(Full::from(body)).unwrap())
}

#[tokio::test]
async fn the_metadata_service_names_the_region_in_two_requests() {
    let (settings, seen) = service("eu-newplace-7").await;
    assert_eq!(instance_region(&settings).await.as_deref(), Some("eu-newplace-7"));
    assert_eq!(*seen.lock().unwrap(), ["PUT /latest/api/token", "GET /latest/meta-data/placement/region"]);
}

#[tokio::test]
async fn only_a_region_label_is_believed() {
    for word in ["", "EU-WEST-1", "eu-west-1\n", "<html>", "evil.example", "-eu", "eu-", &"a".repeat(33)] {
        let (settings, _) = service(String::from(word).leak()).await;
        assert_eq!(instance_region(&settings).await, None, "{word}");
    }
}

#[tokio::test]
async fn it_is_not_asked_when_switched_off() {
    let (settings, seen) = service("eu-west-1").await;
    assert_eq!(instance_region(&ImdsSettings { disabled: true, ..settings }).await, None);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn one_that_does_not_answer_is_given_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = silent.local_addr().unwrap();
    let endpoint = |text: String| ImdsSettings { disabled: false, endpoint: Some(text) };
    assert_eq!(instance_region(&endpoint(format!("http://{address}"))).await, None);
    drop(silent);
    assert_eq!(instance_region(&endpoint(format!("http://{address}"))).await, None);
    assert_eq!(instance_region(&endpoint("no url".into())).await, None);
}
