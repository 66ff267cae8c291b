//! Programs as client-go finds them: by `PATH`, or where their name leads.

use std::path::{Path, PathBuf};

/// What Windows tries at the end of a name.
const WINDOWS_ENDINGS: [&str; 4] = [".exe", ".cmd", ".bat", ".com"];

/// The file that `command` runs.
#[must_use]
pub fn find(command: &str, path: Option<&str>) -> Option<PathBuf> {
    if command.is_empty() {
        return None;
    }
    if is_path(command) {
        return executable(Path::new(command));
    }
    std::env::split_paths(path.unwrap_or_default())
        // Go does not run what it finds in the directory it happens to be in.
        .filter(|directory| directory.is_absolute())
        .find_map(|directory| executable(&directory.join(command)))
}

/// Whether a command names a place instead of a program of `PATH`.
pub(super) fn is_path(command: &str) -> bool {
    command.contains('/') || (cfg!(windows) && command.contains('\\'))
}

fn executable(file: &Path) -> Option<PathBuf> {
    if is_executable(file) {
        return Some(file.to_owned());
    }
    if !cfg!(windows) {
        return None;
    }
    let endings = WINDOWS_ENDINGS.iter().map(|ending| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    });
    endings.into_iter().find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file() && (!cfg!(windows) || file.extension().is_some())
}
