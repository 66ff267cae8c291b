//! The Kubernetes API as a client sees it: contexts of a kubeconfig, and the reviews that say who one is.
//!
//! ```text
//! KubeconfigFiles ─context─▶ Context ─Client::new(+ token)─▶ /version, SelfSubjectReview, SelfSubjectRulesReview
//! ```
//!
//! Whatever else the kubeconfig's user can prove itself with stays unused: a client has the one token it was given.

mod client;
mod context;
mod transport;

pub use client::{Client, KubernetesError, Permissions, Subject};
pub use context::{Context, ContextError, ExecEntry, KubeconfigFiles};
