//! Who is known to the STS, how it behaves, and what it has seen.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, header};
use secrecy::ExposeSecret;
use tokio::sync::watch;

use super::answer::{self, Refusal};
use super::signature::{Claim, Pairs, find, pairs};
use super::{Behaviour, Principal, SeenRequest};
use crate::clock::{Clock, UnixSeconds};

/// Requests kept for tests to look at.
const KEPT_REQUESTS: usize = 64;

/// Life of an assumed role's keys, unless the call asks for another.
const SESSION_SECONDS: i64 = 3600;

pub(super) struct Registry {
    clock: Clock,
    known: Mutex<Known>,
    behaviour: watch::Sender<Behaviour>,
    calls: watch::Sender<u64>,
    connections: AtomicU64,
    in_flight: AtomicU64,
    peak_in_flight: AtomicU64,
    requests: Mutex<VecDeque<SeenRequest>>,
}

#[derive(Default)]
struct Known {
    by_key_id: HashMap<String, Principal>,
    expired: HashSet<String>,
    /// `AROA…` of each role that was assumed: a role keeps its id.
    role_ids: HashMap<String, String>,
}

/// Counts a request as in flight while it lives.
pub(super) struct InFlight(Arc<Registry>);

impl Registry {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            known: Mutex::default(),
            behaviour: watch::Sender::default(),
            calls: watch::Sender::default(),
            connections: AtomicU64::default(),
            in_flight: AtomicU64::default(),
            peak_in_flight: AtomicU64::default(),
            requests: Mutex::default(),
        }
    }

    pub(super) fn add(&self, principal: Principal) {
        lock(&self.known).by_key_id.insert(principal.access_key_id.clone(), principal);
    }

    pub(super) fn revoke(&self, access_key_id: &str) {
        lock(&self.known).by_key_id.remove(access_key_id);
    }

    pub(super) fn expire(&self, access_key_id: &str) {
        lock(&self.known).expired.insert(access_key_id.to_owned());
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    pub(super) fn behaviour(&self) -> watch::Receiver<Behaviour> {
        self.behaviour.subscribe()
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn took(self: &Arc<Self>, request: SeenRequest) -> InFlight {
        let mut requests = lock(&self.requests);
        if requests.len() == KEPT_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
        drop(requests);
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.peak_in_flight.fetch_max(now, Ordering::SeqCst);
        self.calls.send_modify(|calls| *calls = calls.saturating_add(1));
        InFlight(Arc::clone(self))
    }

    pub(super) fn calls(&self) -> u64 {
        *self.calls.borrow()
    }

    pub(super) async fn called(&self, calls: u64) {
        // The sender lives in self, so the wait cannot fail.
        let _ = self.calls.subscribe().wait_for(|seen| *seen >= calls).await;
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn peak_in_flight(&self) -> u64 {
        self.peak_in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<SeenRequest> {
        lock(&self.requests).iter().cloned().collect()
    }

    /// The honest answer.
    pub(super) fn answer(&self, parts: &Parts, body: &[u8]) -> Response<Bytes> {
        let as_json = wants_json(parts);
        self.judge(parts, body, as_json).unwrap_or_else(|refusal| answer::refused(refusal, as_json))
    }

    fn judge(&self, parts: &Parts, body: &[u8], as_json: bool) -> Result<Response<Bytes>, Refusal> {
        let query = pairs(parts.uri.query().unwrap_or_default());
        let presigned = parts.method == Method::GET && parts.uri.path() == "/";
        let claim = if presigned { Claim::from_query("sts", &query)? } else { Claim::from_headers("sts", parts)? };
        let principal = self.proven(&claim, parts, body)?;
        let form = if presigned { query } else { pairs(&String::from_utf8_lossy(body)) };
        match find(&form, "Action") {
            Some("GetCallerIdentity") => Ok(answer::caller_identity(&principal, as_json)),
            Some("AssumeRole") if !presigned => self.assume_role(&form),
            _ => Err(Refusal::InvalidAction),
        }
    }

    /// Who signed a request for another service.
    pub(super) fn signer(&self, service: &str, parts: &Parts, body: &[u8]) -> Result<Principal, Refusal> {
        self.proven(&Claim::from_headers(service, parts)?, parts, body)
    }

    /// The clock's hour as HTTP writes it.
    pub(super) fn date(&self) -> Option<HeaderValue> {
        let now = jiff::Timestamp::from_second(self.clock.now().0).ok()?;
        HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
    }

    fn proven(&self, claim: &Claim, parts: &Parts, body: &[u8]) -> Result<Principal, Refusal> {
        let principal = self.principal(&claim.access_key_id)?;
        claim.verify(parts, body, &principal, self.clock.now())?;
        Ok(principal)
    }

    fn principal(&self, access_key_id: &str) -> Result<Principal, Refusal> {
        let known = lock(&self.known);
        if known.expired.contains(access_key_id) {
            return Err(Refusal::ExpiredToken);
        }
        known.by_key_id.get(access_key_id).cloned().ok_or(Refusal::InvalidClientTokenId)
    }

    /// Any known principal may assume any role; the session becomes a principal of its own.
    fn assume_role(&self, form: &Pairs) -> Result<Response<Bytes>, Refusal> {
        let role_arn = find(form, "RoleArn").ok_or(Refusal::MissingParameter)?;
        let session_name = find(form, "RoleSessionName").ok_or(Refusal::MissingParameter)?;
        let mut sections = role_arn.split(':');
        let (partition, account) = (sections.nth(1).unwrap_or("aws"), sections.nth(2).unwrap_or_default());
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        let mut session =
            Principal::role_session(account, role, session_name).map_err(|_| Refusal::MissingParameter)?;
        session.arn = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session_name}");
        let fresh_id = session.user_id.split(':').next().unwrap_or_default().to_owned();
        let role_id = lock(&self.known).role_ids.entry(role_arn.to_owned()).or_insert(fresh_id).clone();
        session.user_id = format!("{role_id}:{session_name}");
        let token = session.session_token.as_ref().map(|token| token.expose_secret().to_owned()).unwrap_or_default();
        let secret = session.secret_access_key.expose_secret().to_owned();
        let life = find(form, "DurationSeconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(SESSION_SECONDS);
        let expiration = rfc3339(self.clock.now().plus(life));
        let response = answer::assumed_role(&session, &secret, &token, &expiration);
        self.add(session);
        Ok(response)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

/// STS answers in XML unless the client accepts JSON.
pub(super) fn wants_json(parts: &Parts) -> bool {
    let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

fn rfc3339(at: UnixSeconds) -> String {
    jiff::Timestamp::from_second(at.0).map(|at| at.to_string()).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
