//! `DynamicFile`: a JSON file of mappings, followed while the server runs.
//!
//! All or nothing: a fault anywhere keeps the table that is served. A file that is gone empties it. The log says how
//! many entries there are and which version they are of, never what they are.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::file_text::{ended_early, unreadable};
use super::fleet::Ground;
use super::keys::{self, DynamicFile};
use super::outlet::Outlet;
use super::watched_file::{Digest, Look, WatchedFile};
use crate::clock::UnixSeconds;
use crate::diagnostic::Diagnostic;
use crate::mapping::{MappingTable, SourceKind};

/// Follows the file until it is dropped. The first look publishes or fails before anything is waited for.
pub(super) async fn run(ground: Ground, mut outlet: Outlet) {
    let Some(path) = ground.settings.dynamic_file.clone() else {
        outlet.fail("no file is named; set server.dynamicfilepath".to_owned());
        return;
    };
    let mut file = WatchedFile::start(&path, ground.tally(SourceKind::DynamicFile.as_str())).await;
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
            Look::Failed(error) if error.kind() == ErrorKind::NotFound && self.outlet.has_published() => self.empty(),
            Look::Failed(error) => {
                self.outlet.fail_with(&[unreadable(&self.path, &error)]);
            }
            Look::Changed(_, digest) if self.served == Some(digest) => self.outlet.recover(),
            Look::Changed(bytes, digest) => match self.parse(bytes).await {
                Ok((table, updated, warnings)) => {
                    self.publish(table, digest, updated, &warnings);
                }
                Err(faults) => {
                    self.outlet.fail_with(&faults);
                }
            },
        }
    }

    /// Parses and indexes away from the runtime's threads: a large file takes a while.
    async fn parse(
        &self,
        bytes: Vec<u8>,
    ) -> Result<(MappingTable, Option<UnixSeconds>, Vec<Diagnostic>), Vec<Diagnostic>> {
        let name = self.path.display().to_string();
        let strict = self.ground.settings.dynamic_user_id_strict;
        let (keys, table) = (self.ground.settings.key_settings(), self.ground.table_settings(SourceKind::DynamicFile));
        let parsing = tokio::task::spawn_blocking(move || {
            let DynamicFile { roles, users, accounts, updated, warnings } =
                keys::parse_dynamic_file(&name, &bytes, strict, keys)?;
            Ok((MappingTable::new(table, roles, users, accounts), updated, warnings))
        });
        parsing.await.unwrap_or_else(|ended| Err(vec![ended_early(&self.path, &ended)]))
    }

    fn publish(&mut self, table: MappingTable, digest: Digest, updated: Option<UnixSeconds>, warnings: &[Diagnostic]) {
        self.generation = self.generation.saturating_add(1);
        self.served = Some(digest);
        self.outlet.tell(warnings);
        let version = format!("{} generation={} sha256={digest}", self.path.display(), self.generation);
        self.outlet.publish(table, &version);
        tell_age(&self.ground, "dynamic_file", updated.filter(|_| self.generation > 1));
        self.outlet.recover();
    }

    /// Whoever removes the file takes back what it grants.
    fn empty(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.served = None;
        tracing::warn!(mapping.source = %self.outlet.kind(), path = %self.path.display(), "the file is gone, and its mappings with it");
        self.outlet.tell(&[]);
        let version = format!("{} generation={} gone", self.path.display(), self.generation);
        self.outlet.publish(MappingTable::empty(self.ground.table_settings(SourceKind::DynamicFile)), &version);
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
