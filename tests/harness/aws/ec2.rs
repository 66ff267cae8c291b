//! EC2 as far as nodes need it: `DescribeInstances` over plain HTTP, for callers whose signature is good.
//!
//! It knows instances with owner, state, name and profile, answers page by page, takes so many calls a second and no
//! more, and can be told to misbehave for certain calls. What it was asked is kept.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use iam_bridge::demo::sts::Sts;
use percent_encoding::percent_decode_str;
use tokio::sync::watch;

use super::ACCOUNT;
use super::bucket::Bucket;
use super::listening::Listening;

/// Values that EC2 takes of one filter.
const MOST_VALUES: usize = 200;

/// An instance as EC2 tells of it.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) owner: &'static str,
    pub(crate) state: &'static str,
    pub(crate) name: String,
    /// ARN of its instance profile.
    pub(crate) profile: Option<&'static str>,
}

impl Node {
    /// The running instance number `number` of [`ACCOUNT`].
    pub(crate) fn running(number: usize) -> Self {
        let (id, name) = (instance_id(number), dns_name(number));
        Self { id, owner: ACCOUNT, state: "running", name, profile: None }
    }
}

/// The id of instance number `number`.
pub(crate) fn instance_id(number: usize) -> String {
    format!("i-{number:017x}")
}

/// The private DNS name of instance number `number`.
pub(crate) fn dns_name(number: usize) -> String {
    format!("ip-10-{}-{}-{}.ec2.internal", number >> 16, (number >> 8) & 255, number & 255)
}

/// What is done with a call instead of answering it honestly.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Status and body.
    Answer(u16, String),
    /// Nothing, ever.
    Hang,
    /// The honest answer, once the test lets it go ([`Ec2::release`]).
    Held,
    /// A status and a code, as EC2 words them.
    Refuse(u16, &'static str),
}

/// The running EC2. Dropping it ends it.
pub(crate) struct Ec2 {
    listening: Listening,
    state: Arc<State>,
}

struct State {
    sts: Arc<Sts>,
    facts: Mutex<Facts>,
    /// Ids of each call taken so far.
    asked: watch::Sender<Vec<Vec<String>>>,
    released: watch::Sender<bool>,
}

#[derive(Default)]
struct Facts {
    nodes: BTreeMap<String, Node>,
    /// Manners of the next calls, the next one first.
    next: VecDeque<Manner>,
    /// Of every call that asks for this id.
    for_id: BTreeMap<String, Manner>,
    /// Of every call.
    always: Option<Manner>,
    /// Instances on a page.
    page: Option<usize>,
    /// The only caller, by ARN.
    only: Option<String>,
    bucket: Option<Bucket>,
}

enum Reply {
    Hang,
    Now(u16, String),
}

impl Ec2 {
    /// On a free port of 127.0.0.1; `sts` knows whose keys are good.
    pub(crate) async fn start(sts: Arc<Sts>) -> Self {
        let (asked, released) = (watch::Sender::default(), watch::Sender::default());
        let state = Arc::new(State { sts, facts: Mutex::default(), asked, released });
        let listening = Listening::start(&state, exchange).await;
        Self { listening, state }
    }

    pub(crate) fn url(&self) -> String {
        self.listening.url()
    }

    /// Starts an instance, or changes it.
    pub(crate) fn put(&self, node: Node) {
        self.edit(|facts| facts.nodes.insert(node.id.clone(), node));
    }

    /// Starts instances number 0 to `count` - 1.
    pub(crate) fn run(&self, count: usize) {
        (0..count).for_each(|number| self.put(Node::running(number)));
    }

    /// The next calls are taken in these manners.
    pub(crate) fn next(&self, manners: impl IntoIterator<Item = Manner>) {
        self.edit(|facts| facts.next.extend(manners));
    }

    /// Every call that asks for this id is taken in this manner.
    pub(crate) fn for_id(&self, id: &str, manner: Manner) {
        self.edit(|facts| facts.for_id.insert(id.to_owned(), manner));
    }

    /// Every call is, or none any more.
    pub(crate) fn always(&self, manner: Option<Manner>) {
        self.edit(|facts| facts.always = manner);
    }

    /// Answers the calls that are held.
    pub(crate) fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// So many instances on a page.
    pub(crate) fn page(&self, instances: usize) {
        self.edit(|facts| facts.page = Some(instances));
    }

    /// So many calls a second, and at once; more are answered with `RequestLimitExceeded`.
    pub(crate) fn limit(&self, calls: u32) {
        self.edit(|facts| facts.bucket = Some(Bucket::new(calls, calls)));
    }

    /// Only this principal may describe instances.
    pub(crate) fn only(&self, arn: &str) {
        self.edit(|facts| facts.only = Some(arn.to_owned()));
    }

    /// Ids of each call taken so far.
    pub(crate) fn asked(&self) -> Vec<Vec<String>> {
        self.state.asked.borrow().clone()
    }

