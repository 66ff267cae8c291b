//! IAM as far as pins need it: `GetRole` and `GetUser` over plain HTTP, for callers whose signature is good; and on the
//! same address the `GetCallerIdentity` of STS, for tests that start no whole AWS.
//!
//! As the real one it answers for the account of the caller alone, and finds names in any case. It can be told to
//! misbehave for the next calls. What it was asked is kept.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use iam_bridge::demo::sts::Sts;
use percent_encoding::percent_decode_str;

use super::ec2::Manner;
use super::listening::Listening;

/// The region that signatures of the partition `aws` name.
const REGION: &str = "us-east-1";

/// A role or user of an account.
#[derive(Clone)]
pub(crate) struct Known {
    /// `Role` or `User`.
    kind: &'static str,
    account: String,
    /// With a slash at both ends.
    path: String,
    name: String,
    id: String,
    created: String,
}

impl Known {
    /// The role of this ARN.
    pub(crate) fn role(arn: &str, id: &str) -> Self {
        Self::of("Role", arn, id)
    }

    /// The user of this ARN.
    pub(crate) fn user(arn: &str, id: &str) -> Self {
        Self::of("User", arn, id)
    }

    /// Made at another time than 2024-05-08T23:34:01Z.
    pub(crate) fn created(self, at: &str) -> Self {
        Self { created: at.to_owned(), ..self }
    }

    fn of(kind: &'static str, arn: &str, id: &str) -> Self {
        let resource = arn.split(':').nth(5).unwrap();
        let (_, rest) = resource.split_once('/').unwrap();
        let (path, name) =
            rest.rsplit_once('/').map_or_else(|| ("/".to_owned(), rest), |(path, name)| (format!("/{path}/"), name));
        let account = arn.split(':').nth(4).unwrap().to_owned();
        Self {
            kind,
            account,
            path,
            name: name.to_owned(),
            id: id.to_owned(),
            created: "2024-05-08T23:34:01Z".to_owned(),
        }
    }

    fn document(&self) -> String {
        let Self { kind, account, path, name, id, created } = self;
        let policy =
            if *kind == "Role" { "<AssumeRolePolicyDocument>%7B%22a%22%3A1%7D</AssumeRolePolicyDocument>" } else { "" };
        format!(
            "<Get{kind}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Get{kind}Result><{kind}>\
             <Path>{path}</Path><Arn>arn:aws:iam::{account}:{}{path}{name}</Arn><{kind}Name>{name}</{kind}Name>{policy}\
             <{kind}Id>{id}</{kind}Id><CreateDate>{created}</CreateDate></{kind}></Get{kind}Result>\
             <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></Get{kind}Response>",
            kind.to_lowercase(),
        )
    }
}

/// The running IAM. Dropping it ends it.
pub(crate) struct Iam {
    listening: Listening,
    state: Arc<State>,
}

struct State {
    sts: Arc<Sts>,
    facts: Mutex<Facts>,
}

#[derive(Default)]
struct Facts {
    known: Vec<Known>,
    /// Actions that nobody may call.
    denied: Vec<&'static str>,
    /// Manners of the next calls of IAM, the next one first.
    next: VecDeque<Manner>,
    /// `GetRole Dev`, `GetUser alice`, `GetCallerIdentity`.
    asked: Vec<String>,
}

impl Iam {
    /// On a free port of 127.0.0.1; `sts` knows whose keys are good.
    pub(crate) async fn start(sts: Arc<Sts>) -> Self {
        let state = Arc::new(State { sts, facts: Mutex::default() });
        let listening = Listening::start(&state, exchange).await;
        Self { listening, state }
    }

    pub(crate) fn url(&self) -> String {
        self.listening.url()
    }

    /// Makes a principal, in place of one of its kind and name.
    pub(crate) fn put(&self, known: Known) {
        self.state.edit(|facts| {
            facts.known.retain(|old| (old.kind, &old.account, &old.name) != (known.kind, &known.account, &known.name));
            facts.known.push(known);
        });
    }

    /// Nobody may call this any more.
    pub(crate) fn deny(&self, action: &'static str) {
        self.state.edit(|facts| facts.denied.push(action));
    }

    /// The next calls of IAM are taken in these manners.
    pub(crate) fn next(&self, manners: impl IntoIterator<Item = Manner>) {
        self.state.edit(|facts| facts.next.extend(manners));
    }

    /// Calls taken so far, each with the name it asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.edit(|facts| facts.asked.clone())
    }
}

type Answer = (u16, String);

async fn exchange(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let form = form(&body);
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let action = value("Action").unwrap_or_default();
    let name = value("RoleName").or_else(|| value("UserName"));
    let asked = name.map_or_else(|| action.to_owned(), |name| format!("{action} {name}"));
    let is_sts = action == "GetCallerIdentity";
    let manner = state.edit(|facts| {
        facts.asked.push(asked);
        if is_sts { None } else { facts.next.pop_front() }
    });
    let (status, text) = match manner {
        Some(Manner::Answer(status, text)) => (status, text),
        Some(Manner::Refuse(status, code)) => refused(status, code),
        Some(Manner::Hang | Manner::Held) => std::future::pending().await,
        None if is_sts => state.caller(&parts, &body),
        None => state.answer(&parts, &body, (action, value("Version"), name)),
    };
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    Ok(response.header("content-type", "text/xml").body(Full::from(text)).unwrap())
}

impl State {
    fn edit<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn caller(&self, parts: &Parts, body: &[u8]) -> Answer {
        match self.sts.signer("sts", parts, body) {
            Ok(caller) => (
                200,
                format!(
                    "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                     <GetCallerIdentityResult><Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>\
                     </GetCallerIdentityResult></GetCallerIdentityResponse>",
                    caller.arn, caller.user_id, caller.account
                ),
            ),
            Err(_) => refused(403, "InvalidClientTokenId"),
        }
    }

    fn answer(
        &self,
        parts: &Parts,
        body: &[u8],
        (action, version, name): (&str, Option<&str>, Option<&str>),
    ) -> Answer {
        let signed_for = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Ok(caller) = self.sts.signer("iam", parts, body) else {
            return refused(403, "InvalidClientTokenId");
        };
        if !signed_for.contains(&format!("/{REGION}/iam/")) {
            return refused(403, "SignatureDoesNotMatch");
        }
        let (kind, Some(name), Some("2010-05-08")) = (action.strip_prefix("Get"), name, version) else {
            return refused(400, "InvalidAction");
        };
        self.edit(|facts| {
            if facts.denied.contains(&action) {
                return refused(403, "AccessDenied");
            }
            let found = facts.known.iter().find(|known| {
                Some(known.kind) == kind && known.account == caller.account && known.name.eq_ignore_ascii_case(name)
            });
            found.map_or_else(|| refused(404, "NoSuchEntity"), |known| (200, known.document()))
        })
    }
}

/// AWS repeats what was signed when a signature is bad: whoever prints it prints a session token.
fn refused(status: u16, code: &str) -> Answer {
    let document = format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>canary: the canonical request was x-amz-security-token</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    );
    (status, document)
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pieces = text.split('&').filter_map(|piece| piece.split_once('='));
    pieces.map(|(name, value)| (decode(name), decode(value))).collect()
}
