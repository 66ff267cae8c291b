//! What came of writes and looks, and what others did: taken, put off, told once.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::faults::{recovered, tell};
use super::fixed::Fixed;
use super::keeper::{FOR_THE_WRITER, FULL_PASS, Keeper, LOOK_AGAIN, Later};
use super::observed::{News, Place, is_as_wanted, last_author};
use super::writer::{Job, Outcome};
use crate::kubernetes::ObjectFault;
use crate::rbac::AccessPolicy;

/// First pause after a conflict, or after a refusal of one object; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Doublings of it: 7 minutes at last.
const MOST_DOUBLINGS: u32 = 11;

impl Keeper {
    /// Takes what came of a job. Yields whether the next one may follow at once.
    pub(super) fn take(&mut self, job: &Job, outcome: Result<Outcome, ObjectFault>) -> bool {
        let place = job.place();
        let (namespace, name) = (place.0.as_str(), place.1.as_str());
        let result = match &outcome {
            Ok(_) => "ok",
            Err(ObjectFault::Conflict(_)) => "conflict",
            Err(_) => "error",
        };
        self.metrics.access_policy_wrote(job.operation(), result);
        if outcome.is_ok() {
            recovered(&mut self.faults.writes, "writes");
            self.pace.reset();
        }
        match outcome {
            Ok(Outcome::Absent) => self.put_off(place, LOOK_AGAIN, None),
            Ok(Outcome::Deleted) => {
                tracing::info!(namespace, name, "deleted a RoleBinding that no access entry asks for");
                self.observed.deleted(job.object());
                self.later.remove(&place);
            }
            Ok(Outcome::Found(there)) => {
                self.observed.written(*there);
                self.later.remove(&place);
            }
            Ok(Outcome::Taken) => {
                let again = self.clock.moment().monotonic.saturating_add(LOOK_AGAIN);
                if self.taken.insert(place.clone(), again).is_none() {
                    tracing::warn!(
                        namespace,
                        name,
                        "a RoleBinding of this name does not bear our labels and is left alone; rename or delete it"
                    );
                }
            }
            Ok(Outcome::Written(there)) => {
                tracing::info!(namespace, name, "wrote a RoleBinding");
                self.observed.written(*there);
                self.later.remove(&place);
            }
            Err(ObjectFault::Conflict(_)) => self.put_off(place, FIRST_PAUSE, None),
            Err(ObjectFault::Gone(_) | ObjectFault::Terminating(_)) => self.put_off(place, FOR_THE_WRITER, None),
            Err(ObjectFault::Invalid(why)) => {
                let told = self.later.get(&place).and_then(|later| later.why.as_ref()) == Some(&why);
                if !told {
                    tracing::error!(namespace, name, error = why, "a RoleBinding cannot be written");
                }
                self.put_off(place, FIRST_PAUSE, Some(why));
            }
            Err(ObjectFault::Away(why) | ObjectFault::Refused(why)) => {
                tell(&mut self.faults.writes, why, &self.metrics, "writes");
                return false;
            }
        }
        true
    }

    fn put_off(&mut self, place: Place, pause: Duration, why: Option<String>) {
        let failures = self.later.get(&place).map_or(0, |later| later.failures);
        let pause = pause.saturating_mul(2_u32.saturating_pow(failures.min(MOST_DOUBLINGS))).min(FULL_PASS);
        let later = Later { due: Instant::now() + pause, failures: failures.saturating_add(1), why };
        self.later.insert(place, later);
    }

    /// The objects that never change were looked at.
    pub(super) fn looked(&mut self, fixed: BTreeMap<AccessPolicy, Fixed>) {
        for (policy, state) in &fixed {
            let (missing, differs) = (matches!(state, Fixed::Missing(_)), matches!(state, Fixed::Differs(_)));
            self.metrics.access_policy_fixed(policy.as_str(), missing, differs);
            match state {
                state if self.fixed.get(policy) == Some(state) => {}
                Fixed::Fine => tracing::debug!(%policy, "the ClusterRole of an access policy is what is shipped"),
                Fixed::Missing(why) => tracing::error!(%policy, error = why, "an access policy cannot take effect"),
                Fixed::Differs(why) | Fixed::Unknown(why) => {
                    tracing::warn!(%policy, error = why, "an access policy may not allow what it should");
                }
            }
        }
        let well = fixed.values().all(|state| *state == Fixed::Fine);
        let now = self.clock.moment().monotonic;
        self.next_look = if well { self.next_full } else { now.saturating_add(LOOK_AGAIN) };
        self.fixed = fixed;
        self.soon();
    }

    /// Somebody has changed what we keep.
    pub(super) fn tell_of_change(&self, news: &News) {
        let (place, before, author) = match news {
            News::Put(place, Some(before)) => {
                let now = self.observed.known().get(place);
                (place, before, now.map(|now| last_author(now)).unwrap_or_default())
            }
            News::Put(_, None) => return,
            News::Removed(place, gone) => (place, gone, ""),
        };
        let Some(wanted) = self.desired.get(place) else { return };
        let is_well = self.observed.known().get(place).is_some_and(|there| is_as_wanted(there, wanted));
        if self.leads && !is_well && is_as_wanted(before, wanted) && self.observed.stays(&place.0) {
            self.metrics.access_policy_repaired();
            let (namespace, name) = (&place.0, &place.1);
            tracing::warn!(
                namespace,
                name,
                by = author,
                "somebody has changed or deleted a RoleBinding of ours; repairing it"
            );
        }
    }
}