    /// Calls taken so far.
    pub(crate) fn calls(&self) -> usize {
        self.state.asked.borrow().len()
    }

    /// Waits until so many calls were taken in all.
    pub(crate) async fn called(&self, calls: usize) {
        self.state.asked.subscribe().wait_for(|asked| asked.len() >= calls).await.unwrap();
    }

    fn edit<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        self.state.edit(change)
    }
}

async fn exchange(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let form = form(&body);
    let ids = ids(&form);
    state.asked.send_modify(|asked| asked.push(ids.clone()));
    let reply = match state.manner(&ids) {
        None => state.answer(&parts, &body, &form, &ids),
        Some(Manner::Answer(status, body)) => Reply::Now(status, body),
        Some(Manner::Hang) => Reply::Hang,
        Some(Manner::Held) => {
            let _ = state.released.subscribe().wait_for(|released| *released).await;
            state.answer(&parts, &body, &form, &ids)
        }
        Some(Manner::Refuse(status, code)) => refused(status, code),
    };
    let Reply::Now(status, text) = reply else {
        std::future::pending::<()>().await;
        return Ok(Response::default());
    };
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    Ok(response.header("content-type", "text/xml;charset=UTF-8").body(Full::from(text)).unwrap())
}

impl State {
    fn edit<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn manner(&self, ids: &[String]) -> Option<Manner> {
        self.edit(|facts| {
            let of_id = ids.iter().find_map(|id| facts.for_id.get(id).cloned());
            let throttled = || Manner::Refuse(503, "RequestLimitExceeded");
            let is_let_through = facts.bucket.as_mut().is_none_or(Bucket::take);
            let limit = (!is_let_through).then(throttled);
            facts.next.pop_front().or(of_id).or_else(|| facts.always.clone()).or(limit)
        })
    }

    fn answer(&self, parts: &Parts, body: &[u8], form: &[(String, String)], ids: &[String]) -> Reply {
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let caller = match self.sts.signer("ec2", parts, body) {
            Ok(principal) => principal.arn,
            Err(_) => return refused(401, "AuthFailure"),
        };
        if self.edit(|facts| facts.only.as_ref().is_some_and(|only| *only != caller)) {
            return refused(403, "UnauthorizedOperation");
        }
        if (value("Action"), value("Version")) != (Some("DescribeInstances"), Some("2016-11-15")) {
            return refused(400, "InvalidAction");
        }
        if value("Filter.1.Name") != Some("instance-id") || ids.len() > MOST_VALUES {
            return refused(400, "InvalidParameterValue");
        }
        let start = match value("NextToken").map(|token| token.strip_prefix("page+/=").unwrap_or("bad").parse()) {
            None => 0,
            Some(Ok(start)) => start,
            Some(Err(_)) => return refused(400, "InvalidNextToken"),
        };
        self.edit(|facts| {
            let found: Vec<&Node> = ids.iter().filter_map(|id| facts.nodes.get(id)).collect();
            let end = facts.page.map_or(found.len(), |page| found.len().min(start + page));
            let is_last = end >= found.len();
            let next = if is_last { String::new() } else { format!("<nextToken>page+/={end}</nextToken>") };
            let items: String = found[start.min(end)..end].iter().map(|node| item(node)).collect();
            let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeInstancesResponse \
                        xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>1</requestId>";
            let set = format!("<reservationSet>{items}</reservationSet>");
            Reply::Now(200, format!("{head}{set}{next}</DescribeInstancesResponse>"))
        })
    }
}

fn item(node: &Node) -> String {
    let Node { id, owner, state, name, profile } = node;
    let profile = profile.map(|arn| format!("<iamInstanceProfile><arn>{arn}</arn><id>AIPA1</id></iamInstanceProfile>"));
    format!(
        "<item><reservationId>r-1</reservationId><ownerId>{owner}</ownerId><groupSet/><instancesSet><item>\
         <instanceId>{id}</instanceId><instanceState><code>16</code><name>{state}</name></instanceState>\
         <privateDnsName>{name}</privateDnsName><dnsName/>{}<tagSet/></item></instancesSet></item>",
        profile.unwrap_or_default()
    )
}

/// EC2 repeats what was signed when a signature is bad: whoever prints it prints a session token.
fn refused(status: u16, code: &str) -> Reply {
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>canary: the canonical request was x-amz-security-token</Message></Error></Errors>\
         <RequestID>1</RequestID></Response>"
    );
    Reply::Now(status, document)
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pieces = text.split('&').filter_map(|piece| piece.split_once('='));
    pieces.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn ids(form: &[(String, String)]) -> Vec<String> {
    let values = form.iter().filter(|(name, _)| name.starts_with("Filter.1.Value."));
    values.map(|(_, value)| value.clone()).collect()
}
