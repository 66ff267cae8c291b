//! EKS as far as a mirror needs it: one cluster's access entries over plain HTTP, for callers whose signature is good.
//!
//! It answers page by page, takes so many calls a second and no more, answers after so long, and can be told to misbehave
//! for the next calls, for all of an operation, or for all about a principal. What it was asked is kept.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use iam_bridge::demo::sts::Sts;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::bucket::Bucket;
use super::eks::unsigned;
use super::listening::Listening;
use super::services::Reply;
use super::{ACCOUNT, REGION};

/// What is asked.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Operation {
    Cluster,
    List,
    Entry,
    Policies,
}

/// What is done with a call instead of answering it honestly.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Status and body.
    Answer(u16, String),
    /// The first half of the honest answer; then the connection breaks off.
    CutOff,
    /// Nothing, ever.
    Hang,
    /// The honest answer, once the test lets it go ([`EksEntries::release`]).
    Held,
    /// As EKS words it: status, code, message.
    Refuse(u16, &'static str, &'static str),
}

/// A refusal to be slower.
pub(crate) const SLOW_DOWN: Manner = Manner::Refuse(429, "ThrottlingException", "Rate exceeded");
/// EKS in trouble.
pub(crate) const TROUBLE: Manner = Manner::Refuse(500, "ServerException", "Internal server error");
/// Keys that may not.
pub(crate) const DENIED: Manner = Manner::Refuse(403, "AccessDeniedException", "canary: not authorized");

/// One call that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    /// The principal asked about; empty for other operations.
    pub(crate) principal: String,
}

/// The running EKS. Dropping it ends it.
pub(crate) struct EksEntries {
    listening: Listening,
    state: Arc<State>,
}

struct State {
    sts: Arc<Sts>,
    facts: Mutex<Facts>,
    asked: watch::Sender<Vec<Call>>,
    released: watch::Sender<bool>,
}

struct Facts {
    account: String,
    /// `None`: EKS does not say.
    mode: Option<&'static str>,
    /// The cluster is not there.
    gone: bool,
    /// Entry and policies as EKS prints them, by principal.
    entries: BTreeMap<String, (Value, Vec<Value>)>,
    next: VecDeque<(Operation, Manner)>,
    always: BTreeMap<Operation, Manner>,
    about: BTreeMap<String, Manner>,
    /// ARNs, or policies, on a page.
    page: usize,
    bucket: Option<Bucket>,
    throttled: usize,
    latency: Duration,
}

/// Name of the cluster.
pub(crate) const CLUSTER: &str = "prod";

impl EksEntries {
    /// On a free port of 127.0.0.1; `sts` knows whose keys are good.
    pub(crate) async fn start(sts: Arc<Sts>) -> Self {
        let facts = Facts {
            account: ACCOUNT.to_owned(),
            mode: Some("API_AND_CONFIG_MAP"),
            gone: false,
            entries: BTreeMap::new(),
            next: VecDeque::new(),
            always: BTreeMap::new(),
            about: BTreeMap::new(),
            page: 100,
            bucket: None,
            throttled: 0,
            latency: Duration::ZERO,
        };
        let (asked, released) = (watch::Sender::default(), watch::Sender::default());
        let state = Arc::new(State { sts, facts: Mutex::new(facts), asked, released });
        let listening = Listening::start(&state, exchange).await;
        Self { listening, state }
    }

    pub(crate) fn url(&self) -> String {
        self.listening.url()
    }

    /// Makes an entry of type STANDARD for a role of the account, or changes it.
    pub(crate) fn put_role(&self, role: &str, username: &str, groups: &[&str]) {
        let principal = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let entry = json!({
            "principalArn": principal, "type": "STANDARD", "username": username, "kubernetesGroups": groups,
            "createdAt": 1_700_000_000.25, "modifiedAt": 1_700_000_000.25, "clusterName": CLUSTER, "tags": {},
        });
        self.put(entry, Vec::new());
    }

    /// Makes an entry, or changes it; both as EKS prints them.
    pub(crate) fn put(&self, entry: Value, policies: Vec<Value>) {
        let principal = entry["principalArn"].as_str().unwrap().to_owned();
        self.edit(|facts| facts.entries.insert(principal, (entry, policies)));
    }

    /// Associates a policy with the entry of a role, in these namespaces, or without any in the cluster.
    pub(crate) fn associate(&self, role: &str, policy: &str, namespaces: &[&str]) {
        let scope = if namespaces.is_empty() { "cluster" } else { "namespace" };
        let policy = json!({
            "policyArn": format!("arn:aws:eks::aws:cluster-access-policy/{policy}"),
            "accessScope": {"type": scope, "namespaces": namespaces},
            "associatedAt": 1_700_000_001.5, "modifiedAt": 1_700_000_001.5,
        });
        let principal = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        self.edit(|facts| facts.entries.get_mut(&principal).unwrap().1.push(policy));
    }

