//! The services that are plain HTTP here: one listener, told apart by method and path.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::demo::sts::{Principal, Sts};
use serde_json::Value;

use super::eks::{self, Cluster};
use super::listening::Listening;
use super::logins::{self, Ticket};
use super::metadata::{self, Instance};

/// What this AWS knows and allows.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) principals: Vec<Principal>,
    pub(super) denied_roles: Vec<String>,
    /// Role ARN, device, code.
    pub(super) mfa: Vec<(String, String, String)>,
    pub(super) disabled_regions: Vec<String>,
    pub(super) web_identities: Vec<(String, Principal)>,
    pub(super) clusters: Vec<Cluster>,
    /// ARNs of principals.
    pub(super) denied_eks: Vec<String>,
    pub(super) instance: Instance,
    pub(super) container: Option<Principal>,
    pub(super) tickets: Vec<Ticket>,
    pub(super) key_life: i64,
}

/// [`Facts`] that tests change and services read.
pub(super) struct State {
    pub(super) sts: Arc<Sts>,
    clock: Clock,
    facts: Mutex<Facts>,
    calls: Mutex<Vec<&'static str>>,
}

impl State {
    pub(super) fn edit<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// When keys that are given now end.
    pub(super) fn keys_end(&self) -> UnixSeconds {
        self.now().plus(self.edit(|facts| facts.key_life))
    }
}

/// An answer, or none ever.
pub(super) enum Reply {
    Hang,
    Now(StatusCode, Vec<(&'static str, String)>, String),
}

impl Reply {
    pub(super) fn json(document: &Value) -> Self {
        Self::Now(StatusCode::OK, Vec::new(), document.to_string())
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Now(StatusCode::OK, Vec::new(), text.into())
    }

    /// A refusal as AWS's JSON services word it.
    pub(super) fn refused(status: u16, code: &str, body: &Value) -> Self {
        let headers = vec![("x-amzn-errortype", code.to_owned())];
        Self::Now(StatusCode::from_u16(status).unwrap(), headers, body.to_string())
    }

    pub(super) fn not_found() -> Self {
        Self::Now(StatusCode::NOT_FOUND, Vec::new(), String::new())
    }
}

/// The listener. Dropping it ends it.
pub(super) struct Services {
    listening: Listening,
    state: Arc<State>,
}

impl Services {
    pub(super) async fn start(sts: Arc<Sts>, clock: Clock) -> Self {
        let facts = Mutex::new(Facts { key_life: 3600, ..Facts::default() });
        let state = Arc::new(State { sts, clock, facts, calls: Mutex::default() });
        let listening = Listening::start(&state, exchange).await;
        Self { listening, state }
    }

    pub(super) fn url(&self) -> String {
        self.listening.url()
    }

    pub(super) const fn state(&self) -> &Arc<State> {
        &self.state
    }

    pub(super) fn calls(&self, name: &str) -> usize {
        let calls = self.state.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().filter(|call| **call == name).count()
    }
}

async fn exchange(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (name, reply) = answer(&state, &parts, &body);
    state.calls.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    let Reply::Now(status, headers, text) = reply else {
        std::future::pending::<()>().await;
        return Ok(Response::default());
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(text)).unwrap())
}

/// The call's name, and what is said to it.
fn answer(state: &State, parts: &Parts, body: &[u8]) -> (&'static str, Reply) {
    let path = parts.uri.path();
    match (&parts.method, path) {
        (&Method::PUT, "/latest/api/token") => ("PUT token", metadata::token(state)),
        (&Method::GET, path) if path.starts_with("/latest/") => ("metadata", metadata::get(state, parts)),
        (&Method::GET, "/v1/credentials") => ("container", metadata::container(state, parts)),
        (&Method::GET, "/federation/credentials") => ("GetRoleCredentials", logins::role_credentials(state, parts)),
        (&Method::POST, "/token") => ("CreateToken", logins::create_token(state, body)),
        (&Method::POST, "/v1/token") => ("CreateOAuth2Token", logins::create_oauth2_token(state, parts, body)),
        (&Method::GET, "/clusters") => ("ListClusters", eks::list(state, parts, body)),
        (&Method::GET, path) if path.starts_with("/clusters/") => {
            ("DescribeCluster", eks::describe(state, parts, body))
        }
        _ => ("unknown", Reply::not_found()),
    }
}
