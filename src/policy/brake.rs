//! Keeps a pass from deleting most of what there is, until a later pass agrees.
//!
//! Deleting takes nobody's rights that are not gone already: who has no entry is sent no group. So a wait costs nothing,
//! and a list that came out too short may be whole again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::observed::Place;

/// Fewer than this and one are deleted without a wait.
const FEW: usize = 10;
/// From the pass that would delete to the one that may.
const UNTIL_AGREED: Duration = Duration::from_secs(60);

/// What a pass would have deleted, and since when passes would.
#[derive(Debug, Default)]
pub(super) struct Brake(BTreeMap<(Place, String), Duration>);

impl Brake {
    /// Of the doomed, by place and uid, those that may be deleted at `now`. `labelled` is the number of all that bear our
    /// labels.
    pub(super) fn judge(
        &mut self,
        doomed: BTreeSet<(Place, String)>,
        labelled: usize,
        now: Duration,
    ) -> BTreeSet<(Place, String)> {
        if doomed.len() <= FEW || doomed.len().saturating_mul(2) <= labelled {
            self.0.clear();
            return doomed;
        }
        let known = std::mem::take(&mut self.0);
        let since = |one: (Place, String)| {
            let since = known.get(&one).copied().unwrap_or(now);
            (one, since)
        };
        self.0 = doomed.into_iter().map(since).collect();
        let agreed = self.0.iter().filter(|(_, since)| now.saturating_sub(**since) >= UNTIL_AGREED);
        agreed.map(|(one, _)| one.clone()).collect()
    }

    /// When the next of those that wait may be deleted.
    pub(super) fn next(&self, now: Duration) -> Option<Duration> {
        self.0.values().map(|since| since.saturating_add(UNTIL_AGREED)).filter(|due| *due > now).min()
    }

    /// How many wait at `now`.
    pub(super) fn held(&self, now: Duration) -> usize {
        self.0.values().filter(|since| now.saturating_sub(**since) < UNTIL_AGREED).count()
    }
}
