//! Which objects a list or a watch asks for, and how they are shown.

use serde_json::{Value, json};

/// Of `fieldSelector` and `labelSelector`, as far as tests need them.
#[derive(Clone, Default)]
pub(super) struct Selector {
    /// `metadata.name=NAME`
    pub(super) name: Option<String>,
    /// `KEY=VALUE`, or `KEY` alone
    pub(super) labels: Vec<(String, Option<String>)>,
    /// `as=PartialObjectMetadata` in `Accept`: nothing but the metadata is sent.
    pub(super) metadata_only: bool,
}

impl Selector {
    pub(super) fn new(fields: Option<&str>, labels: Option<&str>, accept: &str) -> Self {
        let label = |one: &str| match one.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.trim_start_matches('=').to_owned())),
            None => (one.to_owned(), None),
        };
        Self {
            name: fields.and_then(|fields| Some(fields.strip_prefix("metadata.name=")?.to_owned())),
            labels: labels.unwrap_or_default().split(',').filter(|one| !one.is_empty()).map(label).collect(),
            metadata_only: accept.contains("as=PartialObjectMetadata"),
        }
    }

    pub(super) fn wants(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let has = |(key, value): &(String, Option<String>)| match (&metadata["labels"][key], value) {
            (Value::String(there), Some(value)) => there == value,
            (there, None) => there.is_string(),
            _ => false,
        };
        self.name.as_ref().is_none_or(|name| metadata["name"] == name.as_str()) && self.labels.iter().all(has)
    }

    pub(super) fn shown(&self, object: &Value) -> Value {
        if self.metadata_only {
            json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
            })
        } else {
            object.clone()
        }
    }
}
