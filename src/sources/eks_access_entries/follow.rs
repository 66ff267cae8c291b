//! The mirror at work: one task that decides, calls that run beside it.

mod serve;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::freshness::{Freshness, Rest};
use super::ledger::{CallerKey, Ledger, caller_key};
use super::mirrored::{Judged, Mirrored};
use super::pins::PinLookup;
use super::telling::Telling;
use super::{EksMirror, Pins};
use crate::aws::{EksAccessEntries, EksEntriesError, EksEntryCluster};
use crate::iam::{AccountId, ArnSections, Partition};
use crate::kubernetes::chance;
use crate::mapping::AuthenticationMode;
use crate::sources::ModeFrom;
use crate::sources::fleet::Ground;
use crate::sources::outlet::Outlet;

/// Entries that are asked about beside each other: one that hangs holds up no other.
const AT_ONCE: usize = 8;
/// From one early list to the next.
const BETWEEN_EARLY: Duration = Duration::from_secs(10);
/// Callers whose entries a list is awaited for.
const MOST_AWAITED: usize = 256;
/// Entries of a page of the list.
const PAGE: usize = 100;
/// A list may take one of so many calls: in a first pass, that many wait for, and later.
const SHARE_AT_FIRST: u32 = 50;
const SHARE: u32 = 2;
/// Faults of single entries one after another that are trouble.
const TROUBLE: u32 = 3;
/// No event is waited for longer than this at once.
const LONG: Duration = Duration::from_secs(3600);

/// What a call brought.
enum Landing {
    List(Instant, Result<(EksEntryCluster, Option<BTreeSet<String>>), EksEntriesError>),
    Details(Instant, Arc<str>, Result<Mirrored, EksEntriesError>),
}

/// The mirror.
pub(super) struct Follower {
    ground: Ground,
    outlet: Outlet,
    settings: EksMirror,
    eks: Arc<EksAccessEntries>,
    pins: Option<Arc<PinLookup>>,
    ledger: Ledger,
    telling: Telling,
    flights: JoinSet<Landing>,
    cluster: Option<EksEntryCluster>,
    /// A list was complete since the start.
    has_listed: bool,
    /// Age of the newest complete list, or of the snapshot's.
    freshness: Option<Freshness>,
    /// What is known is served.
    serves: bool,
    listing: bool,
    describing: usize,
    next_list: Instant,
    last_early: Option<Instant>,
    awaited: BTreeSet<CallerKey>,
    rest: Rest,
    list_fault: Option<String>,
    details_fault: Option<String>,
    /// The fault that was told of last.
    told: Option<String>,
    /// Faults of entries since the last success.
    faults_in_a_row: u32,
    /// Entries that are asked about beside each other now: fewer while EKS throttles, or all of them would spend what it
    /// takes on their first call and none would come to its second.
    at_once: usize,
    /// When the next table is made; `None` when there is nothing new.
    due: Option<Instant>,
    rested: Option<Instant>,
    unkept: bool,
    kept: Option<Instant>,
}

impl Follower {
    pub(super) fn new(ground: Ground, outlet: Outlet, settings: EksMirror) -> Self {
        let eks = EksAccessEntries::new(settings.calls(), ground.clock.clone(), Arc::clone(&ground.metrics));
        Self {
            ledger: Ledger::new(settings.qps),
            ground,
            outlet,
            settings,
            eks: Arc::new(eks),
            pins: None,
            telling: Telling::default(),
            flights: JoinSet::new(),
            cluster: None,
            has_listed: false,
            freshness: None,
            serves: false,
            listing: false,
            describing: 0,
            next_list: Instant::now(),
            last_early: None,
            awaited: BTreeSet::new(),
            rest: Rest::new(),
            list_fault: None,
            details_fault: None,
            told: None,
            faults_in_a_row: 0,
            at_once: AT_ONCE,
            due: None,
            rested: None,
            unkept: false,
            kept: None,
        }
    }

    /// Until it is dropped.
    pub(super) async fn run(mut self) {
        self.recall().await;
        let (mut missed, mut reload) = (self.ground.missed.subscribe(), self.ground.reload.clone());
        loop {
            self.launch();
            let wake = self.wake();
            tokio::select! {
                Some(landed) = self.flights.join_next() => match landed {
                    Ok(landing) => self.land(landing),
                    Err(ended) => if let Ok(panic) = ended.try_into_panic() {
                        std::panic::resume_unwind(panic)
                    },
                },
                true = missed.changed() => self.hear_of_missed(),
                true = reload.changed() => self.read_anew(),
                _ = timeout_at(wake, std::future::pending::<()>()) => {}
            }
            self.publish().await;
            self.keep().await;
        }
    }

