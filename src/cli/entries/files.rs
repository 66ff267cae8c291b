//! Files of access entries, read and judged for the commands that go through them.

use std::path::Path;

use crate::cli::output;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document;
use crate::sources::FileText;
use crate::sources::keys::{AccessEntryFile, AccessEntryFileSettings, parse_access_entry_file};

/// A file that is read; what it says is judged by [`judge`].
pub(super) struct Sheet {
    pub(super) text: String,
    pub(super) file: FileText,
}

/// Reads a file. Its faults are told.
pub(super) fn load(path: &Path) -> Option<Sheet> {
    let read = FileText::load(path).and_then(|file| {
        let text = document::utf8(&file.name, &file.bytes)?.to_owned();
        Ok(Sheet { text, file })
    });
    read.map_err(|fault| output::line(&fault)).ok()
}

impl Sheet {
    /// The entries of the file, or what is wrong with it.
    pub(super) fn judge(&self, text: &str) -> Result<AccessEntryFile, Vec<Diagnostic>> {
        let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
        parse_access_entry_file(&self.file.name, text, self.file.format, &settings)
    }
}
