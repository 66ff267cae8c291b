//! The files that sources follow, and the sources in this process.
//!
//! Nothing here sleeps to synchronise: a test awaits the next published state. The bound on a wait only ends a test that
//! would hang.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use iam_bridge::clock::{Clock, ClockHand, UnixSeconds};
use iam_bridge::live::Live;
use iam_bridge::mapping::{Chain, SourceKind};
use iam_bridge::sources::{self, SourceSettings, SourceState, Sources};
use iam_bridge::telemetry::Metrics;
use tempfile::TempDir;

use super::mapping::ask;

pub(crate) const DEV: &str = "arn:aws:sts::111122223333:assumed-role/Dev/alice";
pub(crate) const HANG: Duration = Duration::from_secs(120);
/// When the tests' clock begins.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_764_000_000);

/// A folder for config file, dynamic file and backend-mode file.
pub(crate) struct Files(pub(crate) TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.at("config.yaml")
    }

    pub(crate) fn dynamic(&self) -> PathBuf {
        self.at("dynamic.json")
    }

    pub(crate) fn modes(&self) -> PathBuf {
        self.at("modes.json")
    }

    /// Settings that name the three files, and the config file's source alone.
    pub(crate) fn settings(&self) -> SourceSettings {
        SourceSettings {
            dynamic_file: Some(self.dynamic()),
            backend_mode_file: Some(self.modes()),
            ..SourceSettings::mounted_file(self.config())
        }
    }
}

/// Sources that run.
pub(crate) struct Stage {
    pub(crate) files: Files,
    pub(crate) chain: Live<Chain>,
    pub(crate) sources: Sources,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) hand: ClockHand,
}

impl Stage {
    pub(crate) async fn start(files: Files, settings: &SourceSettings) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let (clock, hand) = Clock::manual(NOW);
        let starting = sources::start(settings, Arc::clone(&metrics), clock);
        let (chain, sources) = tokio::time::timeout(HANG, starting).await.expect("it hangs").unwrap();
        Self { files, chain, sources, metrics, hand }
    }

    /// What alice is called.
    pub(crate) fn username(&self) -> Option<String> {
        self.username_of(DEV)
    }

    pub(crate) fn username_of(&self, arn: &str) -> Option<String> {
        ask(&self.chain.now(), arn).ok().map(|user| user.username)
    }

    /// The list in force.
    pub(crate) fn list(&self) -> Vec<SourceKind> {
        kinds_of(&self.chain.now())
    }

    pub(crate) fn line(&self, kind: SourceKind) -> Option<SourceState> {
        self.sources.state().now().sources.iter().find(|source| source.kind == kind).cloned()
    }

    pub(crate) fn fault(&self, kind: SourceKind) -> Option<String> {
        self.line(kind).and_then(|line| line.fault)
    }

    pub(crate) fn list_fault(&self) -> Option<String> {
        self.sources.state().now().list_fault.clone()
    }

    /// Awaits published states until `wanted`: whatever a source publishes, a state follows it.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn() -> bool) {
        let mut state = self.sources.state();
        let waits = async {
            while !wanted() {
                assert!(state.changed().await, "nothing more can come, and `{what}` has not");
            }
        };
        let came = tokio::time::timeout(HANG, waits).await;
        came.unwrap_or_else(|_| panic!("`{what}` did not come: {:?}", self.sources.state().now()));
    }

    pub(crate) async fn until_named(&self, name: &str) {
        self.until(name, || self.username().as_deref() == Some(name)).await;
    }

    pub(crate) async fn until_list(&self, kinds: &[SourceKind]) {
        self.until(&format!("{kinds:?}"), || self.list() == kinds).await;
    }

    /// Awaits a fault of the source with these words.
    pub(crate) async fn until_fault(&self, kind: SourceKind, words: &str) -> String {
        self.until(words, || self.fault(kind).is_some_and(|fault| fault.contains(words))).await;
        self.fault(kind).unwrap_or_default()
    }

    /// The value of a sample in the metrics' text; `None` when there is no such line.
    pub(crate) fn metric(&self, sample: &str) -> Option<String> {
        let text = self.metrics.render();
        text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')).map(str::to_owned)
    }
}

pub(crate) fn kinds_of(chain: &Chain) -> Vec<SourceKind> {
    chain.tables.iter().map(|table| table.now().source()).collect()
}

/// A config file whose every name says `edition`.
pub(crate) fn config_text(edition: &str) -> String {
    format!(
        "clusterID: c1\nserver:\n  mapRoles:\n  - rolearn: arn:aws:iam::111122223333:role/Dev\n    username: {edition}\n    groups: [a-{edition}, b-{edition}]\n"
    )
}

/// A dynamic file whose every name says `edition`, last updated at [`NOW`].
pub(crate) fn dynamic_text(edition: &str) -> String {
    dynamic_text_of(&NOW.0.to_string(), edition)
}

pub(crate) fn dynamic_text_of(updated: &str, edition: &str) -> String {
    format!(
        r#"{{"Version": "v1", "LastUpdatedDateTime": "{updated}", "mapRoles": [{{"rolearn": "arn:aws:iam::111122223333:role/Dev", "username": "{edition}", "groups": ["a-{edition}", "b-{edition}"]}}]}}"#
    )
}

/// A backend-mode file, last updated at [`NOW`].
pub(crate) fn modes_text(names: &str) -> String {
    modes_text_of(&NOW.0.to_string(), names)
}

pub(crate) fn modes_text_of(updated: &str, names: &str) -> String {
    format!(r#"{{"Version": "v1", "LastUpdatedDateTime": "{updated}", "backendMode": "{names}"}}"#)
}

/// Puts a complete file in place of what is there, which may be a folder.
pub(crate) fn put(path: &Path, text: &str) {
    clear(path);
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text).unwrap();
    fs::rename(&fresh, path).unwrap();
}

/// Makes way for a file; one that can be renamed over stays.
fn clear(path: &Path) {
    if path.symlink_metadata().is_ok_and(|there| there.is_dir()) {
        fs::remove_dir(path).unwrap();
    }
}

/// Open files of this process below `folder`; other tests have their own.
pub(crate) fn open_below(folder: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    links.filter(|target| target.starts_with(folder)).count()
}

/// A folder as kubelet mounts a ConfigMap: `NAME` → `..data/NAME`, `..data` → the newest version.
pub(crate) struct Mounted {
    folder: PathBuf,
    name: String,
}

impl Mounted {
    pub(crate) fn new(path: &Path, text: &str) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mounted = Self { folder: path.parent().unwrap().to_owned(), name };
        mounted.swap(0, text);
        symlink(format!("..data-{0}/{0}", mounted.name), path).unwrap();
        mounted
    }

    pub(crate) fn swap(&self, version: usize, text: &str) {
        let name = &self.name;
        let (fresh, data) = (self.folder.join(format!("..tmp-{name}")), self.folder.join(format!("..data-{name}")));
        let folder = format!("..version-{name}-{version}");
        fs::create_dir(self.folder.join(&folder)).unwrap();
        fs::write(self.folder.join(&folder).join(name), text).unwrap();
        symlink(&folder, &fresh).unwrap();
        let old = fs::read_link(&data).ok();
        fs::rename(&fresh, &data).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(self.folder.join(old)).unwrap();
        }
    }
}
