//! Follows what is asked for and what is there, and does what follows from the two.
//!
//! ```text
//! entries ─▶ Inputs ──┐
//! namespaces ─▶ watch ├─▶ pass: what is wanted, what differs ─▶ work ──one at a time──▶ API server
//! RoleBindings ▶ watch┘            └─▶ PolicyReadiness, metrics        (while we hold the Lease)
//! ```
//!
//! A pass only compares what is in memory, and makes the list of what is to be done anew; it is made soon after every
//! change. So nothing that was listed long ago is done, and a write that fails is tried again by a later pass.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Config;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::brake::Brake;
use super::desired::{MANAGED_BY, POLICY_LABEL};
use super::faults::{Faults, recovered, tell};
use super::fixed::{Fixed, look};
use super::inputs::{Inputs, Wishes};
use super::observed::{Observed, Place};
use super::writer::{Job, Outcome};
use crate::clock::Clock;
use crate::kubernetes::{Candidate, ClusterAccess, LeaseTerms, ObjectFault, Pace, RbacObjects, connect, watch};
use crate::live::{Live, Publisher, live};
use crate::mapping::PolicyReadiness;
use crate::rbac::AccessPolicy;
use crate::telemetry::Metrics;

/// The Lease that the writer holds.
pub(super) const LEASE: (&str, &str) = ("kube-system", "iam-bridge-access-policies");
/// Annotation of the Lease with the digest of what its holder's file of access entries asks for in namespaces.
const FILE_DIGEST: &str = "iam-bridge.dev/access-entry-file";
/// Good for 15 s, renewed every 2 s; client-go's figures.
const TERMS: LeaseTerms = LeaseTerms { duration: Duration::from_secs(15), renewal: Duration::from_secs(2) };
/// Writes and looks in a second, at most.
const A_SECOND: u32 = 40;
/// From a change to the pass, so that changes that come together are looked at together.
const SETTLE: Duration = Duration::from_millis(50);
/// From one pass over everything to the next, whatever happens.
pub(super) const FULL_PASS: Duration = Duration::from_secs(600);
/// From one look at what keeps a policy from being ready to the next.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Time for the replica that writes, before another looks what keeps it.
pub(super) const FOR_THE_WRITER: Duration = Duration::from_secs(5);
/// No change is waited for longer than this at once.
const LONG: Duration = Duration::from_secs(3600);

/// Keeps the objects.
pub(super) struct Keeper {
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Arc<Publisher<PolicyReadiness>>,
    pub(super) digest: Publisher<Option<String>>,
    /// The digest of another replica that was told of as differing.
    pub(super) told_digest: Option<String>,
    pub(super) observed: Observed,
    pub(super) wishes: Wishes,
    pub(super) desired: BTreeMap<Place, Arc<RoleBinding>>,
    /// `desired` is to be made anew.
    pub(super) stale: bool,
    pub(super) leads: bool,
    pub(super) work: VecDeque<Job>,
    /// What is being done.
    pub(super) busy: Option<Place>,
    pub(super) brake: Brake,
    /// Names that objects of others bear, and when they are looked at again, on the monotonic hand.
    pub(super) taken: BTreeMap<Place, Duration>,
    pub(super) later: BTreeMap<Place, Later>,
    pub(super) fixed: BTreeMap<AccessPolicy, Fixed>,
    pub(super) faults: Faults,
    pub(super) pace: Pace,
    /// When the next pass is made; `None` when nothing has changed.
    pub(super) due: Option<Instant>,
    /// On the monotonic hand: the next look at the objects that never change, pass over everything, and pass for what
    /// waits.
    pub(super) next_look: Duration,
    pub(super) next_full: Duration,
    pub(super) wake: Option<Duration>,
}

/// An object that is not tried again before its time.
#[derive(Debug)]
pub(super) struct Later {
    pub(super) due: Instant,
    pub(super) failures: u32,
    /// Why, if somebody should know.
    pub(super) why: Option<String>,
}

