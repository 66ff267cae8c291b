//! A server config, judged as `server` would.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Found, Options, Sheet, compat, lint};
use crate::config::flags;
use crate::config::server::{self, Resolved};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Faults};
use crate::sources::FileText;

/// Judges the file's first document; the server reads no other.
pub(super) fn judge(sheet: &Sheet<'_>, found: &mut Found) {
    found.ours = true;
    let file = sheet.file;
    let document = match document::parse(&file.name, sheet.text, file.format) {
        Ok(document) => document,
        Err(faults) => return found.faults.extend(faults),
    };
    let mut faults = Faults::new(Arc::clone(&file.name));
    found.faults.extend(match resolve(file, sheet.options) {
        Ok(resolved) => {
            lint::config(document.root(), &resolved, &mut faults);
            if sheet.options.compat {
                compat::config(document.root(), &resolved, &mut faults);
            }
            resolved.warnings
        }
        Err(faults) => faults,
    });
    found.faults.extend(faults.into_list());
}

/// What `server --strict-config` makes of the file.
pub(super) fn resolve(file: &FileText, options: &Options) -> Result<Resolved, Vec<Diagnostic>> {
    let typed = flags::Server { strict_config: Some(true), ..flags::Server::default() };
    let global = flags::Global { config: Some(PathBuf::from(&*file.name)), ..options.global.clone() };
    server::resolve(Some(file), &global, &typed, &options.env)
}
