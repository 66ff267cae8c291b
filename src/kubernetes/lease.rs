//! One replica of several: who holds a Lease writes, the others wait.
//!
//! Nobody compares clocks. A candidate takes a Lease over when it has not seen it change for as long as it is good for;
//! its holder counts from before it asked for a renewal, and steps down well before that. Both write under the version
//! that they read, so that of two who write at once one is refused.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::runtime::events::Reporter;
use tokio::time::{Instant, timeout};

use super::pace::{chance, drawn, wait};
use super::transport::{self, Fault};
use crate::clock::Clock;
use crate::live::{Live, Publisher, live};

/// For one call to the API server.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// A Lease is looked at so long after it has run out.
const JUST_AFTER: Duration = Duration::from_millis(100);

/// How long a Lease is good for, and how often it is renewed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeaseTerms {
    /// Others wait this long for a sign of life; whole seconds.
    pub duration: Duration,
    /// From one renewal, or one look at it, to the next.
    pub renewal: Duration,
}

/// Whether this process holds the Lease now; the others are told so too.
#[derive(Debug)]
pub struct Candidate {
    namespace: String,
    name: String,
    identity: String,
    terms: LeaseTerms,
    leads: Publisher<bool>,
    /// Until when the Lease is surely ours.
    sure_until: Option<Instant>,
    /// The version last seen, and when it was new.
    seen: Option<(String, Instant)>,
    told: Option<String>,
    note: Option<Note>,
}

/// An annotation of the Lease.
#[derive(Debug)]
struct Note {
    key: &'static str,
    ours: Live<Option<String>>,
    theirs: Publisher<Option<String>>,
}

/// What an attempt came to.
enum Attempt {
    /// The Lease is ours.
    Held,
    /// It is another's, and has run out in this time if it is not renewed.
    Anothers(Duration),
    /// The API server does not say.
    Unknown(String),
}

impl Default for LeaseTerms {
    /// 15 s, renewed every 5 s.
    fn default() -> Self {
        Self { duration: Duration::from_secs(15), renewal: Duration::from_secs(5) }
    }
}

