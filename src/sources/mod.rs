//! Where mappings come from. A source publishes an immutable table when its input changes.

pub mod keys;
mod mounted_file;
mod watched_file;

pub use mounted_file::MountedFile;
pub use watched_file::WatchedFile;
