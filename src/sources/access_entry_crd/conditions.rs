//! What the status of each `AccessEntry` is to say, and when that changes although no object does: an expiry is reached, or
//! the objects of an access policy are there by now.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Duplicates, Known};
use crate::clock::{Clock, UnixSeconds};
use crate::diagnostic::Diagnostic;
use crate::kubernetes::{AccessEntryCondition, AccessEntryStatus};
use crate::live::Live;
use crate::mapping::{AccessPolicyMode, AccessScope, Entry, Grant, PolicyReadiness, PolicyState};
use crate::sources::objects::{Report, Statuses};

/// The conditions that are ours; others are left as they are.
const ACCEPTED: &str = "Accepted";
const POLICIES_READY: &str = "PoliciesReady";
/// A wall clock may be set: it is looked at this often, at least.
const LOOK: Duration = Duration::from_secs(30);
/// Objects that are looked at without giving others their turn.
const AT_ONCE: usize = 256;
/// Longest message, bytes.
const LONGEST: usize = 4_000;
/// Namespaces that a message names.
const MOST_NAMED: usize = 5;

/// What an object shows of us.
#[derive(Debug)]
pub(super) struct Shown {
    /// `metadata.generation`
    pub(super) generation: Option<i64>,
    pub(super) status: Option<Box<AccessEntryStatus>>,
}

/// What is to be written to an object.
#[derive(Debug)]
pub(super) struct EntryReport {
    name: Arc<str>,
    uid: Box<str>,
    status: AccessEntryStatus,
    /// Why it is not in force, where its author can do something about it.
    fault: Option<String>,
}

/// What all objects show, and what that is judged by.
#[derive(Debug)]
pub(super) struct Conditions {
    clock: Clock,
    policies: AccessPolicyMode,
    readiness: Live<PolicyReadiness>,
    /// Whether readiness can still change.
    readies: bool,
    shown: HashMap<Arc<str>, Shown>,
    duplicates: Duplicates,
    /// Objects that were not so when we started, and that no table was made of yet.
    news: HashSet<Arc<str>>,
    /// When the next window ends.
    next: Option<UnixSeconds>,
}

/// What an object's conditions depend on beside itself.
struct Moment {
    now: UnixSeconds,
    readiness: Arc<PolicyReadiness>,
}

/// A condition without its times.
struct Verdict {
    /// `True`, `False` or `Unknown`.
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl Conditions {
    pub(super) fn new(clock: Clock, policies: AccessPolicyMode, readiness: Live<PolicyReadiness>) -> Self {
        let (shown, duplicates, news) = (HashMap::new(), Duplicates::new(), HashSet::new());
        Self { clock, policies, readiness, readies: true, shown, duplicates, news, next: None }
    }

    /// An object came. One that changed is judged when the table is made, beside all others.
    pub(super) fn see(
        &mut self,
        known: &Arc<Known>,
        shown: Shown,
        changed: bool,
        news: bool,
        statuses: &Statuses<EntryReport>,
    ) {
        self.shown.insert(Arc::clone(&known.name), shown);
        if news {
            self.news.insert(Arc::clone(&known.name));
        }
        if !changed {
            self.report(known, &self.moment(), false, statuses);
        }
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.shown.remove(name);
        self.news.remove(name);
    }

    pub(super) fn keep(&mut self, there: impl Fn(&str) -> bool) {
        self.shown.retain(|name, _| there(name));
        self.news.retain(|name| there(name));
    }

    /// A table was made, in which these objects have no place.
    pub(super) fn judge_anew(&mut self, duplicates: Duplicates) {
        self.duplicates = duplicates;
    }

    /// Waits until a window has ended, or the state of a policy has changed.
    pub(super) async fn turn(&mut self) {
        loop {
            let now = self.clock.now();
            let left = self
                .next
                .map_or(LOOK, |next| Duration::from_secs(u64::try_from(next.since(now)).unwrap_or_default()).min(LOOK));
            tokio::select! {
                changed = self.readiness.changed(), if self.readies => {
                    if changed {
                        return;
                    }
                    self.readies = false;
                }
                _elapsed = timeout(left, std::future::pending::<()>()) => {
                    if self.next.is_some_and(|next| self.clock.now() >= next) {
                        return;
                    }
                }
            }
        }
    }

    /// Looks at every object.
    pub(super) async fn review(&mut self, objects: Vec<Arc<Known>>, statuses: &Statuses<EntryReport>) {
        let moment = self.moment();
        let news = std::mem::take(&mut self.news);
        self.next = objects.iter().filter_map(|known| next_end(known.judged.as_ref().ok()?, moment.now)).min();
        for some in objects.chunks(AT_ONCE) {
            for known in some {
                self.report(known, &moment, news.contains(&known.name), statuses);
            }
            tokio::task::yield_now().await;
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), readiness: self.readiness.now() }
    }

