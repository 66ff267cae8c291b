//! Whether the installed CRD keeps our keys: where it does not, an object looks pinned or limited in time and is not.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::Terms;
use crate::kubernetes::dropped_keys;
use crate::telemetry::Metrics;

/// For the answer.
const LIMIT: Duration = Duration::from_secs(10);
/// From one look to the next where all is well, besides those after each list.
const SELDOM: Duration = Duration::from_secs(300);
/// Where it is not, or cannot be seen: the schema appears a moment after the CRD.
const SOON: Duration = Duration::from_secs(10);

/// Looks after every list, which `listed` tells, and now and then. Tells what changed. Never ends.
pub(super) async fn follow(
    client: &kube::Client,
    source: &'static str,
    terms: &Terms,
    listed: &Notify,
    metrics: &Arc<Metrics>,
) {
    // What a source that ended found is not true for ever.
    let gauge = Gauge(Arc::clone(metrics), source);
    let mut told: Vec<&'static str> = Vec::new();
    listed.notified().await;
    loop {
        let dropped = match timeout(LIMIT, dropped_keys(client, terms.installed)).await {
            Ok(Ok(dropped)) => dropped,
            Ok(Err(error)) => {
                tracing::debug!(mapping.source = source, error = %error, "the schema of the installed CRD cannot be read");
                None
            }
            Err(_elapsed) => None,
        };
        if let Some(dropped) = &dropped
            && *dropped != told
        {
            gauge.0.crd_schema_incomplete(source, !dropped.is_empty());
            if dropped.is_empty() {
                tracing::info!(mapping.source = source, "the installed CustomResourceDefinition keeps all keys now");
            } else {
                tracing::warn!(
                    mapping.source = source,
                    keys = %dropped.join(","),
                    "the installed CustomResourceDefinition drops these keys from {} objects without a word, so that \
                     {}; apply {}",
                    terms.kind,
                    terms.lost,
                    terms.manifest
                );
            }
            told.clone_from(dropped);
        }
        let pause = if dropped.is_some_and(|dropped| dropped.is_empty()) { SELDOM } else { SOON };
        let _sooner = timeout(pause, listed.notified()).await;
    }
}

struct Gauge(Arc<Metrics>, &'static str);

impl Drop for Gauge {
    fn drop(&mut self) {
        self.0.crd_schema_incomplete(self.1, false);
    }
}
