//! One source of a cluster in this process, followed: what it says, awaited.
//!
//! Nothing here sleeps to synchronise: a test awaits the next published value. The bound on a wait only ends a test that
//! would hang.

use std::sync::Arc;
use std::time::Duration;

use iam_bridge::clock::Clock;
use iam_bridge::live::Live;
use iam_bridge::mapping::Chain;
use iam_bridge::sources::{self, SourceSettings, SourceState, Sources};
use iam_bridge::telemetry::Metrics;

use super::mapping::ask;

pub(crate) const HANG: Duration = Duration::from_secs(60);

/// The source, its table and its metrics.
pub(crate) struct Following {
    pub(crate) chain: Chain,
    pub(crate) sources: Sources,
    metrics: Arc<Metrics>,
}

impl Following {
    pub(crate) async fn start(settings: &SourceSettings) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let (chain, sources) = sources::start(settings, Arc::clone(&metrics), Clock::system()).await.unwrap();
        Self { chain: (*chain.now()).clone(), sources, metrics }
    }

    /// What a session of the role is called.
    pub(crate) fn username(&self, role: &str) -> Option<String> {
        ask(&self.chain, &session_of(role)).ok().map(|user| user.username)
    }

    /// Waits until the role is called so; `None` for nobody.
    pub(crate) async fn until_named(&self, role: &str, name: Option<&str>) {
        let mut table = self.chain.tables[0].clone();
        until(&mut table, || self.username(role).as_deref() == name, &format!("{role} is {name:?}")).await;
    }

    pub(crate) async fn until_state(&self, what: &str, wanted: impl Fn(&SourceState) -> bool) -> SourceState {
        let state = self.sources.state();
        until(&mut state.clone(), || wanted(&state.now().sources[0]), what).await;
        state.now().sources[0].clone()
    }

    pub(crate) async fn until_fault(&self, words: &str) -> String {
        let has = |state: &SourceState| state.fault.as_deref().is_some_and(|fault| fault.contains(words));
        self.until_state(words, has).await.fault.unwrap()
    }

    pub(crate) async fn until_good(&self) {
        self.until_state("no fault", |state| state.fault.is_none()).await;
    }

    /// Value of a metric of ours, by its name and labels as they are rendered, without `iam_bridge_`; 0 where it is not.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.sample(&format!("iam_bridge_{name}"))
    }

    /// Value of any metric.
    pub(crate) fn sample(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    pub(crate) fn stale(&self) -> bool {
        self.metric(&format!("source_stale{{source=\"{}\"}}", self.kind())) == 1
    }

    /// Tables made so far.
    pub(crate) fn tables(&self) -> u64 {
        self.metric(&format!("source_loads_total{{result=\"ok\",source=\"{}\"}}", self.kind()))
    }

    /// Entries of the newest input that are left out.
    pub(crate) fn dropped(&self) -> u64 {
        self.metric(&format!("source_dropped_entries{{source=\"{}\"}}", self.kind()))
    }

    fn kind(&self) -> &'static str {
        self.chain.tables[0].now().source().as_str()
    }
}

/// A session of a role of the tests' account.
pub(crate) fn session_of(role: &str) -> String {
    format!("arn:aws:sts::111122223333:assumed-role/{role}/alice")
}

/// Waits for published values until `wanted`.
pub(crate) async fn until<T>(live: &mut Live<T>, wanted: impl Fn() -> bool, what: &str) {
    let waits = async {
        while !wanted() {
            assert!(live.changed().await, "nothing more can come, and `{what}` has not");
        }
    };
    tokio::time::timeout(HANG, waits).await.unwrap_or_else(|_| panic!("not within {HANG:?}: {what}"));
}
