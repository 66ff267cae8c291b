//! What the mirror serves: from the snapshot, from what was read, or nothing; and what it says of that.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Follower, account_of};
use crate::aws::EksEntryCluster;
use crate::clock::UnixSeconds;
use crate::mapping::MappingTable;
use crate::sources::eks_access_entries::EksMirror;
use crate::sources::eks_access_entries::freshness::Freshness;
use crate::sources::eks_access_entries::mirrored::Judged;
use crate::sources::eks_access_entries::snapshot::{self, Kept, Snapshot};

/// From one table to the next, while entries change.
const BETWEEN_TABLES: Duration = Duration::from_millis(250);
/// From one snapshot to the next, while entries change; and while none does.
const BETWEEN_SNAPSHOTS: Duration = Duration::from_secs(5);
const LONGEST_WITHOUT: Duration = Duration::from_secs(300);

impl Follower {
    /// Serves the snapshot until EKS has been read.
    pub(super) async fn recall(&mut self) {
        let EksMirror { state_dir, cluster_name, region, .. } = self.settings.clone();
        let loading = tokio::task::spawn_blocking(move || Snapshot::load(&state_dir, &cluster_name, &region)).await;
        let place = snapshot::path(&self.settings.state_dir);
        let found = match loading {
            Ok(Ok(Some(found))) => found,
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(fault)) => {
                tracing::warn!(snapshot = %place.display(), reason = %fault, "the snapshot of access entries is not used");
                return;
            }
        };
        let now = self.ground.clock.moment();
        let freshness = Freshness::since(found.listed_at(), now);
        if self.is_stale(&freshness) {
            tracing::warn!(
                snapshot = %place.display(), age_seconds = freshness.age(now).as_secs(),
                "the snapshot of access entries is older than server.eksAccessEntries.maxStale and is not used"
            );
            return;
        }
        let account = account_of(&found.cluster);
        let judged = |kept: &Kept| Judged::new(kept.mirrored.clone(), UnixSeconds(kept.read_at), account);
        self.ledger.recall(found.entries.iter().map(judged), Instant::now());
        self.cluster = Some(EksEntryCluster { arn: found.cluster.clone(), mode: found.mode() });
        self.publish_mode();
        (self.freshness, self.serves, self.due) = (Some(freshness), true, Some(Instant::now()));
        tracing::info!(
            snapshot = %place.display(), entries = found.entries.len(), age_seconds = freshness.age(now).as_secs(),
            "access entries of the snapshot serve until EKS has been read"
        );
        self.publish().await;
    }

    /// Says how it stands; empties the table when EKS has been out for too long.
    pub(super) fn show(&mut self) {
        let Some(fault) = self.list_fault.clone().or_else(|| self.details_fault.clone()) else {
            if self.serves && self.outlet.has_published() && self.due.is_none() {
                self.outlet.recover();
                self.told = None;
            }
            return;
        };
        let is_out = self.list_fault.is_some() && self.freshness.as_ref().is_some_and(|age| self.is_stale(age));
        if is_out && self.serves {
            let hours = self.settings.max_stale.as_secs() / 3600;
            tracing::error!(
                error = %fault, max_stale_hours = hours,
                "EKS has not been read for longer than server.eksAccessEntries.maxStale: NO ACCESS ENTRY IS SERVED until it is"
            );
            self.ledger.refresh(true, Instant::now());
            self.stop_serving();
        }
        if self.told.as_ref() == Some(&fault) && !is_out {
            return;
        }
        self.told = Some(fault.clone());
        let emptied = !self.serves && self.outlet.has_published();
        let note = if emptied { "; no entry is served, for what is known is older than maxStale" } else { "" };
        self.outlet.fail(format!("{fault}{note}"));
    }

    pub(super) fn stop_serving(&mut self) {
        (self.serves, self.due) = (false, None);
        self.telling.forget();
        if self.outlet.has_published() {
            let settings = self.ground.table_settings(self.outlet.kind());
            self.outlet.publish(MappingTable::unread(settings), &"nothing");
        }
    }

    fn is_stale(&self, freshness: &Freshness) -> bool {
        let most = self.settings.max_stale;
        !most.is_zero() && freshness.age(self.ground.clock.moment()) >= most
    }

    /// Makes a table of what is known, if that is not what is served, and if it is all there is.
    pub(super) async fn publish(&mut self) {
        if self.due.is_none_or(|due| due > Instant::now()) {
            return;
        }
        self.due = None;
        let is_whole = self.has_listed && self.ledger.is_complete();
        if !self.serves && !is_whole {
            return;
        }
        let known = self.ledger.known(self.oldest());
        self.telling.tell(&known, &self.ledger, &self.ground.metrics);
        let kind = self.outlet.kind();
        let made = tokio::task::spawn_blocking(move || {
            let entries = known.iter().filter_map(|judged| judged.entry.as_ref().ok().cloned());
            MappingTable::of_access_entries(kind, entries.collect())
        });
        match made.await {
            Ok(table) => {
                self.outlet.publish(table, &"EKS access entries");
                (self.serves, self.unkept) = (true, true);
                match self.list_fault.clone().or_else(|| self.details_fault.clone()) {
                    None => {
                        self.outlet.recover();
                        self.told = None;
                    }
                    Some(fault) => drop(self.outlet.fail(fault)),
                }
            }
            Err(ended) => drop(self.outlet.fail(format!("indexing the access entries ended early: {ended}"))),
        }
        self.rested = Instant::now().checked_add(BETWEEN_TABLES);
    }

    /// Entries that were read before, and cannot be read any more, are too old.
    fn oldest(&self) -> Option<UnixSeconds> {
        let most = self.settings.max_stale;
        let seconds = most.saturating_add(self.ledger.period().saturating_mul(2)).as_secs();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        (!most.is_zero()).then(|| self.ground.clock.now().plus(seconds.saturating_neg()))
    }

    /// When the next snapshot is written: news soon, the age of the list now and then.
    pub(super) fn keep_due(&self, now: Instant) -> Option<Instant> {
        if !self.has_listed || !self.serves {
            return None;
        }
        let rarely = if self.settings.max_stale.is_zero() { LONGEST_WITHOUT } else { self.settings.max_stale / 4 };
        let pause = if self.unkept { BETWEEN_SNAPSHOTS } else { rarely.clamp(BETWEEN_SNAPSHOTS, LONGEST_WITHOUT) };
        Some(self.kept.map_or(now, |kept| kept + pause))
    }

    pub(super) async fn keep(&mut self) {
        let (Some(cluster), Some(freshness)) = (&self.cluster, &self.freshness) else { return };
        if self.keep_due(Instant::now()).is_none_or(|due| due > Instant::now()) {
            return;
        }
        let entries = self.ledger.known(None);
        let kept = |judged: &Arc<Judged>| Kept { read_at: judged.read.0, mirrored: judged.mirrored.clone() };
        let entries = entries.iter().map(kept).collect();
        let snapshot = Snapshot::new(cluster.arn.clone(), cluster.mode, freshness.wall(), entries);
        let directory = self.settings.state_dir.clone();
        let written = tokio::task::spawn_blocking(move || snapshot.keep(&directory)).await;
        if let Ok(Err(fault)) = written
            && self.kept.is_none()
        {
            let place = snapshot::path(&self.settings.state_dir);
            tracing::warn!(snapshot = %place.display(), reason = %fault, "the snapshot of access entries cannot be written");
        }
        (self.unkept, self.kept) = (false, Some(Instant::now()));
    }
}
