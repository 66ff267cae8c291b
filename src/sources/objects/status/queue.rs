//! The objects whose status is not what it should be. Holds each object once, whether or not somebody writes.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Report;

/// Pause after the first failure of an object; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Doublings: 17 minutes at last, as the reference.
const MOST_DOUBLINGS: u32 = 10;
/// Bad objects that wait to be told.
const MOST_BAD: usize = 256;
/// A bad object that nobody has told for so long is not told: whoever wrote it looks no more, and another replica may
/// have told it.
const BAD_IS_NEWS: Duration = Duration::from_secs(30);
/// For a wait without an end.
const LONG: Duration = Duration::from_secs(3600);

/// What is to be written. Filled by every replica, emptied by the one that writes, and by the watch, which shows what
/// the others have written.
#[derive(Debug)]
pub(in crate::sources) struct Statuses<R> {
    waiting: Mutex<Waiting<R>>,
    bell: Notify,
}

#[derive(Debug)]
struct Waiting<R> {
    work: HashMap<Arc<str>, Work<R>>,
    /// Whose turn it is, and when.
    order: BTreeSet<(Instant, Arc<str>)>,
    bad: VecDeque<(Instant, Arc<R>)>,
}

/// A status that is not what it should be.
#[derive(Debug)]
pub(super) struct Work<R> {
    pub(super) report: Arc<R>,
    /// Whether an Event tells that it was written: not for what was there when we started.
    pub(super) tell: bool,
    due: Instant,
    failures: u32,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Turn<R> {
    /// An object that is at fault is to be told.
    Bad(Arc<R>),
    /// A status is to be written.
    Status(Work<R>),
}

impl<R> Default for Statuses<R> {
    fn default() -> Self {
        let waiting = Waiting { work: HashMap::new(), order: BTreeSet::new(), bad: VecDeque::new() };
        Self { waiting: Mutex::new(waiting), bell: Notify::new() }
    }
}

impl<R> Clone for Work<R> {
    fn clone(&self) -> Self {
        Self { report: Arc::clone(&self.report), ..*self }
    }
}

impl<R: Report> Statuses<R> {
    /// An object was seen whose status is, or is not, as the report says. `news`: it was not so when we started.
    pub(in crate::sources) fn see(&self, report: &Arc<R>, differs: bool, news: bool) {
        let mut waiting = self.lock();
        let before = waiting.take(report.name());
        if differs {
            let same = before.filter(|work| work.report.is_same(report));
            // News comes first: its author looks, and what was there at the start may take minutes.
            let now = Instant::now();
            let due = if news { now.checked_sub(LONG).unwrap_or(now) } else { now };
            let fresh = || Work { report: Arc::clone(report), tell: news, due, failures: 0 };
            waiting.put(same.unwrap_or_else(fresh));
        }
        if news && report.fault().is_some() {
            if waiting.bad.len() >= MOST_BAD {
                waiting.bad.pop_front();
            }
            waiting.bad.push_back((Instant::now(), Arc::clone(report)));
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// The object is gone.
    pub(in crate::sources) fn forget(&self, name: &str) {
        self.lock().take(name);
    }

    /// Only these objects are still there.
    pub(in crate::sources) fn keep(&self, there: impl Fn(&str) -> bool) {
        let mut waiting = self.lock();
        let Waiting { work, order, .. } = &mut *waiting;
        for (name, gone) in work.extract_if(|name, _| !there(name)) {
            order.remove(&(gone.due, name));
        }
    }

    /// Waits for something to do. A status stays in the queue until [`Statuses::done`].
    pub(super) async fn next(&self) -> Turn<R> {
        loop {
            let now = Instant::now();
            let due = {
                let mut waiting = self.lock();
                if let Some(bad) = waiting.bad_news(now) {
                    return Turn::Bad(bad);
                }
                match waiting.order.first() {
                    Some((due, name)) if *due <= now => match waiting.work.get(name) {
                        Some(work) => return Turn::Status(work.clone()),
                        None => waiting.order.pop_first().map_or(now, |(due, _)| due),
                    },
                    Some((due, _)) => *due,
                    None => now + LONG,
                }
            };
            let _rung = timeout_at(due, self.bell.notified()).await;
        }
    }

    /// It was written, or there is nothing to write to.
    pub(super) fn done(&self, work: &Work<R>) {
        let mut waiting = self.lock();
        if waiting.is_waiting(work) {
            waiting.take(work.report.name());
        }
    }

    /// It failed; others come first.
    pub(super) fn later(&self, work: &Work<R>) {
        let mut waiting = self.lock();
        if waiting.is_waiting(work) {
            waiting.take(work.report.name());
            let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(work.failures.min(MOST_DOUBLINGS)));
            let due = Instant::now() + pause;
            waiting.put(Work { due, failures: work.failures.saturating_add(1), ..work.clone() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<R>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Report> Waiting<R> {
    fn put(&mut self, work: Work<R>) {
        self.order.insert((work.due, Arc::clone(work.report.name())));
        self.work.insert(Arc::clone(work.report.name()), work);
    }

    fn take(&mut self, name: &str) -> Option<Work<R>> {
        let (name, work) = self.work.remove_entry(name)?;
        self.order.remove(&(work.due, name));
        Some(work)
    }

    /// Whether that is still what is to be written.
    fn is_waiting(&self, work: &Work<R>) -> bool {
        self.work.get(work.report.name()).is_some_and(|waiting| Arc::ptr_eq(&waiting.report, &work.report))
    }

    fn bad_news(&mut self, now: Instant) -> Option<Arc<R>> {
        loop {
            let (seen, report) = self.bad.pop_front()?;
            if now.saturating_duration_since(seen) < BAD_IS_NEWS {
                return Some(report);
            }
        }
    }
}
