//! What the log says while the config file changes.

use std::fs;
use std::sync::{Arc, Mutex};

use iam_bridge::clock::Clock;
use iam_bridge::sources::{self, SourceSettings};
use iam_bridge::telemetry::Metrics;
use iam_bridge::telemetry::log::{Format, Lines};
use tracing::level_filters::LevelFilter;

/// Keeps what is logged on this thread.
#[derive(Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn lines_with(&self, words: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_fault_is_logged_once_and_keys_that_need_a_restart_are_named() {
    let log = Kept::default();
    let kept = Arc::clone(&log.0);
    let keep = move |line: &[u8]| kept.lock().unwrap().extend_from_slice(line);
    let _guard = tracing::subscriber::set_default(Lines::new(Format::Text, LevelFilter::INFO, Clock::system(), keep));
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("config.yaml");
    let fresh = folder.path().join("fresh");
    let put = |text: &str| {
        fs::write(&fresh, text).unwrap();
        fs::rename(&fresh, &path).unwrap();
    };
    put("clusterID: c\nserver:\n  port: 1\n  mapAccounts: ['111122223333']\n");
    let metrics = Arc::new(Metrics::new().unwrap());
    let (chain, sources) =
        sources::start(&SourceSettings::mounted_file(path.clone()), metrics, Clock::system()).await.unwrap();
    let chain = chain.now();
    let mut state = sources.state();

    put("clusterID: c\nserver:\n  mapRoles: [\n");
    while state.now().sources[0].fault.is_none() {
        assert!(state.changed().await);
    }
    // Touched, not changed: nothing new to tell.
    put("clusterID: c\nserver:\n  mapRoles: [\n");
    sources.reload();
    let mut table = chain.tables[0].clone();
    let before = table.now();
    put("clusterID: c\nserver:\n  port: 2\n  hostname: h\n  mapAccounts: ['111122223333', '444455556666']\n");
    while Arc::ptr_eq(&before, &table.now()) {
        assert!(table.changed().await);
    }
    while state.now().sources[0].fault.is_some() {
        assert!(state.changed().await);
    }
    let faults = log.lines_with("source is not used as it is");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].contains("config.yaml:3:13: yaml-syntax") && faults[0].contains("the last good mappings stay"),
        "{}",
        faults[0]
    );
    let restarts = log.lines_with("need a restart");
    assert_eq!(restarts.len(), 1, "{restarts:?}");
    assert!(restarts[0].contains("server.hostname,server.port"), "{}", restarts[0]);
    assert_eq!(log.lines_with("the source is good again").len(), 1);
}
