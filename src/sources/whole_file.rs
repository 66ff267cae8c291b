//! A file of mappings that counts as a whole, followed while the server runs.
//!
//! All or nothing: a fault anywhere keeps the table that is served. The log says how many entries there are and which
//! version they are of, never what they are. Sources of such files differ by their [`Terms`], as data, and by how they
//! read the text.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use super::file_text::{ended_early, unreadable};
use super::fleet::Ground;
use super::outlet::Outlet;
use super::watched_file::{Digest, Look, WatchedFile};
use crate::clock::UnixSeconds;
use crate::diagnostic::Diagnostic;
use crate::mapping::MappingTable;

/// What is so of one source's file and not of another's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The config key that names it.
    pub(super) key: &'static str,
    /// What a file that is gone means.
    pub(super) gone: Gone,
    /// `type` of the metric that the age of a changed file is told by.
    pub(super) age: Option<&'static str>,
}

/// What a file that is gone means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gone {
    /// Whoever removes it takes back what it grants.
    Empties,
    /// It may be the way back in when nothing else works.
    Keeps,
}

/// What a good file holds.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) table: MappingTable,
    pub(super) warnings: Vec<Diagnostic>,
    /// Its own time stamp.
    pub(super) updated: Option<UnixSeconds>,
}

/// Reads the content of the file of this name.
type Reader = Arc<dyn Fn(&str, &[u8]) -> Result<Whole, Vec<Diagnostic>> + Send + Sync>;

/// Follows the file until it is dropped. The first look publishes or fails before anything is waited for.
pub(super) async fn run(
    ground: Ground,
    mut outlet: Outlet,
    path: Option<PathBuf>,
    terms: Terms,
    read: impl Fn(&str, &[u8]) -> Result<Whole, Vec<Diagnostic>> + Send + Sync + 'static,
) {
    let Some(path) = path else {
        outlet.fail(format!("no file is named; set {}", terms.key));
        return;
    };
    let mut file = WatchedFile::start(&path, ground.tally(outlet.kind().as_str())).await;
    let mut reload = ground.reload.clone();
    let mut source = Source { ground, path, outlet, terms, read: Arc::new(read), served: None, generation: 0 };
    let first = file.look_once(true).await;
    source.take(first).await;
    loop {
        let must_read = tokio::select! {
            true = reload.changed() => true,
            must_read = file.rung() => must_read,
        };
        let look = file.look(must_read).await;
        source.take(look).await;
    }
}

/// The running source.
struct Source {
    ground: Ground,
    path: PathBuf,
    outlet: Outlet,
    terms: Terms,
    read: Reader,
    /// Content that is served now.
    served: Option<Digest>,
    /// Number of tables made so far.
    generation: u64,
}

impl Source {
    async fn take(&mut self, look: Look) {
        match look {
            Look::Same => {}
            Look::Failed(error) if error.kind() == ErrorKind::NotFound && self.is_taken_back() => self.empty(),
            Look::Failed(error) => {
                self.outlet.fail_with(&[unreadable(&self.path, &error)]);
            }
            Look::Changed(_, digest) if self.served == Some(digest) => self.outlet.recover(),
            Look::Changed(bytes, digest) => match self.parse(bytes).await {
                Ok(whole) => self.publish(whole, digest),
                Err(faults) => {
                    self.outlet.fail_with(&faults);
                }
            },
        }
    }

    fn is_taken_back(&self) -> bool {
        self.terms.gone == Gone::Empties && self.outlet.has_published()
    }

    /// Parses and indexes away from the runtime's threads: a large file takes a while.
    async fn parse(&self, bytes: Vec<u8>) -> Result<Whole, Vec<Diagnostic>> {
        let (name, read) = (self.path.display().to_string(), Arc::clone(&self.read));
        let parsing = tokio::task::spawn_blocking(move || read(&name, &bytes));
        parsing.await.unwrap_or_else(|ended| Err(vec![ended_early(&self.path, &ended)]))
    }

    fn publish(&mut self, whole: Whole, digest: Digest) {
        self.generation = self.generation.saturating_add(1);
        self.served = Some(digest);
        self.outlet.tell(&whole.warnings);
        let version = format!("{} generation={} sha256={digest}", self.path.display(), self.generation);
        self.outlet.publish(whole.table, &version);
        if let Some(age) = self.terms.age {
            tell_age(&self.ground, age, whole.updated.filter(|_| self.generation > 1));
        }
        self.outlet.recover();
    }

    fn empty(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.served = None;
        let kind = self.outlet.kind();
        tracing::warn!(mapping.source = %kind, path = %self.path.display(), "the file is gone, and its mappings with it");
        self.outlet.tell(&[]);
        let version = format!("{} generation={} gone", self.path.display(), self.generation);
        self.outlet.publish(MappingTable::empty(self.ground.table_settings(kind)), &version);
        self.outlet.recover();
    }
}

/// Observes how old a file's own time stamp is now that the file is in use. One in the future tells of clocks that
/// differ, not of speed.
pub(super) fn tell_age(ground: &Ground, file: &'static str, updated: Option<UnixSeconds>) {
    let Some(updated) = updated else { return };
    match u32::try_from(ground.clock.now().since(updated)) {
        Ok(seconds) => ground.metrics.dynamic_latency(file, f64::from(seconds)),
        Err(_) => {
            tracing::warn!(
                file,
                updated = updated.0,
                "LastUpdatedDateTime lies in the future or too far back, so it is not observed"
            );
        }
    }
}
