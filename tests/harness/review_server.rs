//! A small API server on loopback, over TLS, that believes tokens as a webhook would: STS is asked who signed them.
//!
//! It answers `/version`, `SelfSubjectReview` and `SelfSubjectRulesReview`, and can be told to answer something else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use iam_bridge::aws::{Connector, Errand, Sts, StsSettings};
use iam_bridge::clock::Clock;
use iam_bridge::iam::{Partition, VerifiedIdentity};
use iam_bridge::telemetry::Metrics;
use iam_bridge::token::{ClusterId, Token, TokenKind, TokenRules};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::authority::{Authority, serve};
use super::aws::Aws;

/// What it does besides, from now on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// Rules over resources that a known user has.
    pub(crate) rules: usize,
    /// This status and body, whatever is asked.
    pub(crate) says: Option<(u16, &'static str)>,
    /// Paths that are not there.
    pub(crate) lacks: Vec<&'static str>,
}

/// The running server. Dropping it ends it.
pub(crate) struct ReviewServer {
    address: SocketAddr,
    authority: Authority,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

struct Desk {
    rules: TokenRules,
    sts: Sts,
    mapped: Mutex<Vec<(String, String)>>,
    manners: Mutex<Manners>,
    asked: Mutex<Vec<(String, Option<String>)>>,
}

impl ReviewServer {
    /// Takes tokens for `cluster_id`, and asks the STS of `aws` about them.
    pub(crate) fn start(aws: &Aws, cluster_id: &str) -> Self {
        aws.block_on(Self::start_here(aws, cluster_id))
    }

    async fn start_here(aws: &Aws, cluster_id: &str) -> Self {
        let authority = Authority::new("a cluster");
        let tls = authority.acceptor("127.0.0.1");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connector = Connector::fixed(aws.sts.address(), aws.sts.ca_pem()).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let desk = Arc::new(Desk {
            rules: TokenRules {
                partition: Partition::Aws,
                cluster_id: ClusterId::parse(cluster_id).unwrap(),
                instance_region: None,
                strict_preflight: true,
                allowed_regions: Vec::new(),
            },
            sts: Sts::new(StsSettings::default(), connector, Clock::system(), metrics),
            mapped: Mutex::default(),
            manners: Mutex::new(Manners { rules: 3, ..Manners::default() }),
            asked: Mutex::default(),
        });
        let task = tokio::spawn(serve(listener, tls, {
            let desk = Arc::clone(&desk);
            move |request| {
                let desk = Arc::clone(&desk);
                async move { desk.answer(&request).await }
            }
        }));
        Self { address, authority, desk, task }
    }

    /// Maps a canonical ARN to a user of the group `people`.
    pub(crate) fn map(&self, arn: &str, username: &str) {
        self.desk.mapped.lock().unwrap().push((arn.to_owned(), username.to_owned()));
    }

    /// Changes its manners.
    pub(crate) fn behave(&self, manners: Manners) {
        *self.desk.manners.lock().unwrap() = manners;
    }

    /// URL of it.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The CA of its certificate.
    pub(crate) fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// A kubeconfig whose current context `prod` has `user` for its user, indented by four.
    pub(crate) fn kubeconfig(&self, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
             clusters:\n- name: the-cluster\n  cluster:\n    server: {}\n    certificate-authority-data: {}\n\
             contexts:\n- name: prod\n  context: {{cluster: the-cluster, user: me}}\n\
             users:\n- name: me\n  user:\n{user}",
            self.url(),
            STANDARD.encode(self.ca_pem()),
        )
    }

    /// Paths asked so far, each with the bearer token that came with it.
    pub(crate) fn asked(&self) -> Vec<(String, Option<String>)> {
        self.desk.asked.lock().unwrap().clone()
    }
}

impl Drop for ReviewServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Desk {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        self.asked.lock().unwrap().push((path.clone(), bearer.clone()));
        let manners = self.manners.lock().unwrap().clone();
        if let Some((status, body)) = manners.says {
            return response(status, body.to_owned());
        }
        let identity = match &bearer {
            Some(token) => match self.known(&SecretString::from(token.as_str())).await {
                Some(known) => Some(known),
                None => return failure(401, "Unauthorized"),
            },
            None => None,
        };
        if manners.lacks.contains(&path.as_str()) {
            return failure(404, "the server could not find the requested resource");
        }
        match (request.method(), path.as_str(), identity) {
            (&Method::GET, "/version", _) => {
                let version = json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0"});
                response(200, version.to_string())
            }
            (_, _, None) => failure(403, "forbidden: User \"system:anonymous\" cannot do that"),
            (&Method::POST, path, Some((identity, username))) if path.ends_with("/selfsubjectreviews") => {
                let version = path.split('/').nth(3).unwrap_or_default();
                response(201, subject(version, &identity, &username).to_string())
            }
            (&Method::POST, path, Some(_)) if path.ends_with("/selfsubjectrulesreviews") => {
                response(201, rules(manners.rules).to_string())
            }
            _ => failure(404, "the server could not find the requested resource"),
        }
    }

    async fn known(&self, token: &SecretString) -> Option<(VerifiedIdentity, String)> {
        let parsed = Token::parse(token, &self.rules, Clock::system().now()).ok()?;
        let TokenKind::Presigned(request) = parsed.kind();
        let identity = self.sts.caller_identity(request, &self.rules.cluster_id, Errand::Proof).await.ok()?;
        let mapped = self.mapped.lock().unwrap();
        let (_, username) = mapped.iter().find(|(arn, _)| arn == identity.canonical_arn().as_str())?;
        let username = username.clone();
        Some((identity, username))
    }
}

fn subject(version: &str, identity: &VerifiedIdentity, username: &str) -> Value {
    json!({
        "kind": "SelfSubjectReview",
        "apiVersion": format!("authentication.k8s.io/{version}"),
        "metadata": {"creationTimestamp": null},
        "status": {"userInfo": {
            "username": username,
            "uid": format!("aws-iam-authenticator:{}:{}", identity.account_id(), identity.user_id().unwrap_or_default()),
            "groups": ["people", "system:authenticated"],
            "extra": {
                "accessKeyId": [identity.access_key_id().unwrap_or_default()],
                "canonicalArn": [identity.canonical_arn().as_str()],
                "sessionName": [identity.session_name().unwrap_or_default()],
            },
        }},
    })
}

/// `count` rules, and those that everybody has.
fn rules(count: usize) -> Value {
    let about_oneself =
        json!({"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]});
    let real = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]});
    let all: Vec<&Value> = std::iter::once(&about_oneself).chain(std::iter::repeat_n(&real, count)).collect();
    json!({
        "kind": "SelfSubjectRulesReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {"creationTimestamp": null},
        "spec": {},
        "status": {"resourceRules": all, "nonResourceRules": [], "incomplete": false},
    })
}

fn failure(code: u16, message: &str) -> Response<Full<Bytes>> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "code": code,
    });
    response(code, status.to_string())
}

fn response(status: u16, body: String) -> Response<Full<Bytes>> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body))
        .unwrap()
}
