//! The Kubernetes bank of the bridge: what a user may do.
//!
//! ```text
//! AccessPolicy ──rules──▶ PolicyRule: what the shipped ClusterRoles say, and what an evaluation covers
//! ```
//!
//! Pure: no I/O, no clock.

mod access_policy;
mod policy_rules;
mod rule;

pub use access_policy::{AccessPolicy, UnknownPolicy};
pub use rule::PolicyRule;
