//! Which entries there are, what is known of each, and which is asked about next. Pure: time is an argument.
//!
//! A caller who was just missed comes first, then entries that nothing is known of (all of them, at the start), then the
//! known ones, each once in a period, spread over it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::mirrored::{Judged, is_service_linked};
use crate::clock::UnixSeconds;
use crate::kubernetes::chance;

/// Details of all entries are read once in this time, or in what the pace needs for them.
const PERIOD: Duration = Duration::from_secs(120);
/// Calls that the details of an entry take.
const CALLS: u32 = 2;
/// Attempts that failed while others did not; then the others are served without it.
const GIVEN_UP: u32 = 3;
/// Until the next attempt of one that was given up.
const LATER: Duration = Duration::from_secs(30);

/// Who is asked about first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Rank {
    /// Its caller was just missed.
    Missed,
    /// Nothing has been read of it since the start.
    New,
    /// Its turn has come.
    Due,
}

/// What is known of the entry of one principal.
#[derive(Debug, Default)]
struct Record {
    /// Its place in the queue; none while it is asked about.
    place: Option<(Rank, Instant)>,
    known: Option<Arc<Judged>>,
    /// Read since the start, or since it was forgotten.
    fresh: bool,
    failures: u32,
    /// Successes of others when it last failed.
    failed_at: u64,
}

/// All entries.
#[derive(Debug)]
pub(super) struct Ledger {
    qps: u32,
    records: BTreeMap<Arc<str>, Record>,
    queue: BTreeSet<(Rank, Instant, Arc<str>)>,
    successes: u64,
    /// Entries of service-linked roles in the newest list.
    service_linked: usize,
}

/// Account, kind and name of a principal in lower case: STS does not tell a role's path.
pub(super) type CallerKey = (String, String, String);

impl Ledger {
    pub(super) fn new(qps: u32) -> Self {
        Self { qps: qps.max(1), records: BTreeMap::new(), queue: BTreeSet::new(), successes: 0, service_linked: 0 }
    }

    /// What a snapshot holds, served until it is read anew.
    pub(super) fn recall(&mut self, known: impl IntoIterator<Item = Arc<Judged>>, now: Instant) {
        for judged in known {
            let principal: Arc<str> = judged.mirrored.entry.principal_arn.as_str().into();
            let record = Record { known: Some(judged), ..Record::default() };
            self.records.insert(Arc::clone(&principal), record);
            self.put(&principal, Rank::New, now);
        }
    }

    /// A complete list. What is not on it is gone; yields how many of those were served.
    pub(super) fn list(&mut self, mut principals: BTreeSet<String>, now: Instant) -> usize {
        let before = principals.len();
        principals.retain(|principal| !is_service_linked(principal));
        self.service_linked = before.saturating_sub(principals.len());
        let gone = |principal: &Arc<str>| !principals.contains(&**principal);
        let gone: Vec<Arc<str>> = self.records.keys().filter(|principal| gone(principal)).cloned().collect();
        let served = gone.iter().filter(|principal| self.remove(principal)).count();
        for principal in principals {
            let principal: Arc<str> = principal.into();
            if !self.records.contains_key(&principal) {
                self.records.insert(Arc::clone(&principal), Record::default());
                self.put(&principal, Rank::New, now);
            }
        }
        served
    }

    /// Asks first about the entries of these callers, if there are such of which nothing is known. Yields the callers
    /// without one.
    pub(super) fn prefer(&mut self, callers: BTreeSet<CallerKey>, now: Instant) -> BTreeSet<CallerKey> {
        let mut missing = callers;
        let of_caller = |(principal, record): (&Arc<str>, &Record)| {
            let key = caller_key(&principal.to_lowercase()).filter(|key| missing.contains(key))?;
            Some((key, Arc::clone(principal), record.known.is_none() && record.place.is_some()))
        };
        let found: Vec<_> = self.records.iter().filter_map(of_caller).collect();
        for (key, principal, is_waiting) in found {
            if is_waiting {
                self.put(&principal, Rank::Missed, now);
            }
            missing.remove(&key);
        }
        missing
    }

