//! A server config, judged as `server` would.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Found, Options, Sheet, compat, lint};
use crate::config::flags;
use crate::config::server::{self, Resolved};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Document, Faults, Place};
use crate::mapping::SourceKind;
use crate::sources::{FileText, is_available};

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
            judge_modes(&resolved.settings.sources.backend_modes, &document, &mut faults);
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

/// What the start would refuse although the file is good.
fn judge_modes(modes: &[SourceKind], document: &Document<'_>, faults: &mut Faults) {
    let place = Place::Key(&Place::Root, "server");
    let root = document.root();
    let of = |key| root.member("server").and_then(|server| server.member(key));
    for mode in modes.iter().filter(|mode| !is_available(**mode)) {
        let at = of("backendMode").unwrap_or(root).at();
        let what = format!("backend mode {mode} is not available in this version, and the server will not start");
        let cure = "use MountedFile, EKSConfigMap, CRD or DynamicFile";
        faults.error(at, &Place::Key(&place, "backendMode"), "not-available", what, cure);
    }
}
