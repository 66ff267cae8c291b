//! What one elected replica writes: `status.canonicalARN` of each IAMIdentityMapping, and Events.
//!
//! Nothing here has a part in who gets in: writes may be refused, conflict or fail, and are tried again, less and less
//! often. Only what differs is written, one object at a time, at most [`A_SECOND`].

mod queue;

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource as _};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, timeout};

pub(super) use queue::Statuses;
use queue::{Turn, Work};

use super::objects::Known;
use crate::clock::Clock;
use crate::kubernetes::{Candidate, EventKind, Events, MappingObject, Pace};
use crate::live::Live;

/// Statuses written in a second, at most: 50 would be too many, and a timer is never exact.
const A_SECOND: u32 = 45;
/// For the answer to one write.
const LIMIT: Duration = Duration::from_secs(10);
/// The Lease that the writer holds.
const LEASE: (&str, &str) = ("kube-system", "iam-bridge-iamidentitymapping-status");
/// Under which the fields that are written are managed.
const FIELD_MANAGER: &str = "iam-bridge";

/// Runs for the Lease, and writes while it is held. Never ends.
pub(super) async fn write(client: &kube::Client, statuses: &Statuses, clock: &Clock) {
    let (candidate, leads) = Candidate::new(LEASE.0, LEASE.1);
    let api = Api::all(client.clone());
    let mut writer = Writer { api, events: Events::new(client.clone()), pace: Pace::new(), told: None };
    tokio::select! {
        () = candidate.run(client.clone(), clock.clone()) => {}
        () = writer.run(statuses, leads) => {}
    }
}

struct Writer {
    api: Api<MappingObject>,
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

impl Writer {
    async fn run(&mut self, statuses: &Statuses, mut leads: Live<bool>) {
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
                Turn::Bad(known) => self.tell_fault(&known).await,
                Turn::Status(work) => match self.patch(&work.known).await {
                    Ok(()) => self.written(statuses, &work).await,
                    Err(Failure::Gone) => statuses.done(&work),
                    Err(Failure::OfObject(why)) => {
                        self.tell(&work.known, &why);
                        statuses.later(&work);
                    }
                    Err(Failure::OfAll(why)) => {
                        self.tell(&work.known, &why);
                        self.pace.pause().await;
                    }
                },
            }
        }
    }

    async fn patch(&self, known: &Known) -> Result<(), Failure> {
        // The uid keeps it off an object that was made anew under the same name.
        let patch = Patch::Merge(json!({"metadata": {"uid": known.uid}, "status": {"canonicalARN": known.canonical}}));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let writing = self.api.patch_status(&known.name, &params, &patch);
        let Ok(answer) = timeout(LIMIT, writing).await else {
            return Err(Failure::OfAll(format!("no answer within {} s", LIMIT.as_secs())));
        };
        match answer {
            Ok(_object) => Ok(()),
            Err(kube::Error::Api(status)) => {
                let why = format!("{} ({})", status.message, status.code);
                let names = status.details.as_ref().is_some_and(|details| *details.name == *known.name);
                Err(match status.code {
                    404 if names => Failure::Gone,
                    400 | 409 | 413 | 422 => Failure::OfObject(why),
                    _ => Failure::OfAll(why),
                })
            }
            Err(error) => Err(Failure::OfAll(error.to_string())),
        }
    }

    async fn written(&mut self, statuses: &Statuses, work: &Work) {
        statuses.done(work);
        self.pace.reset();
        if self.told.take().is_some() {
            tracing::info!(mapping.source = "CRD", "statuses of IAMIdentityMappings are written again");
        }
        if work.tell && work.known.entry.is_ok() {
            let note = "Identity synced successfully";
            self.events.publish(&reference(&work.known), EventKind::Normal, "Synced", note).await;
        }
    }

    async fn tell_fault(&self, known: &Known) {
        if let Some(fault) = known.fault() {
            self.events.publish(&reference(known), EventKind::Warning, "NotSynced", &fault).await;
        }
    }

    /// Once, until a write succeeds or fails in another way.
    fn tell(&mut self, known: &Known, why: &str) {
        if self.told.as_deref() != Some(why) {
            tracing::warn!(
                mapping.source = "CRD",
                object = %known.name,
                error = why,
                "the status of an IAMIdentityMapping cannot be written, which keeps nobody out; is there the right to patch \
                 iamidentitymappings/status?"
            );
            self.told = Some(why.to_owned());
        }
    }
}

fn reference(known: &Known) -> ObjectReference {
    ObjectReference {
        api_version: Some(MappingObject::api_version(&()).into_owned()),
        kind: Some(MappingObject::kind(&()).into_owned()),
        name: Some(known.name.to_string()),
        uid: Some(known.uid.to_string()),
        ..ObjectReference::default()
    }
}
