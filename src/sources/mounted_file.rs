//! `server.mapRoles`, `mapUsers`, `mapAccounts`, `deny`, `reservedPrefixConfig` of the config file, re-read on change.
//!
//! A bad or missing file keeps the last good tables. The deny list and the prefixes are re-read whatever `backendMode`
//! says.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::file_text::{FileText, ended_early, fault, format_of, unreadable};
use super::keys::{self, KeySettings, Mappings};
use super::outlet::Outlet;
use super::watched_file::{Digest, Look, Tally, WatchedFile};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Faults, Format, Node, Place, Value};
use crate::live::{Live, Publisher};
use crate::mapping::{DenyList, ReservedPrefixes, SourceKind};

/// Keys under `server` that are applied while the server runs; any other needs a restart.
const APPLIED: &[&str] = &["mapRoles", "mapUsers", "mapAccounts", "deny", "reservedPrefixConfig"];
/// Label of the source in metrics.
const SOURCE: &str = SourceKind::MountedFile.as_str();

/// A config file's changeable keys, judged, with what tells one version of the file from another.
#[derive(Debug)]
pub struct Reading {
    pub(super) mappings: Mappings,
    digest: Digest,
    /// Hash of every key that is not applied while the server runs.
    others: BTreeMap<String, u64>,
    warnings: Vec<Diagnostic>,
}

/// What `config` has read of the file already, so that a start reads it once. Empty is always right.
#[derive(Clone, Debug, Default)]
pub struct FirstReading(Arc<Mutex<Option<Reading>>>);

impl FirstReading {
    /// Holds `reading` until the source starts.
    #[must_use]
    pub fn new(reading: Reading) -> Self {
        Self(Arc::new(Mutex::new(Some(reading))))
    }

    pub(super) fn take(&self) -> Option<Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Reading {
    /// Judges the keys of a parsed file; usable only if `faults` holds no error afterwards.
    pub fn pick(bytes: &[u8], root: Node<'_>, settings: KeySettings, faults: &mut Faults) -> Self {
        let mappings = keys::parse_mappings(root, settings, faults);
        Self { mappings, digest: Digest::of(bytes), others: others(root), warnings: Vec::new() }
    }

    /// Reads and judges a whole file.
    fn parse(file: &FileText, settings: KeySettings) -> Result<Self, Vec<Diagnostic>> {
        let text = document::utf8(&file.name, &file.bytes).map_err(|fault| vec![fault])?;
        let document = document::parse(&file.name, text, file.format)?;
        let mut faults = Faults::new(Arc::clone(&file.name));
        judge_shape(document.root(), &mut faults);
        let mut reading = Self::pick(&file.bytes, document.root(), settings, &mut faults);
        if faults.any_error() {
            return Err(faults.into_list());
        }
        reading.warnings = faults.into_list();
        Ok(reading)
    }
}

/// A file that is empty or has lost the map under `server` is half-written, not an order to forget everybody.
fn judge_shape(root: Node<'_>, faults: &mut Faults) {
    match root.value() {
        Value::Map(members) if members.count_left() > 0 => {}
        Value::Map(_) => {
            faults.error(root.at(), &Place::Root, "empty-file", "the file is empty".to_owned(), "write its keys");
        }
        Value::List(_) | Value::Scalar(_) => {
            let what = format!("{} stands where the file's keys belong", root.kind());
            faults.error(root.at(), &Place::Root, "bad-type", what, "write keys and values");
        }
    }
    let Some(server) = root.member("server") else { return };
    if !(server.is_null() || matches!(server.value(), Value::Map(_))) {
        let what = format!("{} stands where a map belongs", server.kind());
        faults.error(server.at(), &Place::Key(&Place::Root, "server"), "bad-type", what, "write keys and values");
    }
}

/// Every key that is not applied while the server runs, by its lower-case path.
fn others(root: Node<'_>) -> BTreeMap<String, u64> {
    let mut hashes = BTreeMap::new();
    let Value::Map(members) = root.value() else { return hashes };
    for member in members {
        match member.value.value() {
            Value::Map(inner) if member.key.eq_ignore_ascii_case("server") => {
                for inner in inner.filter(|inner| document::known(APPLIED, inner.key).is_none()) {
                    hashes.insert(format!("server.{}", inner.key.to_ascii_lowercase()), hash(inner.value));
                }
            }
            Value::List(_) | Value::Map(_) | Value::Scalar(_) => {
                hashes.insert(member.key.to_ascii_lowercase(), hash(member.value));
            }
        }
    }
    hashes
}

fn hash(node: Node<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    node.fold(|bytes| hasher.write(bytes));
    hasher.finish()
}

/// Where the source publishes.
#[derive(Debug)]
pub(super) struct Outlets {
    pub(super) outlet: Outlet,
    pub(super) deny: Publisher<DenyList>,
    pub(super) reserved: Publisher<ReservedPrefixes>,
}

/// The running source.
#[derive(Debug)]
pub(super) struct MountedFile {
    path: PathBuf,
    format: Format,
    settings: KeySettings,
    outlets: Outlets,
    /// Content that is served now.
    served: Option<Digest>,
    /// `others` when the server started, and when a change was last told.
    started_with: Option<BTreeMap<String, u64>>,
    told: Option<BTreeMap<String, u64>>,
}

impl MountedFile {
    /// Reads the file for the first time and publishes it.
    ///
    /// # Errors
    /// The faults of a file that can be read. One that cannot leaves the source not ready.
    pub(super) async fn start(
        path: &Path,
        settings: KeySettings,
        first: Option<Reading>,
        outlets: Outlets,
        tally: Tally,
    ) -> Result<(Self, WatchedFile), Vec<Diagnostic>> {
        let format = format_of(path).map_err(|fault| vec![fault])?;
        let mut source =
            Self { path: path.to_owned(), format, settings, outlets, served: None, started_with: None, told: None };
        let mut file = WatchedFile::start(path, tally).await;
        match (file.look_once(true).await, first) {
            (Look::Changed(_, digest), Some(first)) if first.digest == digest => source.publish(first),
            (Look::Changed(bytes, _), _) => {
                let reading = source.parse(bytes).await?;
                source.publish(reading);
            }
            (Look::Failed(error), first) => {
                if let Some(first) = first {
                    source.publish(first);
                }
                source.outlets.outlet.fail_with(&[unreadable(&source.path, &error)]);
            }
            (Look::Same, _) => {}
        }
        Ok((source, file))
    }