/// What came of a task.
enum Done {
    Did(Job, Result<Outcome, ObjectFault>),
    Looked(BTreeMap<AccessPolicy, Fixed>),
    Rested(Pace),
}

impl Keeper {
    pub(super) fn new(readiness: Arc<Publisher<PolicyReadiness>>, metrics: Arc<Metrics>, clock: Clock) -> Self {
        let next_full = clock.moment().monotonic.saturating_add(FULL_PASS);
        Self {
            clock,
            metrics,
            readiness,
            digest: live(None).0,
            told_digest: None,
            observed: Observed::default(),
            wishes: Wishes::default(),
            desired: BTreeMap::new(),
            stale: true,
            leads: false,
            work: VecDeque::new(),
            busy: None,
            brake: Brake::default(),
            taken: BTreeMap::new(),
            later: BTreeMap::new(),
            fixed: BTreeMap::new(),
            faults: Faults::default(),
            pace: Pace::new(),
            due: None,
            next_look: Duration::ZERO,
            next_full,
            wake: None,
        }
    }

    /// Never ends.
    pub(super) async fn run(mut self, cluster: &ClusterAccess, mut inputs: Inputs) {
        let mut pace = Pace::new();
        self.wish(&inputs);
        loop {
            match connect(cluster).await {
                Ok(client) => {
                    self.faults.access = None;
                    let (candidate, leads) = Candidate::with_terms(LEASE.0, LEASE.1, TERMS);
                    let (candidate, theirs) = candidate.noting(FILE_DIGEST, self.digest.subscribe());
                    let clock = self.clock.clone();
                    tokio::select! {
                        () = candidate.run(client.clone(), clock) => {}
                        () = Box::pin(self.follow(&client, &mut inputs, leads, theirs)) => {}
                    }
                }
                Err(error) => {
                    tell(&mut self.faults.access, error.to_string(), &self.metrics, "access");
                    self.publish();
                }
            }
            self.lead(false);
            pace.pause().await;
        }
    }

    /// Until the API server refuses what is asked: perhaps there are other credentials by then.
    async fn follow(
        &mut self,
        client: &kube::Client,
        inputs: &mut Inputs,
        mut leads: Live<bool>,
        mut theirs: Live<Option<String>>,
    ) {
        let all: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
        let mut namespaces = pin!(watch(all, Config::default()));
        let selector = format!("{}={},{POLICY_LABEL}", MANAGED_BY.0, MANAGED_BY.1);
        let mut bindings = pin!(watch(Api::<RoleBinding>::all(client.clone()), Config::default().labels(&selector)));
        let objects = RbacObjects::new(client.clone());
        let (mut working, mut looking) = (false, false);
        let mut tasks: JoinSet<Done> = JoinSet::new();
        let mut ticks = interval(Duration::from_secs(1));
        let mut turns = interval(Duration::from_secs(1) / A_SECOND);
        for timer in [&mut ticks, &mut turns] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        self.busy = None;
        self.soon();
        loop {
            let due = self.due.unwrap_or_else(|| Instant::now() + LONG);
            tokio::select! {
                Some(event) = namespaces.next() => match event {
                    Ok(event) => {
                        let whole = matches!(event, crate::kubernetes::WatchEvent::InitDone);
                        if self.observed.namespace(event) {
                            self.stale = true;
                            self.soon();
                        }
                        if whole {
                            recovered(&mut self.faults.namespaces, "namespaces");
                        }
                    }
                    Err(fault) => {
                        tell(&mut self.faults.namespaces, fault.why, &self.metrics, "namespaces");
                        self.publish();
                        if fault.refused {
                            return;
                        }
                    }
                },
                Some(event) = bindings.next() => match event {
                    Ok(event) => {
                        let (whole, news) = self.observed.binding(event);
                        if whole {
                            recovered(&mut self.faults.bindings, "rolebindings");
                        }
                        if whole || news.is_some() {
                            self.soon();
                        }
                        if let Some(news) = news {
                            self.tell_of_change(&news);
                        }
                    }
                    Err(fault) => {
                        tell(&mut self.faults.bindings, fault.why, &self.metrics, "rolebindings");
                        self.publish();
                        if fault.refused {
                            return;
                        }
                    }
                },
                () = inputs.changed() => {
                    self.wish(inputs);
                    self.compare(&theirs);
                }
                true = leads.changed() => {
                    self.lead(*leads.now());
                    self.compare(&theirs);
                }
                true = theirs.changed() => self.compare(&theirs),
                _ = ticks.tick() => {
                    self.tick(inputs);
                    if !looking && self.clock.moment().monotonic >= self.next_look {
                        looking = true;
                        let objects = objects.clone();
                        tasks.spawn(async move { Done::Looked(look(objects).await) });
                    }
                }
                _ = turns.tick(), if !working && !self.work.is_empty() => {
                    if let Some(job) = self.work.pop_front() {
                        (working, self.busy) = (true, Some(job.place()));
                        let objects = objects.clone();
                        tasks.spawn(async move {
                            let outcome = job.carry_out(&objects).await;
                            Done::Did(job, outcome)
                        });
                    }
                }
                Some(done) = tasks.join_next() => match done {
                    Ok(Done::Did(job, outcome)) => {
                        self.busy = None;
                        working = false;
                        if !self.take(&job, outcome) {
                            working = true;
                            let mut pace = std::mem::take(&mut self.pace);
                            tasks.spawn(async move {
                                pace.pause().await;
                                Done::Rested(pace)
                            });
                        }
                        self.soon();
                    }
                    Ok(Done::Looked(fixed)) => {
                        looking = false;
                        self.looked(fixed);
                    }
                    Ok(Done::Rested(pace)) => (self.pace, working) = (pace, false),
                    Err(ended) => {
                        tracing::error!(error = %ended, "a write of access policies ended early");
                        (working, looking, self.busy) = (false, false, None);
                    }
                },
                _ = timeout_at(due, std::future::pending::<()>()) => self.pass().await,
            }
        }
    }

