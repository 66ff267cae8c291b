//! The file itself: locked as client-go locks it, replaced by rename, its mode kept, a link followed.

use std::path::Path;

use super::{Change, EditError};

/// Why a kubeconfig cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// What is in it cannot be edited.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Reading or writing failed.
    #[error("kubeconfig `{file}` cannot be {doing}: {why}")]
    Io {
        /// Which.
        file: String,
        /// `read`, `locked`, `written`.
        doing: &'static str,
        /// Why.
        why: std::io::Error,
    },
}

/// Makes the changes in the file; creates it (0600) when it is missing.
///
/// # Errors
/// [`FileError`].
pub fn update(path: &Path, changes: &[Change]) -> Result<(), FileError> {
    let _ = (path, changes);
    todo!()
}