    /// Begins the calls that may be made now.
    fn launch(&mut self) {
        let now = Instant::now();
        if !self.rest.is_over(now) {
            return;
        }
        if !self.listing && self.list_due(now) <= now {
            self.launch_list(now);
        }
        while self.may_describe() {
            let Some((principal, before)) = self.ledger.next(now) else { break };
            self.launch_details(principal, before, now);
        }
    }

    /// A list goes before what is read again in turn, or it would wait behind that at every page.
    fn may_describe(&self) -> bool {
        let waits = self.listing && !self.ledger.is_first_pass();
        self.has_listed && self.describing < self.at_once && !waits
    }

    /// When the next list is wanted: a caller of whom no entry is known may want it early.
    fn list_due(&self, now: Instant) -> Instant {
        let early = self.last_early.map_or(now, |last| last + BETWEEN_EARLY);
        if self.awaited.is_empty() { self.next_list } else { self.next_list.min(early) }
    }

    fn launch_list(&mut self, now: Instant) {
        if now < self.next_list {
            self.last_early = Some(now);
        }
        let pages = u32::try_from(self.ledger.len().div_ceil(PAGE)).unwrap_or(u32::MAX).max(1);
        let share = if self.has_listed && self.ledger.is_first_pass() { SHARE_AT_FIRST } else { SHARE };
        let paced = Duration::from_secs(1).saturating_mul(pages.saturating_mul(share)) / self.settings.qps.max(1);
        let paced = if pages > 1 { paced } else { Duration::ZERO };
        self.next_list = now + jittered(self.settings.interval).max(paced);
        self.listing = true;
        let eks = Arc::clone(&self.eks);
        self.flights.spawn(async move {
            let list = async {
                let cluster = eks.cluster().await?;
                if cluster.mode == Some(AuthenticationMode::ConfigMap) {
                    return Ok((cluster, None));
                }
                match eks.principals().await {
                    Ok(principals) => Ok((cluster, Some(principals))),
                    Err(EksEntriesError::NoEntriesInMode) => {
                        Ok((EksEntryCluster { mode: Some(AuthenticationMode::ConfigMap), ..cluster }, None))
                    }
                    Err(error) => Err(error),
                }
            };
            Landing::List(now, list.await)
        });
    }

    fn launch_details(&mut self, principal: Arc<str>, before: Option<Arc<Judged>>, now: Instant) {
        self.describing += 1;
        let (eks, pins) = (Arc::clone(&self.eks), self.pins.clone());
        self.flights.spawn(async move {
            let details = async {
                let entry = eks.entry(&principal).await?;
                let mut associations = eks.associations(&principal).await?;
                associations.sort_by(|one, other| one.policy_arn.cmp(&other.policy_arn));
                let pin = match &pins {
                    Some(pins) => pins.pin(&eks, &entry, before.as_ref().map(|known| &known.mirrored)).await,
                    None => None,
                };
                Ok(Mirrored { entry, associations, pin })
            };
            let details = details.await;
            Landing::Details(now, principal, details)
        });
    }

    fn wake(&self) -> Instant {
        let now = Instant::now();
        let calls =
            [(!self.listing).then(|| self.list_due(now)), self.ledger.next_due().filter(|_| self.may_describe())];
        let calls = calls.into_iter().flatten().min().map(|at| at.max(self.rest.until()));
        let keep = self.keep_due(now);
        [calls, self.due, keep].into_iter().flatten().min().unwrap_or(now + LONG).min(now + LONG)
    }

    fn land(&mut self, landing: Landing) {
        match landing {
            Landing::List(began, Ok((cluster, principals))) => {
                self.listing = false;
                self.rest.end(began);
                self.take_list(cluster, principals);
            }
            Landing::List(began, Err(error)) => {
                self.listing = false;
                let now = Instant::now();
                self.rest.begin(began, now);
                self.next_list = now + jittered(self.settings.interval).min(self.rest.until().duration_since(now));
                self.list_fault = Some(error.to_string());
                self.awaited.clear();
                self.show();
            }
            Landing::Details(began, principal, Ok(mirrored)) => {
                self.describing -= 1;
                self.rest.end(began);
                self.faults_in_a_row = 0;
                self.at_once = self.at_once.saturating_add(1).min(AT_ONCE);
                let account = self.cluster.as_ref().and_then(|cluster| account_of(&cluster.arn));
                let judged = Judged::new(mirrored, self.ground.clock.now(), account);
                if self.ledger.learn(&principal, judged, Instant::now()) || !self.serves {
                    self.change();
                }
                self.judge_details(None);
            }
            Landing::Details(_, principal, Err(EksEntriesError::NoEntry)) => {
                self.describing -= 1;
                if self.ledger.remove(&principal) || !self.serves {
                    self.change();
                }
            }
            Landing::Details(began, principal, Err(error)) => {
                self.describing -= 1;
                if matches!(error, EksEntriesError::Throttled(_)) {
                    self.at_once = (self.at_once / 2).max(1);
                }
                let (now, alone) = (Instant::now(), error.is_of_entry());
                if !alone {
                    self.rest.begin(began, now);
                    self.faults_in_a_row = self.faults_in_a_row.saturating_add(1);
                }
                self.ledger.miss(&principal, (alone, error.may_be_of_entry()), now);
                if !self.serves {
                    self.change(); // perhaps the others are complete without it
                }
                self.judge_details(Some(&error));
            }
        }
    }

