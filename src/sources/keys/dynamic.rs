//! The JSON files `dynamicfilepath` and `dynamicBackendModePath`.

use crate::clock::UnixSeconds;
use crate::diagnostic::Diagnostic;
use crate::mapping::{Entry, MappedAccount, SourceKind};

use super::KeySettings;

/// A dynamic file, read: all of it is good.
#[derive(Clone, Debug)]
pub struct DynamicFile {
    /// `mapRoles`
    pub roles: Vec<Entry>,
    /// `mapUsers`
    pub users: Vec<Entry>,
    /// `mapAccounts`
    pub accounts: Vec<MappedAccount>,
    /// `LastUpdatedDateTime`; absent when not given or not a number.
    pub updated: Option<UnixSeconds>,
    /// What is good and probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// A backend-mode file, read.
#[derive(Clone, Debug)]
pub struct BackendModeFile {
    /// `backendMode`, each kind once.
    pub modes: Vec<SourceKind>,
    /// `LastUpdatedDateTime`; absent when not given or not a number.
    pub updated: Option<UnixSeconds>,
    /// What is good and probably not meant.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a dynamic file; `strict` looks entries up by their `userid`.
///
/// # Errors
/// Every fault; one is enough to refuse the whole file.
pub fn parse_dynamic_file(
    file: &str,
    bytes: &[u8],
    strict: bool,
    settings: KeySettings,
) -> Result<DynamicFile, Vec<Diagnostic>> {
    let _ = (file, bytes, strict, settings);
    Err(Vec::new())
}

/// Reads a backend-mode file. `dynamic_file` tells whether `dynamicfilepath` is set.
///
/// # Errors
/// Every fault; one is enough to refuse the whole file.
pub fn parse_backend_mode_file(
    file: &str,
    bytes: &[u8],
    dynamic_file: bool,
) -> Result<BackendModeFile, Vec<Diagnostic>> {
    let _ = (file, bytes, dynamic_file);
    Err(Vec::new())
}
