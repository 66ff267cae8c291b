//! `DynamicFile`: a JSON file of mappings, followed while the server runs. A file that is gone empties it.

use super::fleet::Ground;
use super::keys::{self, DynamicFile};
use super::outlet::Outlet;
use super::whole_file::{self, Gone, Terms, Whole};
use crate::mapping::{MappingTable, SourceKind};

const TERMS: Terms = Terms { key: "server.dynamicfilepath", gone: Gone::Empties, age: Some("dynamic_file") };

/// Follows the file until it is dropped. The first look publishes or fails before anything is waited for.
pub(super) async fn run(ground: Ground, outlet: Outlet) {
    let (path, strict) = (ground.settings.dynamic_file.clone(), ground.settings.dynamic_user_id_strict);
    let (keys, table) = (ground.settings.key_settings(), ground.table_settings(SourceKind::DynamicFile));
    let read = move |name: &str, bytes: &[u8]| {
        let DynamicFile { roles, users, accounts, updated, warnings } =
            keys::parse_dynamic_file(name, bytes, strict, keys)?;
        Ok(Whole { table: MappingTable::new(table, roles, users, accounts), warnings, updated })
    };
    whole_file::run(ground, outlet, path, TERMS, read).await;
}