    /// Deletes the entry of a role.
    pub(crate) fn delete(&self, role: &str) {
        self.edit(|facts| facts.entries.remove(&format!("arn:aws:iam::{ACCOUNT}:role/{role}")));
    }

    /// Deletes all entries.
    pub(crate) fn clear(&self) {
        self.edit(|facts| facts.entries.clear());
    }

    /// The cluster's authentication mode.
    pub(crate) fn mode(&self, mode: Option<&'static str>) {
        self.edit(|facts| facts.mode = mode);
    }

    /// The cluster belongs to this account.
    pub(crate) fn account(&self, account: &str) {
        self.edit(|facts| facts.account = account.to_owned());
    }

    /// The cluster is not there, or is.
    pub(crate) fn gone(&self, gone: bool) {
        self.edit(|facts| facts.gone = gone);
    }

    /// The next calls of the operation are taken in these manners.
    pub(crate) fn next(&self, operation: Operation, manners: impl IntoIterator<Item = Manner>) {
        self.edit(|facts| facts.next.extend(manners.into_iter().map(|manner| (operation, manner))));
    }

    /// Every call of the operation is, or none any more.
    pub(crate) fn always(&self, operation: Operation, manner: Option<Manner>) {
        self.edit(|facts| match manner {
            Some(manner) => facts.always.insert(operation, manner),
            None => facts.always.remove(&operation),
        });
    }

    /// Every call about a role is, or none any more.
    pub(crate) fn about(&self, role: &str, manner: Option<Manner>) {
        let principal = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        self.edit(|facts| match manner {
            Some(manner) => facts.about.insert(principal, manner),
            None => facts.about.remove(&principal),
        });
    }

    /// Answers the calls that are held.
    pub(crate) fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// So many ARNs or policies on a page.
    pub(crate) fn page(&self, items: usize) {
        self.edit(|facts| facts.page = items);
    }

    /// So many calls a second, so many at once; more are answered with 429.
    pub(crate) fn limit(&self, rate: u32, burst: u32) {
        self.edit(|facts| facts.bucket = Some(Bucket::new(rate, burst)));
    }

    /// Answers come after so long.
    pub(crate) fn latency(&self, latency: Duration) {
        self.edit(|facts| facts.latency = latency);
    }

    /// Calls that were over the limit.
    pub(crate) fn throttled(&self) -> usize {
        self.edit(|facts| facts.throttled)
    }

    /// Calls of an operation taken so far.
    pub(crate) fn calls(&self, operation: Operation) -> usize {
        self.state.asked.borrow().iter().filter(|call| call.operation == operation).count()
    }

    /// Every call taken so far.
    pub(crate) fn asked(&self) -> Vec<Call> {
        self.state.asked.borrow().clone()
    }

    /// Waits until so many calls of an operation were taken in all.
    pub(crate) async fn called(&self, operation: Operation, calls: usize) {
        let count = |asked: &Vec<Call>| asked.iter().filter(|call| call.operation == operation).count();
        self.state.asked.subscribe().wait_for(|asked| count(asked) >= calls).await.unwrap();
    }

    fn edit<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        self.state.edit(change)
    }
}

async fn exchange(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let Some(call) = call_of(parts.uri.path()) else { return Ok(response(Reply::not_found(), false)) };
    state.asked.send_modify(|asked| asked.push(call.clone()));
    let latency = state.edit(|facts| facts.latency);
    if !latency.is_zero() {
        let _elapsed = tokio::time::timeout(latency, std::future::pending::<()>()).await;
    }
    let (mut reply, mut cut_off) = (Reply::Hang, false);
    match state.manner(&call) {
        None => reply = state.answer(&parts, &body, &call),
        Some(Manner::Answer(status, body)) => {
            reply = Reply::Now(StatusCode::from_u16(status).unwrap(), Vec::new(), body);
        }
        Some(Manner::CutOff) => (reply, cut_off) = (state.answer(&parts, &body, &call), true),
        Some(Manner::Hang) => {}
        Some(Manner::Held) => {
            let _ = state.released.subscribe().wait_for(|released| *released).await;
            reply = state.answer(&parts, &body, &call);
        }
        Some(Manner::Refuse(status, code, message)) => {
            reply = Reply::refused(status, code, &json!({"message": message}));
        }
    }
    if matches!(reply, Reply::Hang) {
        std::future::pending::<()>().await;
    }
    Ok(response(reply, cut_off))
}

