//! `AccessEntryFile`: a file of access entries, followed while the server runs. A file that is gone keeps the table that
//! is served.

use super::file_text::format_of;
use super::fleet::Ground;
use super::keys::{self, AccessEntryFile, AccessEntryFileSettings};
use super::outlet::Outlet;
use super::whole_file::{self, Gone, Terms, Whole};
use crate::diagnostic::Severity;
use crate::document::{self, Format};
use crate::mapping::{MappingTable, SourceKind};

const TERMS: Terms = Terms { key: "server.accessEntryFile", gone: Gone::Keeps, age: None };

/// Follows the file until it is dropped. The first look publishes or fails before anything is waited for.
pub(super) async fn run(ground: Ground, outlet: Outlet) {
    let path = ground.settings.access_entry_file.clone();
    // A mount may give the file a name without an extension; YAML reads JSON too.
    let format = path.as_deref().and_then(|path| format_of(path).ok()).unwrap_or(Format::Yaml);
    let cluster_account = ground.settings.cluster_account;
    let read = move |name: &str, bytes: &[u8]| {
        let text = document::utf8(name, bytes).map_err(|fault| vec![fault])?;
        let settings = AccessEntryFileSettings { cluster_account, unknown: Severity::Error };
        let AccessEntryFile { entries, warnings, .. } = keys::parse_access_entry_file(name, text, format, &settings)?;
        let entries = entries.into_iter().map(|entry| entry.entry).collect();
        let table = MappingTable::of_access_entries(SourceKind::AccessEntryFile, entries);
        Ok(Whole { table, warnings, updated: None })
    };
    whole_file::run(ground, outlet, path, TERMS, read).await;
}
