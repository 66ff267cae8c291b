//! `server.dynamicBackendModePath`: a JSON file that changes the list of sources while the server runs.
//!
//! A bad file keeps the list in force; a file that is gone leads back to `server.backendMode`. While a change waits for
//! the first tables of its sources, a newer file replaces it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::file_text::{ended_early, unreadable};
use super::fleet::{Fleet, Ground};
use super::keys::{self, BackendModeFile};
use super::watched_file::{Digest, Look, WatchedFile};
use super::whole_file::tell_age;
use crate::clock::UnixSeconds;
use crate::diagnostic::{Diagnostic, Severity};
use crate::mapping::SourceKind;

/// Label in metrics, beside those of the sources.
const LABEL: &str = "BackendMode";

/// The file, and what was last made of it.
#[derive(Debug)]
pub(super) struct ModeFile {
    ground: Ground,
    path: PathBuf,
    file: WatchedFile,
    /// Content whose list is in force, or waits to be.
    served: Option<Digest>,
    fault: Option<String>,
    /// Whether its first content has been read: that is no change, and its age says nothing.
    begun: bool,
}

/// A list that is to come into force.
#[derive(Debug)]
struct Wish {
    kinds: Vec<SourceKind>,
    updated: Option<UnixSeconds>,
}

impl ModeFile {
    /// Reads the file for the first time, and yields the list to start with: its own if it is good, else the configured.
    pub(super) async fn start(path: &Path, ground: Ground) -> (Self, Vec<SourceKind>) {
        let mut file = WatchedFile::start(path, ground.tally(LABEL)).await;
        let first = file.look_once(true).await;
        let mut mode_file = Self { ground, path: path.to_owned(), file, served: None, fault: None, begun: false };
        let list = mode_file.take(first).await.map(|wish| wish.kinds);
        mode_file.begun = true;
        let list = list.unwrap_or_else(|| mode_file.ground.settings.backend_modes.clone());
        (mode_file, list)
    }

    /// Follows the file until it is dropped.
    pub(super) async fn follow(mut self, mut fleet: Fleet) {
        let mut reload = self.ground.reload.clone();
        let mut pending: Option<Wish> = None;
        loop {
            let first_tables = async {
                match &pending {
                    Some(wish) => fleet.first_tables(&wish.kinds).await,
                    None => std::future::pending().await,
                }
            };
            let must_read = tokio::select! {
                () = first_tables => None,
                true = reload.changed() => Some(true),
                must_read = self.file.rung() => Some(must_read),
            };
            let Some(must_read) = must_read else {
                if let Some(wish) = pending.take() {
                    self.put_in_force(&mut fleet, wish).await;
                }
                continue;
            };
            let look = self.file.look(must_read).await;
            if let Some(wish) = self.take(look).await {
                // Ends what a wish before this one began in vain, even if this one asks for what is in force.
                fleet.begin(&wish.kinds).await;
                pending = Some(wish);
            }
        }
    }

    async fn put_in_force(&self, fleet: &mut Fleet, wish: Wish) {
        let before = fleet.kinds();
        if before != wish.kinds {
            fleet.put_in_force(&wish.kinds).await;
            tracing::info!(path = %self.path.display(), before = %names(&before), now = %names(&wish.kinds), "the list of sources has changed");
        }
        tell_age(&self.ground, "dynamic_backend_mode", wish.updated);
    }

    /// What the look asks for, if it asks for anything new.
    async fn take(&mut self, look: Look) -> Option<Wish> {
        match look {
            Look::Same => None,
            Look::Failed(error) if error.kind() == ErrorKind::NotFound => {
                tracing::info!(path = %self.path.display(), "there is no backend-mode file; the list is that of server.backendMode");
                self.served = None;
                self.recover();
                Some(Wish { kinds: self.ground.settings.backend_modes.clone(), updated: None })
            }
            Look::Failed(error) => self.fail(&[unreadable(&self.path, &error)]),
            Look::Changed(_, digest) if self.served == Some(digest) => {
                self.recover();
                None
            }
            Look::Changed(bytes, digest) => match self.parse(bytes).await {
                Ok(BackendModeFile { modes, updated, warnings }) => {
                    for warning in &warnings {
                        tracing::warn!("{warning}");
                    }
                    self.served = Some(digest);
                    self.ground.metrics.source_loaded(LABEL, modes.len());
                    self.recover();
                    Some(Wish { kinds: modes, updated: updated.filter(|_| self.begun) })
                }
                Err(faults) => self.fail(&faults),
            },
        }
    }

    async fn parse(&self, bytes: Vec<u8>) -> Result<BackendModeFile, Vec<Diagnostic>> {
        let name = self.path.display().to_string();
        let needs = self.ground.settings.mode_needs();
        let parsing = tokio::task::spawn_blocking(move || keys::parse_backend_mode_file(&name, &bytes, needs));
        parsing.await.unwrap_or_else(|ended| Err(vec![ended_early(&self.path, &ended)]))
    }

    /// The list in force, or the one that waits, stays; said once.
    fn fail(&mut self, faults: &[Diagnostic]) -> Option<Wish> {
        self.ground.metrics.source_failed(LABEL);
        self.ground.metrics.source_stale(LABEL, true);
        let first = faults.iter().find(|fault| fault.severity == Severity::Error);
        let fault = first.map_or_else(|| "the file cannot be used".to_owned(), Diagnostic::to_string);
        if self.fault.as_ref() != Some(&fault) {
            tracing::error!(error = %fault, "the backend-mode file is not used as it is: the list of sources stays");
        }
        self.fault = Some(fault.clone());
        self.ground.board.list_fault(Some(fault));
        None
    }

    fn recover(&mut self) {
        if self.fault.take().is_some() {
            tracing::info!(path = %self.path.display(), "the backend-mode file is good again");
        }
        self.ground.metrics.source_stale(LABEL, false);
        self.ground.board.list_fault(None);
    }
}

fn names(kinds: &[SourceKind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" ")
}