    /// The entry to ask about now.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Arc<str>, Option<Arc<Judged>>)> {
        let (rank, at, _) = self.queue.first()?;
        if *rank == Rank::Due && *at > now {
            return None;
        }
        let (_, _, principal) = self.queue.pop_first()?;
        let record = self.records.get_mut(&principal)?;
        record.place = None;
        Some((principal, record.known.clone()))
    }

    /// When there is one to ask about.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.queue.first().map(|(_, at, _)| *at)
    }

    /// What was read of an entry. Yields whether anything is new; nothing is if the entry is gone meanwhile.
    pub(super) fn learn(&mut self, principal: &str, judged: Arc<Judged>, now: Instant) -> bool {
        let period = self.period();
        let Some(record) = self.records.get_mut(principal) else { return false };
        self.successes = self.successes.saturating_add(1);
        let is_news = record.known.as_ref().is_none_or(|known| known.mirrored != judged.mirrored);
        record.known = Some(judged);
        // The first time anywhere in the period, so that they are spread over it; then each after a period.
        let pause = if record.fresh { period.mul_f64(0.9 + chance() / 5.0) } else { period.mul_f64(chance()) };
        (record.fresh, record.failures) = (true, 0);
        self.put(&Arc::from(principal), Rank::Due, now + pause);
        is_news
    }

    /// An entry could not be read, for a fault that is its own, or may be if other calls go well, or says nothing of it.
    pub(super) fn miss(&mut self, principal: &str, (alone, perhaps): (bool, bool), now: Instant) {
        let successes = self.successes;
        let Some(record) = self.records.get_mut(principal) else { return };
        if alone || (perhaps && (record.failures == 0 || successes > record.failed_at)) {
            record.failures = record.failures.saturating_add(1);
            record.failed_at = successes;
        }
        let (rank, at) = if record.failures >= GIVEN_UP {
            (Rank::Due, now + LATER)
        } else if record.fresh {
            (Rank::Due, now)
        } else {
            (Rank::New, now)
        };
        self.put(&Arc::from(principal), rank, at);
    }

    /// The entry is not there any more. Yields whether it was served.
    pub(super) fn remove(&mut self, principal: &str) -> bool {
        let Some((principal, record)) = self.records.remove_entry(principal) else { return false };
        if let Some((rank, at)) = record.place {
            self.queue.remove(&(rank, at, principal));
        }
        record.known.is_some()
    }

    /// All entries are read anew, at full pace; `forget`: and served only then.
    pub(super) fn refresh(&mut self, forget: bool, now: Instant) {
        let principals: Vec<Arc<str>> = self.records.keys().cloned().collect();
        for principal in principals {
            let Some(record) = self.records.get_mut(&principal) else { continue };
            (record.fresh, record.failures) = (false, 0);
            if forget {
                record.known = None;
            }
            if record.place.is_some() {
                self.put(&principal, Rank::New, now);
            }
        }
    }

    /// Nothing of it holds any more.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.qps);
    }

    /// Whether something is known of every entry, but for a minority that cannot be read.
    pub(super) fn is_complete(&self) -> bool {
        let given_up = |record: &&Record| record.failures >= GIVEN_UP;
        let unknown = self.records.values().filter(|record| record.known.is_none());
        let (unknown, waiting) = unknown
            .fold((0, 0), |(unknown, waiting), record| (unknown + 1_usize, waiting + usize::from(!given_up(&record))));
        waiting == 0 && (unknown == 0 || unknown.saturating_mul(2) < self.records.len())
    }

    /// Whether entries have not been read since the start.
    pub(super) fn is_first_pass(&self) -> bool {
        self.records.values().any(|record| !record.fresh && record.failures < GIVEN_UP)
    }

    /// One that cannot be read again and again, and how many there are.
    pub(super) fn trouble(&self) -> Option<(Arc<str>, usize)> {
        let mut given_up = self.records.iter().filter(|(_, record)| record.failures >= GIVEN_UP);
        let (first, _) = given_up.next()?;
        Some((Arc::clone(first), given_up.count().saturating_add(1)))
    }

    /// What is known; an entry that cannot be read and was read before `oldest` last is left out.
    pub(super) fn known(&self, oldest: Option<UnixSeconds>) -> Vec<Arc<Judged>> {
        let serves = |record: &&Record| {
            let is_old = |known: &Arc<Judged>| oldest.is_some_and(|oldest| known.read < oldest);
            !(record.failures > 0 && record.known.as_ref().is_some_and(is_old))
        };
        self.records.values().filter(serves).filter_map(|record| record.known.clone()).collect()
    }

    /// Entries of which nothing is known although they were asked about.
    pub(super) fn not_described(&self) -> usize {
        self.records.values().filter(|record| record.known.is_none() && record.failures >= GIVEN_UP).count()
    }

    /// Entries that are followed.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) const fn service_linked(&self) -> usize {
        self.service_linked
    }

    /// Whether an entry belongs to a principal of this account.
    pub(super) fn has_account(&self, account: &str) -> bool {
        self.records.keys().any(|principal| principal.split(':').nth(4) == Some(account))
    }

    /// How long one reading of all details takes.
    pub(super) fn period(&self) -> Duration {
        let entries = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        let paced = Duration::from_secs(1).saturating_mul(entries.saturating_mul(CALLS)) / self.qps;
        PERIOD.max(paced)
    }

    fn put(&mut self, principal: &Arc<str>, rank: Rank, at: Instant) {
        let Some(record) = self.records.get_mut(principal) else { return };
        if let Some((rank, at)) = record.place.replace((rank, at)) {
            self.queue.remove(&(rank, at, Arc::clone(principal)));
        }
        self.queue.insert((rank, at, Arc::clone(principal)));
    }
}

/// Of a principal's ARN in lower case; `None` when it is none.
pub(super) fn caller_key(arn: &str) -> Option<CallerKey> {
    let mut sections = arn.splitn(6, ':').skip(4);
    let (account, resource) = (sections.next()?, sections.next()?);
    let (kind, _) = resource.split_once('/').unwrap_or((resource, ""));
    let name = resource.rsplit('/').next().unwrap_or_default();
    Some((account.to_owned(), kind.to_owned(), name.to_owned()))
}