    /// Has the object's status written if it differs.
    fn report(&self, known: &Arc<Known>, moment: &Moment, news: bool, statuses: &Statuses<EntryReport>) {
        let Some(shown) = self.shown.get(&known.name) else { return };
        let (status, fault) = self.wanted(known, shown, moment);
        let differs = shown.status.as_deref().is_none_or(|shown| !shows(shown, &status));
        if differs || news {
            let report = EntryReport { name: Arc::clone(&known.name), uid: known.uid.clone(), status, fault };
            statuses.see(&Arc::new(report), differs, news);
        } else {
            statuses.forget(&known.name);
        }
    }

    fn wanted(&self, known: &Known, shown: &Shown, moment: &Moment) -> (AccessEntryStatus, Option<String>) {
        let mut fault = None;
        let (accepted, grants) = match (&known.judged, self.duplicates.get(&known.name)) {
            (Err(faults), _) => {
                let message = in_one_line(faults);
                fault = Some(message.clone());
                (Verdict { status: "False", reason: "Invalid", message }, Vec::new())
            }
            (Ok(entry), Some(winner)) => {
                let principal = entry.principal_text();
                let message =
                    format!("`{principal}` has the entry `{winner}` too, which is in force; remove one of the two");
                fault = Some(message.clone());
                (Verdict { status: "False", reason: "Duplicate", message }, Vec::new())
            }
            (Ok(entry), None) => accepted(entry, moment.now),
        };
        let old = shown.status.as_deref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let generation = shown.generation;
        let dated = |condition_type: &str, verdict: Verdict| {
            let same =
                |one: &&AccessEntryCondition| one.condition_type == condition_type && one.status == verdict.status;
            let before = old.iter().find(same);
            AccessEntryCondition {
                condition_type: condition_type.to_owned(),
                status: verdict.status.to_owned(),
                observed_generation: generation,
                last_transition_time: before
                    .map_or_else(|| rfc3339(moment.now), |one| one.last_transition_time.clone()),
                reason: verdict.reason.to_owned(),
                message: cut(verdict.message),
            }
        };
        let mut conditions = vec![dated(ACCEPTED, accepted)];
        let ready = (!grants.is_empty()).then(|| self.policies_ready(&grants, &moment.readiness));
        conditions.extend(ready.map(|ready| dated(POLICIES_READY, ready)));
        conditions.extend(old.iter().filter(|one| !is_ours(one)).cloned());
        let groups = match self.policies {
            AccessPolicyMode::Rbac => {
                grants.iter().map(|grant| grant.group()).collect::<BTreeSet<String>>().into_iter().collect()
            }
            AccessPolicyMode::Off => Vec::new(),
        };
        (AccessEntryStatus { observed_generation: generation, groups, conditions }, fault)
    }

    /// The worst of the policies that are given.
    fn policies_ready(&self, grants: &[&Grant], readiness: &PolicyReadiness) -> Verdict {
        let unsupported =
            |status, message: &str| Verdict { status, reason: "Unsupported", message: message.to_owned() };
        if self.policies == AccessPolicyMode::Off || readiness.mode == AccessPolicyMode::Off {
            return unsupported("False", "server.accessPolicies.mode is off: access policies give nothing");
        }
        if readiness.elsewhere {
            let message = "server.accessPolicies.namespaceScope is false: what binds the groups is not looked at";
            return unsupported("Unknown", message);
        }
        let (mut taken, mut pending) = (Vec::new(), Vec::new());
        for Grant { policy, scope, .. } in grants {
            match readiness.states.get(policy) {
                None => pending.push(format!("{policy}: not looked at yet")),
                Some(PolicyState::Pending(why)) => pending.push(format!("{policy}: {why}")),
                Some(PolicyState::NameTaken(namespaces)) => {
                    taken.extend(taken_in(scope, namespaces).map(|place| format!("{policy}: {place}")));
                }
                Some(PolicyState::Bound) => {}
            }
        }
        if !taken.is_empty() {
            let message = format!("an object that is not ours bears our name: {}", taken.join(" | "));
            return Verdict { status: "False", reason: "NameTaken", message };
        }
        match pending.is_empty() {
            true => {
                Verdict { status: "True", reason: "Bound", message: "the API server knows every policy".to_owned() }
            }
            false => Verdict { status: "False", reason: "Pending", message: pending.join(" | ") },
        }
    }
}

