//! An API server of a few lines: it takes down the token of each request and refuses those it was told to.
//!
//! It knows the namespace `default`, which is enough for `kubectl get namespaces`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use iam_bridge::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::authority::{Authority, serve};

/// It, on loopback; dropping it ends it.
pub(crate) struct ApiServer {
    address: SocketAddr,
    ca_pem: String,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

/// Which tokens are answered with 401.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Refuses {
    /// The first that it sees, for ever.
    FirstToken,
    /// None.
    Nothing,
}

struct Desk {
    refuses: Refuses,
    seen: Mutex<Vec<String>>,
}

impl ApiServer {
    /// On a free port.
    pub(crate) async fn start(refuses: Refuses) -> Self {
        let authority = Authority::new("fake API server");
        let tls = authority.acceptor("127.0.0.1");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk { refuses, seen: Mutex::default() });
        let task = tokio::spawn(serve(listener, tls, {
            let desk = Arc::clone(&desk);
            move |request| answer(Arc::clone(&desk), request)
        }));
        Self { address, ca_pem: authority.pem().to_owned(), desk, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The token of each request so far, in order.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.desk.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(desk: Arc<Desk>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = header.strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let is_first = {
        let mut seen = desk.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(token.clone());
        seen.first() == Some(&token)
    };
    if is_first && desk.refuses == Refuses::FirstToken {
        next_second().await;
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 401,
            "reason": "Unauthorized", "message": "Unauthorized"});
        return response(StatusCode::UNAUTHORIZED, &status);
    }
    match document(request.uri().path()) {
        Some(document) => response(StatusCode::OK, &document),
        None => response(StatusCode::NOT_FOUND, &json!({"kind": "Status", "apiVersion": "v1", "code": 404})),
    }
}

/// Tokens signed in one second are equal: what comes after a refusal must be able to differ.
async fn next_second() {
    let clock = Clock::system();
    let now = clock.now();
    let mut pulse = tokio::time::interval(Duration::from_millis(10));
    while clock.now() == now {
        pulse.tick().await;
    }
}

fn document(path: &str) -> Option<Value> {
    match path {
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        "/apis" => Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
        "/api/v1" => Some(json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [{
            "name": "namespaces", "singularName": "namespace", "namespaced": false, "kind": "Namespace",
            "verbs": ["get", "list"], "shortNames": ["ns"],
        }]})),
        "/api/v1/namespaces" => Some(json!({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": [
            {"metadata": {"name": "default"}},
        ]})),
        _ => None,
    }
}

fn response(status: StatusCode, document: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::from(document.to_string())).unwrap()
}
