//! A pass: what is wanted and what is there, compared in memory; nothing is written here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::rbac::v1::RoleBinding;
use tokio::time::Instant;

use super::desired::role_bindings;
use super::keeper::{FOR_THE_WRITER, Keeper, Later};
use super::observed::{Place, is_as_wanted, place};
use super::writer::Job;

impl Keeper {
    /// Compares what is wanted with what is there, and lists anew what is to be done.
    pub(super) async fn pass(&mut self) {
        self.due = None;
        self.work.clear();
        if !self.observed.is_complete() {
            return self.publish();
        }
        if std::mem::take(&mut self.stale) {
            self.desire().await;
        }
        let (now, instant) = (self.clock.moment().monotonic, Instant::now());
        let Self { desired, observed, taken, later, .. } = self;
        taken.retain(|place, _| desired.contains_key(place) && !observed.known().contains_key(place));
        later.retain(|place, _| desired.contains_key(place) || observed.known().contains_key(place));
        for (place, wanted) in desired.iter() {
            let there = observed.known().get(place);
            if there.is_some_and(|there| is_as_wanted(there, wanted)) || self.busy.as_ref() == Some(place) {
                continue;
            }
            if taken.get(place).is_some_and(|again| now < *again) {
                continue;
            }
            if later.get(place).is_some_and(|later| instant < later.due) {
                continue;
            }
            let job = match (there, self.leads) {
                (Some(there), true) => Job::Correct { there: Arc::clone(there), wanted: Arc::clone(wanted) },
                (None, true) => Job::Make(Arc::clone(wanted)),
                (Some(_), false) => continue,
                (None, false) if later.contains_key(place) || taken.contains_key(place) => {
                    Job::Look(Arc::clone(wanted))
                }
                (None, false) => {
                    later.insert(place.clone(), Later { due: instant + FOR_THE_WRITER, failures: 0, why: None });
                    continue;
                }
            };
            self.work.push_back(job);
        }
        if self.leads && self.wishes.complete {
            self.doom(now, instant);
        }
        self.wake = self.taken.values().copied().chain(self.brake.next(now)).filter(|due| *due > now).min();
        if let Some(due) = self.later.values().map(|later| later.due).filter(|due| *due > instant).min() {
            self.due = Some(due);
        }
        self.metrics.access_policy_bindings(self.observed.known().len(), self.work.len(), self.brake.held(now));
        self.metrics.access_policy_names_taken(self.taken.len());
        self.publish();
    }

    /// What is there, bears our labels, and is not wanted.
    fn doom(&mut self, now: Duration, instant: Instant) {
        let known = self.observed.known();
        let stays = |place: &Place| self.observed.stays(&place.0);
        let key = |there: &RoleBinding| (place(there), there.metadata.uid.clone().unwrap_or_default());
        let labelled = known.keys().filter(|place| stays(place)).count();
        let unwanted = known.iter().filter(|(place, _)| stays(place) && !self.desired.contains_key(*place));
        let doomed: BTreeSet<_> = unwanted.map(|(_, there)| key(there)).collect();
        let (count, held) = (doomed.len(), self.brake.held(now));
        let allowed = self.brake.judge(doomed, labelled, now);
        if self.brake.held(now) > held {
            self.metrics.access_policy_braked();
            tracing::error!(
                deletions = count,
                role_bindings = labelled,
                "one pass would delete most RoleBindings of access policies; waiting for a later pass to agree. If that is \
                 not what was meant, repair the access entries now"
            );
        }
        for (place, there) in known {
            let waits = self.later.get(place).is_some_and(|later| instant < later.due);
            if !waits && self.busy.as_ref() != Some(place) && allowed.contains(&key(there)) {
                self.work.push_back(Job::Delete(Arc::clone(there)));
            }
        }
    }

    /// Away from the runtime's threads: many namespaces and scopes take a while.
    async fn desire(&mut self) {
        let grants = self.wishes.grants.clone();
        let namespaces: Vec<String> = self.observed.staying().map(str::to_owned).collect();
        let made = tokio::task::spawn_blocking(move || {
            let bindings = role_bindings(&grants, namespaces.iter().map(String::as_str));
            bindings.into_iter().map(|binding| (place(&binding), Arc::new(binding))).collect()
        });
        match made.await {
            Ok(desired) => self.desired = desired,
            Err(ended) => {
                self.stale = true;
                tracing::error!(error = %ended, "the RoleBindings of access policies cannot be listed");
            }
        }
    }
}
