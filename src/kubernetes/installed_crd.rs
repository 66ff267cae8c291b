//! What an installed CRD keeps of our objects.
//!
//! A key that its schema lacks is dropped from objects by the API server: an entry then looks pinned, or limited in
//! time, and is not. Read from the published OpenAPI, which every account may read, and not from the CRD, which needs a right.

use http::Request;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{access_entry, iam_identity_mapping};

/// A kind whose CRD somebody may have installed in another form than ours.
#[derive(Clone, Copy, Debug)]
pub struct InstalledKind {
    /// Where the API server publishes the group's schema.
    schema: &'static str,
    kind: &'static str,
    /// Keys of `spec` that are ours. Behind `[]` stands a key of a list's items.
    keys: &'static [&'static str],
}

#[derive(Deserialize)]
struct OpenApi {
    #[serde(default)]
    components: Components,
}

#[derive(Default, Deserialize)]
struct Components {
    #[serde(default)]
    schemas: Map<String, Value>,
}

/// The keys of `spec` that the installed CRD drops; empty when it keeps all of them. `None` when the API server
/// publishes no schema of the kind: it does so a moment after the CRD was installed.
///
/// # Errors
/// The API server cannot be asked, or its answer is no OpenAPI.
pub async fn dropped_keys(
    client: &kube::Client,
    kind: InstalledKind,
) -> Result<Option<Vec<&'static str>>, kube::Error> {
    let request = Request::get(kind.schema).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let text = match client.request_text(request).await {
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
        answer => answer?,
    };
    let document: OpenApi = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
    let ends = format!(".{}", kind.kind);
    let described = document.components.schemas.iter().find(|(name, _)| name.ends_with(&ends));
    Ok(described.and_then(|(_, schema)| schema.pointer("/properties/spec")).map(|spec| kind.dropped_by(spec)))
}

/// As [`InstalledKind::dropped_by`], of IAMIdentityMappings.
#[must_use]
pub fn dropped_by(spec: &Value) -> Vec<&'static str> {
    InstalledKind::IAM_IDENTITY_MAPPING.dropped_by(spec)
}

impl InstalledKind {
    /// `AccessEntry`
    pub const ACCESS_ENTRY: Self = Self {
        schema: "/openapi/v3/apis/iam-bridge.dev/v1alpha1",
        kind: "AccessEntry",
        keys: &access_entry::ENTRY_KEYS,
    };
    /// IAMIdentityMapping
    pub const IAM_IDENTITY_MAPPING: Self = Self {
        schema: "/openapi/v3/apis/iamauthenticator.k8s.aws/v1alpha1",
        kind: "IAMIdentityMapping",
        keys: &iam_identity_mapping::OUR_KEYS,
    };

    /// The keys that a schema of `spec` does not have, and the API server so drops.
    #[must_use]
    pub fn dropped_by(self, spec: &Value) -> Vec<&'static str> {
        let keeps = |key: &str| {
            let mut schema = Some(spec);
            for name in key.split('.') {
                let Some(above) = schema else { return false };
                if keeps_unknown(above) {
                    return true;
                }
                let of_items = name.strip_suffix("[]");
                schema = above.pointer(&format!("/properties/{}", of_items.unwrap_or(name)));
                if of_items.is_some() {
                    schema = schema.and_then(|list| list.get("items"));
                }
            }
            schema.is_some()
        };
        self.keys.iter().copied().filter(|key| !keeps(key)).collect()
    }
}

fn keeps_unknown(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields").is_some_and(|keeps| *keeps == true)
}