impl Report for EntryReport {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn uid(&self) -> &str {
        &self.uid
    }

    fn status(&self) -> Value {
        let AccessEntryStatus { observed_generation, groups, conditions } = &self.status;
        // What is empty is taken out of an object that has it.
        let groups = Some(groups).filter(|groups| !groups.is_empty());
        json!({"observedGeneration": observed_generation, "groups": groups, "conditions": conditions})
    }

    fn fault(&self) -> Option<String> {
        self.fault.clone()
    }

    fn is_same(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        self.uid == other.uid && shows(&self.status, &other.status)
    }
}

/// Whether an entry that has its principal to itself is in force, and what it gives.
fn accepted(entry: &Entry, now: UnixSeconds) -> (Verdict, Vec<&Grant>) {
    let (from, until) = (entry.not_before(), entry.expires_at());
    if let Some(until) = until.filter(|until| now >= *until) {
        let message = format!("expired at {}; nothing else speaks for its principal", rfc3339(until));
        return (Verdict { status: "False", reason: "Expired", message }, Vec::new());
    }
    let mut message = "in force".to_owned();
    message.extend(from.map(|from| format!(" from {}", rfc3339(from))));
    message.extend(until.map(|until| format!(" until {}", rfc3339(until))));
    let grants = entry.grants().iter().filter(|grant| !grant.is_over(now)).collect();
    (Verdict { status: "True", reason: "Valid", message }, grants)
}

/// When the entry, or something it gives, ends next.
fn next_end(entry: &Entry, now: UnixSeconds) -> Option<UnixSeconds> {
    let ends = entry.grants().iter().map(|grant| grant.expires_at).chain([entry.expires_at()]);
    ends.flatten().filter(|end| *end > now).min()
}

/// Where a policy cannot reach because of others' objects, of the places it is given for.
fn taken_in(scope: &AccessScope, namespaces: &[String]) -> Option<String> {
    if namespaces.iter().any(String::is_empty) {
        return Some("in the cluster".to_owned());
    }
    let reached = |namespace: &&String| match scope {
        AccessScope::Cluster => false,
        AccessScope::Namespaces(_) => scope.reaches(namespace),
    };
    let mut reached: Vec<&str> = namespaces.iter().filter(reached).map(String::as_str).collect();
    let more = reached.len().saturating_sub(MOST_NAMED);
    reached.truncate(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!reached.is_empty()).then(|| format!("in {}{more}", reached.join(", ")))
}

/// Whether a status says this already; when a condition changed is not compared.
fn shows(shown: &AccessEntryStatus, wanted: &AccessEntryStatus) -> bool {
    let says = |of: &AccessEntryStatus| -> BTreeSet<(String, String, Option<i64>, String, String)> {
        let parts = |one: &AccessEntryCondition| {
            let AccessEntryCondition { condition_type, status, observed_generation, reason, message, .. } = one.clone();
            (condition_type, status, observed_generation, reason, message)
        };
        of.conditions.iter().filter(|one| is_ours(one)).map(parts).collect()
    };
    shown.observed_generation == wanted.observed_generation
        && shown.groups == wanted.groups
        && says(shown) == says(wanted)
}

fn is_ours(condition: &AccessEntryCondition) -> bool {
    matches!(condition.condition_type.as_str(), ACCEPTED | POLICIES_READY)
}

fn in_one_line(faults: &[Diagnostic]) -> String {
    let line = |fault: &Diagnostic| {
        let Diagnostic { code, key, what, cure, .. } = fault;
        if cure.is_empty() { format!("{code}: {key}: {what}") } else { format!("{code}: {key}: {what}; {cure}") }
    };
    faults.iter().map(line).collect::<Vec<_>>().join(" | ")
}

fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(LONGEST));
    message
}

fn rfc3339(instant: UnixSeconds) -> String {
    Timestamp::from_second(instant.0).map_or_else(|_| instant.0.to_string(), |instant| instant.to_string())
}
