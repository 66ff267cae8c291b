//! What one elected replica writes: the status of each object, and Events.
//!
//! Nothing here has a part in who gets in: writes may be refused, conflict or fail, and are tried again, less and less
//! often. Only what differs is written, one object at a time, at most [`A_SECOND`].

mod queue;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, timeout};

pub(in crate::sources) use queue::Statuses;
use queue::{Turn, Work};

use super::Terms;
use crate::clock::Clock;
use crate::kubernetes::{Candidate, EventKind, Events, LeanObject, LeanParts, Pace};
use crate::live::Live;

/// Statuses written in a second, at most: 50 would be too many, and a timer is never exact.
const A_SECOND: u32 = 45;
/// For the answer to one write.
const LIMIT: Duration = Duration::from_secs(10);
/// Where the Lease is that the writer holds.
const NAMESPACE: &str = "kube-system";
/// Under which the fields that are written are managed.
const FIELD_MANAGER: &str = "iam-bridge";

/// What is to be written to one object.
pub(in crate::sources) trait Report: fmt::Debug + Send + Sync + 'static {
    /// Name of the object.
    fn name(&self) -> &Arc<str>;

    /// Its uid: an object that was made anew under the same name is another.
    fn uid(&self) -> &str;

    /// Its `status`; members that are null are taken out.
    fn status(&self) -> Value;

    /// Why the object is not in force, for an Event.
    fn fault(&self) -> Option<String>;

    /// Whether another report of the object asks for the same.
    fn is_same(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other)
    }
}

/// Runs for the Lease, and writes while it is held. Never ends.
pub(super) async fn write<P: LeanParts, R: Report>(
    client: &kube::Client,
    source: &'static str,
    terms: &Terms,
    statuses: &Statuses<R>,
    clock: &Clock,
) {
    let (candidate, leads) = Candidate::new(NAMESPACE, terms.lease);
    let api: Api<LeanObject<P>> = Api::all(client.clone());
    let mut writer = Writer { api, source, terms, events: Events::new(client.clone()), pace: Pace::new(), told: None };
    tokio::select! {
        () = candidate.run(client.clone(), clock.clone()) => {}
        () = writer.run(statuses, leads) => {}
    }
}

struct Writer<'t, P: LeanParts> {
    api: Api<LeanObject<P>>,
    source: &'static str,
    terms: &'t Terms,
    events: Events,
    pace: Pace,
    /// The failure that was told last, until a write succeeds.
    told: Option<String>,
}

/// How a write failed.
enum Failure {
    /// There is no such object any more.
    Gone,
    /// This object's alone: it was made anew, or its other members are refused.
    OfObject(String),
    /// No other would be written either.
    OfAll(String),
}

impl<P: LeanParts> Writer<'_, P> {
    async fn run<R: Report>(&mut self, statuses: &Statuses<R>, mut leads: Live<bool>) {
        let mut ticks = interval(Duration::from_secs(1) / A_SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while !*leads.now() {
                if !leads.changed().await {
                    return std::future::pending().await;
                }
            }
            let turn = statuses.next().await;
            ticks.tick().await;
            if !*leads.now() {
                continue;
            }
            match turn {
                Turn::Bad(report) => self.tell_fault(&*report).await,
                Turn::Status(work) => match self.patch(&*work.report).await {
                    Ok(()) => self.written(statuses, &work).await,
                    Err(Failure::Gone) => statuses.done(&work),
                    Err(Failure::OfObject(why)) => {
                        self.tell(&*work.report, &why);
                        statuses.later(&work);
                    }
                    Err(Failure::OfAll(why)) => {
                        self.tell(&*work.report, &why);
                        self.pace.pause().await;
                    }
                },
            }
        }
    }

    async fn patch(&self, report: &impl Report) -> Result<(), Failure> {
        // The uid keeps it off an object that was made anew under the same name.
        let patch = Patch::Merge(json!({"metadata": {"uid": report.uid()}, "status": report.status()}));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let writing = self.api.patch_status(report.name(), &params, &patch);
        let Ok(answer) = timeout(LIMIT, writing).await else {
            return Err(Failure::OfAll(format!("no answer within {} s", LIMIT.as_secs())));
        };
        match answer {
            Ok(_object) => Ok(()),
            Err(kube::Error::Api(status)) => {
                let why = format!("{} ({})", status.message, status.code);
                let names = status.details.as_ref().is_some_and(|details| *details.name == **report.name());
                Err(match status.code {
                    404 if names => Failure::Gone,
                    400 | 409 | 413 | 422 => Failure::OfObject(why),
                    _ => Failure::OfAll(why),
                })
            }
            Err(error) => Err(Failure::OfAll(error.to_string())),
        }
    }

    async fn written<R: Report>(&mut self, statuses: &Statuses<R>, work: &Work<R>) {
        statuses.done(work);
        self.pace.reset();
        if self.told.take().is_some() {
            tracing::info!(mapping.source = self.source, "statuses of {} objects are written again", self.terms.kind);
        }
        if work.tell && work.report.fault().is_none() {
            self.publish(&*work.report, EventKind::Normal, "Synced", self.terms.synced).await;
        }
    }

    async fn tell_fault(&self, report: &impl Report) {
        if let Some(fault) = report.fault() {
            self.publish(report, EventKind::Warning, "NotSynced", &fault).await;
        }
    }

    async fn publish(&self, report: &impl Report, kind: EventKind, reason: &str, note: &str) {
        let about = LeanObject::<P>::reference(report.name(), report.uid());
        self.events.publish(&about, kind, reason, note).await;
    }

    /// Once, until a write succeeds or fails in another way.
    fn tell(&mut self, report: &impl Report, why: &str) {
        if self.told.as_deref() != Some(why) {
            tracing::warn!(
                mapping.source = self.source,
                object = %report.name(),
                error = why,
                "the status of an {} cannot be written, which keeps nobody out; is there the right to patch {}/status?",
                self.terms.kind,
                self.terms.plural
            );
            self.told = Some(why.to_owned());
        }
    }
}