    /// Follows the file until it is cancelled.
    pub(super) async fn run(mut self, mut file: WatchedFile, mut reload: Live<u64>, cancel: CancellationToken) {
        loop {
            let must_read = tokio::select! {
                () = cancel.cancelled() => return,
                true = reload.changed() => true,
                must_read = file.rung() => must_read,
            };
            match file.look(must_read).await {
                Look::Same => {}
                Look::Failed(error) => {
                    self.outlets.outlet.fail_with(&[unreadable(&self.path, &error)]);
                }
                Look::Changed(_, digest) if self.served == Some(digest) => self.outlets.outlet.recover(),
                Look::Changed(bytes, _) => match self.parse(bytes).await {
                    Ok(reading) if self.lost_cluster_id(&reading) => {
                        let what = "clusterID is gone, so the file looks half-written".to_owned();
                        let fault = fault(&self.path, "cluster-id-gone", what, "write the whole file again");
                        self.outlets.outlet.fail_with(&[fault]);
                    }
                    Ok(reading) => self.publish(reading),
                    Err(faults) => {
                        self.outlets.outlet.fail_with(&faults);
                    }
                },
            }
        }
    }

    /// Parses away from the runtime's threads: a large file takes a while.
    async fn parse(&self, bytes: Vec<u8>) -> Result<Reading, Vec<Diagnostic>> {
        let file = FileText { name: self.path.display().to_string().into(), bytes, format: self.format };
        let settings = self.settings;
        let parsing = tokio::task::spawn_blocking(move || Reading::parse(&file, settings));
        parsing.await.unwrap_or_else(|ended| Err(vec![ended_early(&self.path, &ended)]))
    }

    fn lost_cluster_id(&self, reading: &Reading) -> bool {
        let has = |others: &BTreeMap<String, u64>| others.contains_key("clusterid");
        self.started_with.as_ref().is_some_and(has) && !has(&reading.others)
    }

    fn publish(&mut self, reading: Reading) {
        let Mappings { deny, reserved, table } = reading.mappings;
        // A new deny must not come later than a new entry.
        self.outlets.deny.publish(deny);
        self.outlets.reserved.publish(reserved);
        self.outlets.outlet.tell(&reading.warnings);
        self.outlets.outlet.publish(table, &self.path.display());
        self.outlets.outlet.recover();
        self.served = Some(reading.digest);
        self.tell_others(reading.others);
    }

    /// Says which other keys differ from those the server runs with.
    fn tell_others(&mut self, others: BTreeMap<String, u64>) {
        let Some(started_with) = &self.started_with else {
            self.started_with = Some(others);
            return;
        };
        if self.told.as_ref().unwrap_or(started_with) != &others {
            let differs = |key: &&String| started_with.get(*key) != others.get(*key);
            let mut keys: Vec<&String> = started_with.keys().chain(others.keys()).filter(differs).collect();
            keys.sort();
            keys.dedup();
            if !keys.is_empty() {
                let keys: Vec<&str> = keys.into_iter().map(String::as_str).collect();
                tracing::warn!(mapping.source = SOURCE, keys = %keys.join(","), "these keys changed and need a restart to apply");
            }
        }
        self.told = Some(others);
    }
}
