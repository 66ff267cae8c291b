//! Writing into a kubeconfig: everything that is not ours stays byte for byte.
//!
//! ```text
//! file ─lock─▶ text ─parse─▶ tree ─wanted─▶ tree as it should be ─splice, one by one─▶ text ─temp + rename─▶ file
//! ```
//!
//! A change is made twice: on the tree, which says what is wanted, and on the text, by the smallest splices that lead
//! there. The text is read again after each splice; it is written only if it says what was wanted and every line
//! outside the touched entries is as it was.

mod edit;
mod file;
mod files;
mod splice;
mod tree;
mod wanted;

pub use edit::{Change, EditError, ExecUser, edit};
pub use file::{FileError, Update, preview, update};
pub use files::Files;
pub use tree::{ContextEntry, ExecEntry, Kind, Kubeconfig};
