//! Every fault of config files, found without a network by the parsers the server starts with.
//!
//! [`check`] judges a server config as `server` would: what would stop the start is an error here, and an unknown key
//! is one too. On top come doubts of security (`lint`) and, where asked, what behaves differently from
//! aws-iam-authenticator for this very file (`compat`). Files of other formats are told, not judged.

mod compat;
mod lint;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use report::{failed, render_json, render_text};

use crate::config::env::Env;
use crate::config::flags;
use crate::config::server::resolve;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{self, Document, Faults, Place, Value};
use crate::mapping::SourceKind;
use crate::sources::{FileText, is_available};

/// Levels of directories that are searched.
const MAX_LEVELS: usize = 16;

/// How files are checked.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Also list what behaves differently from the reference.
    pub compat: bool,
    /// What the server would be given besides: `--cluster-id`, `--feature-gates`.
    pub global: flags::Global,
    /// The environment the server would run in.
    pub env: Env,
}

/// Checks files, and the .yaml, .yml and .json files of directories, in the order given. Faults of a file stand in its
/// order; no path at all checks the file of `--config`.
#[must_use]
pub fn check(paths: &[PathBuf], options: &Options) -> Vec<Diagnostic> {
    let from_flag = options.global.config.as_slice();
    let paths = if paths.is_empty() { from_flag } else { paths };
    let mut found = Vec::new();
    if paths.is_empty() {
        let cure = "name a file or directory, or give --config";
        found.push(whole(None, Severity::Error, "no-files", "there is nothing to check".to_owned(), cure));
    }
    for path in paths {
        if !path.is_dir() {
            found.extend(check_file(path, Severity::Error, options));
            continue;
        }
        let mut files = Vec::new();
        if let Err(fault) = files_below(path, 0, &mut files) {
            found.push(fault);
        }
        if files.is_empty() {
            let what = "the directory has no .yaml, .yml or .json file".to_owned();
            found.push(whole(Some(path), Severity::Error, "no-files", what, "name another"));
        }
        // Beside a server config other files may stand.
        files.iter().for_each(|file| found.extend(check_file(file, Severity::Warning, options)));
    }
    found
}

/// Files of our types, by name; names that begin with a dot, and links to directories, are passed over.
fn files_below(directory: &Path, level: usize, files: &mut Vec<PathBuf>) -> Result<(), Diagnostic> {
    let unreadable = |error: std::io::Error| {
        let what = format!("the directory cannot be read: {error}");
        whole(Some(directory), Severity::Error, "unreadable-file", what, "check its path and permissions")
    };
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    let hidden = |path: &Path| path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    for path in entries.into_iter().filter(|path| !hidden(path)) {
        if path.is_dir() {
            if level < MAX_LEVELS && !path.is_symlink() {
                files_below(&path, level.saturating_add(1), files)?;
            }
        } else if crate::sources::format_of(&path).is_ok() {
            files.push(path);
        }
    }
    Ok(())
}

fn check_file(path: &Path, other_format: Severity, options: &Options) -> Vec<Diagnostic> {
    match FileText::load(path) {
        Ok(file) => check_text(&file, other_format, options),
        Err(fault) => vec![fault],
    }
}

/// Checks one file that is read already; one of another format is a fault of severity `other_format`.
#[must_use]
pub fn check_text(file: &FileText, other_format: Severity, options: &Options) -> Vec<Diagnostic> {
    let text = match document::utf8(&file.name, &file.bytes) {
        Ok(text) => text,
        Err(fault) => return vec![fault],
    };
    let document = match document::parse(&file.name, text, file.format) {
        Ok(document) => document,
        Err(faults) => return faults,
    };
    if let Some(format) = other_format_of(&document) {
        let what = format!("this is {format}; this version checks server configs only");
        return vec![whole(Some(Path::new(&*file.name)), other_format, "other-format", what, "")];
    }
    let typed = flags::Server { strict_config: Some(true), ..flags::Server::default() };
    let global = flags::Global { config: Some(PathBuf::from(&*file.name)), ..options.global.clone() };
    let mut faults = Faults::new(Arc::clone(&file.name));
    let mut found = match resolve(Some(file), &global, &typed, &options.env) {
        Ok(resolved) => {
            judge_modes(&resolved.settings.sources.backend_modes, &document, &mut faults);
            lint::lint(document.root(), &resolved, &mut faults);
            if options.compat {
                compat::compat(document.root(), &resolved, &mut faults);
            }
            resolved.warnings
        }
        Err(faults) => faults,
    };
    found.extend(faults.into_list());
    found.sort_by_key(|fault| fault.at);
    found
}

/// What the start would refuse although the file is good.
fn judge_modes(modes: &[SourceKind], document: &Document<'_>, faults: &mut Faults) {
    let server = Place::Key(&Place::Root, "server");
    let root = document.root();
    let of = |key| root.member("server").and_then(|server| server.member(key));
    for mode in modes.iter().filter(|mode| !is_available(**mode)) {
        let at = of("backendMode").unwrap_or(root).at();
        let what = format!("backend mode {mode} is not available in this version, and the server will not start");
        faults.error(
            at,
            &Place::Key(&server, "backendMode"),
            "not-available",
            what,
            "use MountedFile, EKSConfigMap, CRD or DynamicFile",
        );
    }
}

/// What a file is that is no server config; `None` when it is one, or could be meant as one.
fn other_format_of(document: &Document<'_>) -> Option<String> {
    let root = document.root();
    let kind = root.member("kind").and_then(|kind| kind.scalar());
    if let (Some(kind), Some(_)) = (kind, root.member("apiVersion")) {
        return Some(format!("a Kubernetes object of kind {}", kind.text));
    }
    if root.member("server").is_some() || root.member("clusterID").is_some() {
        return None;
    }
    let any = |keys: &[&str]| keys.iter().any(|key| root.member(key).is_some());
    let written_out = |key| root.member(key).is_some_and(|value| matches!(value.value(), Value::Scalar(_)));
    if ["mapRoles", "mapUsers", "mapAccounts"].into_iter().any(written_out) {
        Some("the data of an aws-auth ConfigMap".to_owned())
    } else if any(&["mapRoles", "mapUsers", "mapAccounts", "LastUpdatedDateTime"]) {
        Some("a dynamic file (in a server config these keys stand under `server`)".to_owned())
    } else if any(&["clusters", "contexts", "users"]) {
        Some("a kubeconfig".to_owned())
    } else {
        None
    }
}

fn whole(path: Option<&Path>, severity: Severity, code: &'static str, what: String, cure: &str) -> Diagnostic {
    let file = path.map(|path| path.display().to_string().into());
    Diagnostic::keyless(severity, code, file, None, what, cure)
}