impl Candidate {
    /// A candidate for the Lease `namespace/name`, under a name that no other process has.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> (Self, Live<bool>) {
        Self::with_terms(namespace, name, LeaseTerms::default())
    }

    /// The same under other terms; all candidates must have the same.
    #[must_use]
    pub fn with_terms(namespace: &str, name: &str, terms: LeaseTerms) -> (Self, Live<bool>) {
        let (leads, leading) = live(false);
        let (namespace, name, identity) = (namespace.to_owned(), name.to_owned(), identity());
        let candidate =
            Self { namespace, name, identity, terms, leads, sure_until: None, seen: None, told: None, note: None };
        (candidate, leading)
    }

    /// With an annotation that its holder keeps; while `ours` is `None` it is left as it is. Yields what another holder has
    /// put there.
    #[must_use]
    pub fn noting(mut self, key: &'static str, ours: Live<Option<String>>) -> (Self, Live<Option<String>>) {
        let (theirs, seen) = live(None);
        self.note = Some(Note { key, ours, theirs });
        (self, seen)
    }

    /// Runs for it until it is dropped: `true` from the moment it holds the Lease until it can no longer be sure.
    ///
    /// What is dropped leaves the Lease to run out.
    pub async fn run(mut self, client: kube::Client, clock: Clock) {
        let leases: Api<Lease> = Api::namespaced(client, &self.namespace);
        loop {
            let began = Instant::now();
            let left = self.sure_until.map_or(CALL_LIMIT, |until| until.saturating_duration_since(began));
            let attempt = timeout(left.min(CALL_LIMIT), self.attempt(&leases, &clock)).await;
            let mut pause = self.terms.renewal;
            match attempt.unwrap_or_else(|_elapsed| Attempt::Unknown("no answer in time".to_owned())) {
                Attempt::Held => {
                    self.sure_until = began.checked_add(self.terms.duration.mul_f64(2.0 / 3.0));
                    self.told = None;
                }
                Attempt::Anothers(left) => {
                    self.sure_until = None;
                    pause = pause.min(left);
                }
                Attempt::Unknown(why) => {
                    pause /= 5;
                    self.tell(why);
                }
            }
            self.sure_until = self.sure_until.filter(|until| *until > Instant::now());
            self.show();
            // Candidates fall out of step; a holder keeps to its time.
            let pause = if self.sure_until.is_some() { pause } else { pause.mul_f64(1.0 + chance() / 5.0) };
            let left = self.sure_until.map(|until| until.saturating_duration_since(Instant::now()));
            wait(left.map_or(pause, |left| pause.min(left))).await;
        }
    }

    async fn attempt(&mut self, leases: &Api<Lease>, clock: &Clock) -> Attempt {
        let now = MicroTime(Timestamp::from_second(clock.now().0).unwrap_or_default());
        let found = match leases.get_opt(&self.name).await {
            Ok(found) => found,
            Err(error) => return unknown(&error),
        };
        let Some(mut lease) = found else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let mut lease = Lease { metadata, spec: Some(self.ours(LeaseSpec::default(), now)) };
            self.annotate(&mut lease);
            return written(leases.create(&PostParams::default(), &lease).await);
        };
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if *seen == version => *since,
            _ => Instant::now(),
        };
        self.seen = Some((version, since));
        let spec = lease.spec.take().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let good_for = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let good_for = good_for.map_or(self.terms.duration, Duration::from_secs).max(self.terms.duration);
        if !(holder.is_empty() || holder == self.identity || since.elapsed() > good_for) {
            self.read_note(&lease);
            return Attempt::Anothers(good_for.saturating_sub(since.elapsed()).saturating_add(JUST_AFTER));
        }
        self.annotate(&mut lease);
        lease.spec = Some(self.ours(spec, now));
        written(leases.replace(&self.name, &PostParams::default(), &lease).await)
    }

    fn annotate(&self, lease: &mut Lease) {
        let Some(note) = &self.note else { return };
        if let Some(text) = &*note.ours.now() {
            lease.metadata.annotations.get_or_insert_default().insert(note.key.to_owned(), text.clone());
        }
    }

    fn read_note(&self, lease: &Lease) {
        let Some(note) = &self.note else { return };
        let there = lease.metadata.annotations.as_ref().and_then(|annotations| annotations.get(note.key)).cloned();
        if *note.theirs.subscribe().now() != there {
            note.theirs.publish(there);
        }
    }

    /// What the Lease says once it is ours.
    fn ours(&self, before: LeaseSpec, now: MicroTime) -> LeaseSpec {
        let was_ours = before.holder_identity.as_deref() == Some(&self.identity);
        let transitions = before.lease_transitions.unwrap_or_default();
        LeaseSpec {
            acquire_time: before.acquire_time.filter(|_| was_ours).or_else(|| Some(now.clone())),
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.terms.duration.as_secs()).ok(),
            lease_transitions: Some(if was_ours { transitions } else { transitions.saturating_add(1) }),
            renew_time: Some(now),
            ..before
        }
    }

    fn show(&self) {
        let leads = self.sure_until.is_some();
        if *self.leads.subscribe().now() != leads {
            let lease = format!("{}/{}", self.namespace, self.name);
            tracing::info!(lease, leads, "the lease has changed hands");
            self.leads.publish(leads);
        }
    }

    /// Tells once why the API server does not say.
    fn tell(&mut self, why: String) {
        if self.told.as_ref() != Some(&why) {
            let lease = format!("{}/{}", self.namespace, self.name);
            tracing::warn!(
                lease,
                error = why,
                "cannot tell who holds the lease; grant get, create and update of leases"
            );
        }
        self.told = Some(why);
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.leads.publish(false);
    }
}

fn written(answer: kube::Result<Lease>) -> Attempt {
    match answer {
        Ok(_) => Attempt::Held,
        // Somebody was faster.
        Err(kube::Error::Api(status)) if status.code == 409 => Attempt::Anothers(Duration::MAX),
        Err(error) => unknown(&error),
    }
}

fn unknown(error: &kube::Error) -> Attempt {
    let (Fault::Certificate(why) | Fault::Connection(why)) = transport::fault(error);
    Attempt::Unknown(why)
}

/// The host's name, and by chance what no other process has.
fn identity() -> String {
    // A reporter of Events bears the host's name.
    let host = Reporter::from("").instance.unwrap_or_default();
    format!("{host}_{:016x}{:016x}", drawn(), drawn())
}
