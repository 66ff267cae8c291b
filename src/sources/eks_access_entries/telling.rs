//! What log and metrics say of a table: what came, went and changed, and what is left out and why. Each once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ledger::Ledger;
use super::mirrored::{Judged, SERVICE_LINKED};
use crate::mapping::SourceKind;
use crate::rbac::AccessPolicy;
use crate::telemetry::Metrics;

/// Lines of one kind for one table.
const MOST_LINES: usize = 20;
/// Policies that were told of.
const MOST_POLICIES: usize = 64;

/// What was told of the last table.
#[derive(Debug, Default)]
pub(super) struct Telling {
    served: Option<BTreeMap<Arc<str>, Arc<Judged>>>,
    policies: BTreeSet<String>,
}

impl Telling {
    /// Tells of a table that is about to be served.
    pub(super) fn tell(&mut self, known: &[Arc<Judged>], ledger: &Ledger, metrics: &Metrics) {
        let principal = |judged: &Arc<Judged>| Arc::from(judged.mirrored.entry.principal_arn.as_str());
        let now: BTreeMap<Arc<str>, Arc<Judged>> =
            known.iter().map(|judged| (principal(judged), Arc::clone(judged))).collect();
        if let Some(before) = &self.served {
            tell_changes(before, &now);
        }
        self.tell_faults(&now);
        self.tell_policies(known);
        count(known, ledger, metrics);
        self.served = Some(now);
    }

    /// Nothing is served any more; the next table is no news in each of its entries.
    pub(super) fn forget(&mut self) {
        self.served = None;
    }

    fn tell_faults(&self, now: &BTreeMap<Arc<str>, Arc<Judged>>) {
        let before = self.served.as_ref();
        let mut lines = Lines::default();
        for (principal, judged) in now {
            let Err(fault) = &judged.entry else { continue };
            let told = before.and_then(|before| before.get(principal));
            if fault.class != SERVICE_LINKED && told.is_none_or(|told| told.mirrored != judged.mirrored) {
                lines.tell(|| {
                    tracing::error!(%principal, class = fault.class, error = %fault.text, "access entry of EKS is left out");
                });
            }
        }
        lines.end("further access entries of EKS are left out");
    }

    fn tell_policies(&mut self, known: &[Arc<Judged>]) {
        for judged in known {
            for policy in &judged.unsupported {
                if self.policies.len() < MOST_POLICIES && self.policies.insert(policy.clone()) {
                    tracing::warn!(
                        policy,
                        principal = judged.mirrored.entry.principal_arn,
                        "an access policy has no rules here and is left out wherever it is associated; people have less than on EKS"
                    );
                }
            }
        }
    }
}

/// So many lines, then their number.
#[derive(Default)]
struct Lines(usize);

impl Lines {
    fn tell(&mut self, line: impl FnOnce()) {
        if self.0 < MOST_LINES {
            line();
        }
        self.0 = self.0.saturating_add(1);
    }

    fn end(&self, what: &str) {
        let more = self.0.saturating_sub(MOST_LINES);
        if more > 0 {
            tracing::info!(more, "{what}");
        }
    }
}

fn tell_changes(before: &BTreeMap<Arc<str>, Arc<Judged>>, now: &BTreeMap<Arc<str>, Arc<Judged>>) {
    let mut lines = Lines::default();
    for (principal, judged) in now {
        match before.get(principal) {
            None => lines.tell(|| tracing::info!(%principal, "access entry of EKS added")),
            Some(old) if old.mirrored != judged.mirrored => {
                let fields = judged.mirrored.changes(&old.mirrored);
                lines.tell(|| tracing::info!(%principal, fields, "access entry of EKS changed"));
            }
            Some(_) => {}
        }
    }
    for principal in before.keys().filter(|principal| !now.contains_key(*principal)) {
        lines.tell(|| tracing::info!(%principal, "access entry of EKS removed"));
    }
    lines.end("further access entries of EKS changed");
}

fn count(known: &[Arc<Judged>], ledger: &Ledger, metrics: &Metrics) {
    let mut skipped = BTreeMap::from([(SERVICE_LINKED, ledger.service_linked())]);
    skipped.insert("not_described", ledger.not_described());
    let mut policies: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut dropped = 0_usize;
    for judged in known {
        if let Err(fault) = &judged.entry {
            *skipped.entry(fault.class).or_default() += 1;
            dropped += usize::from(fault.class != SERVICE_LINKED);
        }
        for policy in &judged.unsupported {
            *policies.entry(AccessPolicy::known_name(policy)).or_default() += 1;
        }
    }
    metrics.eks_left_out(&skipped, &policies);
    metrics.source_dropped(SourceKind::EksAccessEntries.as_str(), dropped);
}
