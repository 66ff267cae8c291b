//! What was typed (flags, environment, file) and what it means: each room's settings, or every fault at once.
//!
//! Precedence: explicit flag, then environment, then config file, then default.

mod access_entries;
pub mod add;
pub mod client_keys;
pub mod context;
pub mod entry_keys;
pub mod env;
pub mod exec_entry;
pub mod feature_gates;
pub mod file;
pub mod flags;
pub mod get_token;
pub mod iam;
mod judge;
pub mod kubeconfig;
mod modes;
mod node_names;
mod pick;
mod schema;
pub mod server;
mod surroundings;
mod words;
