//! The Kubernetes API as a client sees it: contexts of a kubeconfig, and the reviews that say who one is.

mod client;
mod context;

pub use client::{Client, KubernetesError, Subject};
pub use context::{Context, ContextError, ExecEntry, KubeconfigFiles};
