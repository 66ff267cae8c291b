//! Events on objects, for those who run `kubectl describe`.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::time::timeout;

use super::transport::{self, Fault};

/// Who reports, as `kubectl describe` shows it.
const REPORTER: &str = "iam-bridge";
/// What was done, of every Event.
const ACTION: &str = "ReadMappings";
/// For an Event to be written.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Longest note, bytes; the API server takes 1 024.
const LONGEST_NOTE: usize = 1_000;

/// Publishes Events as `iam-bridge`; an Event that cannot be published is logged at debug level and forgotten.
#[derive(Clone)]
pub struct Events {
    client: kube::Client,
    reporter: Reporter,
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
    /// Of a client whose account may create events in the objects' namespaces (`default` for objects of the whole
    /// cluster).
    #[must_use]
    pub fn new(client: kube::Client) -> Self {
        Self { client, reporter: Reporter::from(REPORTER) }
    }

    /// Publishes one, within 5 s or not at all. `note` is cut at 1 000 bytes.
    pub async fn publish(&self, about: &ObjectReference, kind: EventKind, reason: &str, note: &str) {
        let event = Event {
            type_: match kind {
                EventKind::Normal => EventType::Normal,
                EventKind::Warning => EventType::Warning,
            },
            reason: reason.to_owned(),
            note: note.get(..note.floor_char_boundary(LONGEST_NOTE)).map(str::to_owned),
            action: ACTION.to_owned(),
            secondary: None,
        };
        // A recorder that is kept counts an Event with another note as the same one, shows the first note, and remembers
        // every object for minutes.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        let object = about.name.as_deref().unwrap_or_default();
        match timeout(CALL_LIMIT, recorder.publish(&event, about)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let (Fault::Certificate(error) | Fault::Connection(error)) = transport::fault(&error);
                tracing::debug!(object, reason, error, "Event is not published");
            }
            Err(_elapsed) => tracing::debug!(object, reason, "Event is not published: no answer in time"),
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