    fn take_list(&mut self, cluster: EksEntryCluster, principals: Option<BTreeSet<String>>) {
        let now = Instant::now();
        let Some((partition, _)) = ArnSections::split(&cluster.arn)
            .ok()
            .and_then(|arn| Some((arn.partition.parse::<Partition>().ok()?, arn.account.parse::<AccountId>().ok()?)))
        else {
            self.list_fault = Some("EKS's answer cannot be used: the ARN of the cluster is none".to_owned());
            return self.show();
        };
        if self.cluster.as_ref().is_some_and(|before| before.arn != cluster.arn) {
            tracing::error!(
                cluster = cluster.arn,
                "the cluster is another one than that of the snapshot, whose entries are dropped"
            );
            self.ledger.clear();
            self.stop_serving();
        }
        if self.pins.is_none() && self.settings.pin == Pins::Iam {
            self.pins = Some(Arc::new(PinLookup::new(&self.eks, partition)));
        }
        let had = self.cluster.replace(cluster).and_then(|cluster| cluster.mode);
        self.publish_mode();
        let is_off = principals.is_none();
        if is_off && (had != Some(AuthenticationMode::ConfigMap) || !self.has_listed) {
            tracing::info!(
                "the authentication mode of the EKS cluster is CONFIG_MAP: there are no access entries to mirror"
            );
        }
        let principals = principals.unwrap_or_default();
        self.ground.metrics.eks_listed(principals.len(), self.ground.clock.now());
        let gone = self.ledger.list(principals, now);
        (self.has_listed, self.list_fault) = (true, None);
        self.freshness = Some(Freshness::since(self.ground.clock.now(), self.ground.clock.moment()));
        let missing = self.ledger.prefer(std::mem::take(&mut self.awaited), now);
        drop(missing); // they have no entry
        if gone > 0 || !self.serves {
            self.change();
        }
        self.judge_details(None);
    }

    fn publish_mode(&self) {
        let mode = self.cluster.as_ref().and_then(|cluster| cluster.mode);
        if let (ModeFrom::Mirror, Some(mode)) = (self.ground.settings.authentication_mode, mode)
            && *self.ground.mode.subscribe().now() != mode
        {
            tracing::info!(mode = mode.as_str(), "the authentication mode is that of the mirrored cluster");
            self.ground.mode.publish(mode);
        }
    }

    fn hear_of_missed(&mut self) {
        if self.ground.missed.subscribe().now().is_empty() {
            return;
        }
        let own = self.cluster.as_ref().and_then(|cluster| account_of(&cluster.arn)).map(|account| account.to_string());
        let known = |key: &CallerKey| own.as_ref() == Some(&key.0) || self.ledger.has_account(&key.0);
        let callers: BTreeSet<CallerKey> =
            self.ground.missed.take().iter().filter_map(|arn| caller_key(arn)).filter(known).collect();
        let is_off = self.cluster.as_ref().is_some_and(|cluster| cluster.mode == Some(AuthenticationMode::ConfigMap));
        if self.has_listed && !is_off {
            let missing = self.ledger.prefer(callers, Instant::now());
            let room = MOST_AWAITED.saturating_sub(self.awaited.len());
            self.awaited.extend(missing.into_iter().take(room));
        }
    }

    fn read_anew(&mut self) {
        let now = Instant::now();
        self.next_list = now;
        self.ledger.refresh(false, now);
    }

    /// There is something new to serve.
    fn change(&mut self) {
        let now = Instant::now();
        self.due = self.due.or_else(|| Some(self.rested.map_or(now, |rested| rested.max(now))));
    }

    fn judge_details(&mut self, error: Option<&EksEntriesError>) {
        self.details_fault = match (self.ledger.trouble(), error) {
            (Some((principal, entries)), _) => {
                Some(format!("{entries} access entries cannot be read, `{principal}` among them"))
            }
            (None, Some(error)) if self.faults_in_a_row >= TROUBLE => Some(error.to_string()),
            (None, None) if self.faults_in_a_row == 0 => None,
            (None, _) => self.details_fault.take(),
        };
        self.show();
    }
}

/// A tenth shorter or longer, so that replicas fall out of step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.9 + chance() / 5.0)
}

fn account_of(cluster: &str) -> Option<AccountId> {
    ArnSections::split(cluster).ok()?.account.parse().ok()
}
