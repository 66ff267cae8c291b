//! The top-level keys of the config file that `token` and `verify` read; their names are without case.
//!
//! `defaultRole`, which the reference's README names, is not among them: the live key is `role`.

use std::path::Path;

use super::file::{Given, TopKeys};
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{self, Faults, Format};
use crate::sources::FileText;

/// What the file says; absent keys and nulls are `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientKeys {
    /// `clusterID`
    pub cluster_id: Option<String>,
    /// `role`
    pub role: Option<String>,
    /// `region`
    pub region: Option<String>,
    /// `externalID`
    pub external_id: Option<String>,
    /// `sessionName`
    pub session_name: Option<String>,
    /// `log-verbosity`
    pub log_verbosity: Option<String>,
    /// `tokenOnly`
    pub token_only: Option<bool>,
    /// `forwardSessionName`
    pub forward_session_name: Option<bool>,
    /// `cache`
    pub cache: Option<bool>,
}

impl ClientKeys {
    /// Reads a config file, YAML or JSON by its extension. Keys of other commands are not looked at.
    ///
    /// # Errors
    /// Every fault of the file's syntax and of these keys.
    pub fn load(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let file = FileText::load(path).map_err(|fault| vec![fault])?;
        let text = document::utf8(&file.name, &file.bytes).map_err(|fault| vec![fault])?;
        Self::parse(&file.name, text, file.format)
    }

    /// Picks the keys out of a text.
    ///
    /// # Errors
    /// As [`ClientKeys::load`].
    pub fn parse(file: &str, text: &str, format: Format) -> Result<Self, Vec<Diagnostic>> {
        let document = document::parse(file, text, format)?;
        let mut faults = Faults::new(file.into());
        let keys = TopKeys::pick(document.root(), Severity::Warning, &mut faults);
        if faults.any_error() { Err(faults.into_list()) } else { Ok(keys.into()) }
    }
}

impl From<TopKeys> for ClientKeys {
    fn from(keys: TopKeys) -> Self {
        // An empty text is no setting, as in the reference.
        let text = |given: Option<Given<String>>| given.map(|given| given.value).filter(|text| !text.is_empty());
        let switch = |given: Option<Given<bool>>| given.map(|given| given.value);
        Self {
            cluster_id: text(keys.cluster_id),
            role: text(keys.role),
            region: text(keys.region),
            external_id: text(keys.external_id),
            session_name: text(keys.session_name),
            log_verbosity: text(keys.log_verbosity),
            token_only: switch(keys.token_only),
            forward_session_name: switch(keys.forward_session_name),
            cache: switch(keys.cache),
        }
    }
}
