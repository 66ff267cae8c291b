//! Which files a run checks.

use std::fs;
use std::path::{Path, PathBuf};

use super::whole;
use crate::diagnostic::{Diagnostic, Severity};

/// Levels of directories that are searched.
const MAX_LEVELS: usize = 16;

/// A file to check.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// Whether a person named it, and did not only name a directory.
    pub(super) is_named: bool,
}

/// The files of paths, and those of our types in directories; what cannot be searched stands in its place.
pub(super) fn find(paths: &[PathBuf]) -> Vec<Result<Input, Diagnostic>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(Ok(Input { path: path.clone(), is_named: true }));
            continue;
        }
        let mut files = Vec::new();
        if let Err(fault) = files_below(path, 0, &mut files) {
            found.push(Err(fault));
        }
        if files.is_empty() {
            let what = "the directory has no .yaml, .yml or .json file".to_owned();
            found.push(Err(whole(Some(path), Severity::Error, "no-files", what, "name another")));
        }
        found.extend(files.into_iter().map(|path| Ok(Input { path, is_named: false })));
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
