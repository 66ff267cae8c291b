//! What the installed CRD of IAMIdentityMappings keeps of our objects.
//!
//! A key that its schema lacks is dropped from objects by the API server: a mapping then looks pinned, or limited in
//! time, and is not. Read from the published OpenAPI, which every account may read, and not from the CRD, which needs a right.

use http::Request;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::iam_identity_mapping::OUR_KEYS;

/// Where the API server publishes the group's schema.
const SCHEMA: &str = "/openapi/v3/apis/iamauthenticator.k8s.aws/v1alpha1";

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
pub async fn dropped_keys(client: &kube::Client) -> Result<Option<Vec<&'static str>>, kube::Error> {
    let request = Request::get(SCHEMA).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let text = match client.request_text(request).await {
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
        answer => answer?,
    };
    let document: OpenApi = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
    let kind = document.components.schemas.iter().find(|(name, _)| name.ends_with(".IAMIdentityMapping"));
    Ok(kind.and_then(|(_, schema)| schema.pointer("/properties/spec")).map(dropped_by))
}

/// The keys that a schema of `spec` does not have, and the API server so drops.
#[must_use]
pub fn dropped_by(spec: &Value) -> Vec<&'static str> {
    let keeps_unknown = spec.get("x-kubernetes-preserve-unknown-fields").is_some_and(|keeps| *keeps == true);
    let keeps = |key: &str| keeps_unknown || spec.pointer(&format!("/properties/{key}")).is_some();
    OUR_KEYS.into_iter().filter(|key| !keeps(key)).collect()
}