fn response(reply: Reply, cut_off: bool) -> Response<Full<Bytes>> {
    let Reply::Now(status, headers, text) = reply else { return Response::default() };
    let mut response = Response::builder().status(status).header("content-type", "application/json");
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let length = text.len();
    if cut_off {
        // Less than was announced: the connection ends.
        return response
            .header("content-length", length)
            .body(Full::from(text.split_at(length / 2).0.to_owned()))
            .unwrap();
    }
    response.body(Full::from(text)).unwrap()
}

fn call_of(path: &str) -> Option<Call> {
    let pieces: Vec<String> =
        path.split('/').skip(1).map(|piece| percent_decode_str(piece).decode_utf8_lossy().into_owned()).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let (operation, principal) = match pieces.as_slice() {
        ["clusters", _] => (Operation::Cluster, ""),
        ["clusters", _, "access-entries"] => (Operation::List, ""),
        ["clusters", _, "access-entries", principal] => (Operation::Entry, *principal),
        ["clusters", _, "access-entries", principal, "access-policies"] => (Operation::Policies, *principal),
        _ => return None,
    };
    Some(Call { operation, principal: principal.to_owned() })
}

impl State {
    fn edit<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn manner(&self, call: &Call) -> Option<Manner> {
        self.edit(|facts| {
            if !facts.bucket.as_mut().is_none_or(Bucket::take) {
                facts.throttled += 1;
                return Some(SLOW_DOWN);
            }
            let next = facts.next.iter().position(|(operation, _)| *operation == call.operation);
            let next = next.and_then(|at| facts.next.remove(at)).map(|(_, manner)| manner);
            let about = || facts.about.get(&call.principal).cloned();
            next.or_else(about).or_else(|| facts.always.get(&call.operation).cloned())
        })
    }

    fn answer(&self, parts: &Parts, body: &[u8], call: &Call) -> Reply {
        if let Err(refusal) = self.sts.signer("eks", parts, body) {
            return unsigned(refusal);
        }
        let name = parts.uri.path().split('/').nth(2).unwrap_or_default();
        self.edit(|facts| {
            if facts.gone || name != CLUSTER {
                let message = format!("No cluster found for name: {name}.");
                return Reply::refused(404, "ResourceNotFoundException", &json!({"message": message}));
            }
            if call.operation != Operation::Cluster && facts.mode == Some("CONFIG_MAP") {
                let message = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.";
                return Reply::refused(400, "InvalidRequestException", &json!({"message": message}));
            }
            let known = facts.entries.get(&call.principal);
            match (call.operation, known) {
                (Operation::Cluster, _) => Reply::json(&json!({"cluster": facts.cluster()})),
                (Operation::List, _) => {
                    let all: Vec<Value> = facts.entries.keys().map(|principal| json!(principal)).collect();
                    facts.page_of("accessEntries", &all, parts)
                }
                (Operation::Entry, Some((entry, _))) => Reply::json(&json!({"accessEntry": entry})),
                (Operation::Policies, Some((_, policies))) => facts.page_of("associatedAccessPolicies", policies, parts),
                (Operation::Entry | Operation::Policies, None) => {
                    let message = "The specified principalArn could not be found. You can view your available access entries with 'aws eks list-access-entries'.";
                    Reply::refused(404, "ResourceNotFoundException", &json!({"message": message}))
                }
            }
        })
    }
}

impl Facts {
    fn cluster(&self) -> Value {
        let arn = format!("arn:aws:eks:{REGION}:{}:cluster/{CLUSTER}", self.account);
        let mut cluster = json!({"name": CLUSTER, "arn": arn, "status": "ACTIVE", "version": "1.33"});
        if let Some(mode) = self.mode {
            cluster["accessConfig"] = json!({"authenticationMode": mode});
        }
        cluster
    }

    fn page_of(&self, member: &str, all: &[Value], parts: &Parts) -> Reply {
        let token = parts.uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("nextToken="));
        let token = token.map(|token| percent_decode_str(token).decode_utf8_lossy().into_owned());
        let start = match token.map(|token| token.strip_prefix("page+/=").unwrap_or("bad").parse()) {
            None => 0,
            Some(Ok(start)) => start,
            Some(Err(_)) => {
                return Reply::refused(400, "InvalidParameterException", &json!({"message": "Invalid nextToken"}));
            }
        };
        let end = all.len().min(start + self.page);
        let next = (end < all.len()).then(|| format!("page+/={end}"));
        Reply::json(&json!({member: &all[start.min(end)..end], "nextToken": next}))
    }
}
