//! `AccessEntryFile`: a file of access entries, followed while the server runs.
//!
//! All or nothing: a fault anywhere keeps the table that is served, and so does a file that is gone: it may be the way
//! back in when nothing else works. The log says how many entries there are and which version they are of, never what
//! they are.

use std::path::PathBuf;

use super::file_text::{ended_early, format_of, unreadable};
use super::fleet::Ground;
use super::keys::{self, AccessEntryFile, AccessEntryFileSettings};
use super::outlet::Outlet;
use super::watched_file::{Digest, Look, WatchedFile};
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{self, Format};
use crate::mapping::{Entry, EntryList, MappingTable, SourceKind};

const KIND: SourceKind = SourceKind::AccessEntryFile;

/// Follows the file until it is dropped. The first look publishes or fails before anything is waited for.
pub(super) async fn run(ground: Ground, mut outlet: Outlet) {
    let Some(path) = ground.settings.access_entry_file.clone() else {
        outlet.fail("no file is named; set server.accessEntryFile".to_owned());
        return;
    };
    let mut file = WatchedFile::start(&path, ground.tally(KIND.as_str())).await;
    let mut reload = ground.reload.clone();
    let mut source = Source { ground, path, outlet, served: None, generation: 0 };
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
#[derive(Debug)]
struct Source {
    ground: Ground,
    path: PathBuf,
    outlet: Outlet,
    /// Content that is served now.
    served: Option<Digest>,
    /// Number of tables made so far.
    generation: u64,
}

impl Source {
    async fn take(&mut self, look: Look) {
        match look {
            Look::Same => {}
            Look::Failed(error) => {
                self.outlet.fail_with(&[unreadable(&self.path, &error)]);
            }
            Look::Changed(_, digest) if self.served == Some(digest) => self.outlet.recover(),
            Look::Changed(bytes, digest) => match self.parse(bytes).await {
                Ok((table, warnings)) => self.publish(table, digest, &warnings),
                Err(faults) => {
                    self.outlet.fail_with(&faults);
                }
            },
        }
    }

    /// Parses and indexes away from the runtime's threads: a large file takes a while.
    async fn parse(&self, bytes: Vec<u8>) -> Result<(MappingTable, Vec<Diagnostic>), Vec<Diagnostic>> {
        let name = self.path.display().to_string();
        // A mount may give the file a name without an extension; YAML reads JSON too.
        let format = format_of(&self.path).unwrap_or(Format::Yaml);
        let settings = &self.ground.settings;
        let keys = AccessEntryFileSettings { cluster_account: settings.cluster_account, unknown: Severity::Error };
        let table = self.ground.table_settings(KIND);
        let parsing = tokio::task::spawn_blocking(move || {
            let text = document::utf8(&name, &bytes).map_err(|fault| vec![fault])?;
            let AccessEntryFile { entries, warnings, .. } = keys::parse_access_entry_file(&name, text, format, &keys)?;
            let is_role = |entry: &Entry| entry.list() == EntryList::Roles;
            let (roles, users) = entries.into_iter().map(|entry| entry.entry).partition(is_role);
            Ok((MappingTable::new(table, roles, users, Vec::new()), warnings))
        });
        parsing.await.unwrap_or_else(|ended| Err(vec![ended_early(&self.path, &ended)]))
    }

    fn publish(&mut self, table: MappingTable, digest: Digest, warnings: &[Diagnostic]) {
        self.generation = self.generation.saturating_add(1);
        self.served = Some(digest);
        self.outlet.tell(warnings);
        let version = format!("{} generation={} sha256={digest}", self.path.display(), self.generation);
        self.outlet.publish(table, &version);
        self.outlet.recover();
    }
}