    pub(super) fn soon(&mut self) {
        let due = Instant::now() + SETTLE;
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    fn lead(&mut self, leads: bool) {
        if self.leads != leads {
            self.leads = leads;
            self.later.clear();
            self.brake = Brake::default();
        }
        self.work.clear();
        self.metrics.access_policy_leads(leads);
        self.soon();
    }

    fn wish(&mut self, inputs: &Inputs) {
        let wishes = inputs.read(self.clock.now());
        self.stale |= wishes.grants != self.wishes.grants;
        if *self.digest.subscribe().now() != wishes.file_digest {
            self.digest.publish(wishes.file_digest.clone());
        }
        self.wishes = wishes;
        self.soon();
    }

    /// Whether the replica that writes has another file of access entries than we.
    fn compare(&mut self, theirs: &Live<Option<String>>) {
        let differs = match (&self.wishes.file_digest, &*theirs.now()) {
            (Some(ours), Some(theirs)) if !self.leads && ours != theirs => Some(theirs.clone()),
            _ => None,
        };
        self.metrics.access_policy_file_differs(differs.is_some());
        if let Some(theirs) = differs.clone().filter(|_| self.told_digest != differs) {
            tracing::warn!(
                ours = self.wishes.file_digest,
                theirs,
                "the replica that writes RoleBindings reads another AccessEntryFile than this one; make the files equal"
            );
        }
        self.told_digest = differs;
    }

    fn tick(&mut self, inputs: &Inputs) {
        let moment = self.clock.moment();
        if self.wishes.next_end.is_some_and(|end| end <= moment.wall) {
            self.wish(inputs);
        }
        if self.wake.is_some_and(|wake| wake <= moment.monotonic) {
            self.wake = None;
            self.soon();
        }
        if self.next_full <= moment.monotonic {
            self.next_full = moment.monotonic.saturating_add(FULL_PASS);
            self.next_look = moment.monotonic;
            (self.stale, self.later) = (true, BTreeMap::new());
            self.wish(inputs);
        }
    }
}
