//! Writing into a kubeconfig: everything that is not ours stays byte for byte.
//!
//! ```text
//! file ─lock─▶ text ─edit─▶ text ─temp + rename─▶ file
//! ```

mod edit;
mod file;

pub use edit::{Change, EditError, ExecUser, edit};
pub use file::{FileError, update};
