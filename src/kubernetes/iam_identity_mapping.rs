//! `iamidentitymappings.iamauthenticator.k8s.aws`, as the reference defines it, with our optional keys.
//!
//! The comments on the members become the CRD's descriptions; `deploy/iamidentitymapping.yaml` is made of these types.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// One principal and the user it becomes.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "iamauthenticator.k8s.aws",
    version = "v1alpha1",
    kind = "IAMIdentityMapping",
    plural = "iamidentitymappings",
    singular = "iamidentitymapping",
    category = "all",
    status = "IamIdentityMappingStatus",
    doc = "Maps an AWS IAM role or user to a Kubernetes user and groups.",
    printcolumn = r#"{"name": "ARN", "type": "string", "jsonPath": ".spec.arn"}"#,
    printcolumn = r#"{"name": "Username", "type": "string", "jsonPath": ".spec.username"}"#,
    printcolumn = r#"{"name": "Groups", "type": "string", "jsonPath": ".spec.groups", "priority": 1}"#,
    printcolumn = r#"{"name": "Until", "type": "string", "jsonPath": ".spec.notAfter", "priority": 1}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct IamIdentityMappingSpec {
    /// ARN of the role or user, without the role's path. Case does not count.
    pub arn: String,
    /// Name of the Kubernetes user. May hold `{{AccountID}}`, `{{SessionName}}`, `{{SessionNameRaw}}`, `{{AccessKeyID}}`
    /// and `{{EC2PrivateDNSName}}`.
    pub username: String,
    /// Groups of the Kubernetes user. May hold the placeholders of username.
    #[serde(default, deserialize_with = "null_is_empty")]
    #[schemars(with = "Option<Vec<String>>", transform = without_default)]
    pub groups: Vec<String>,
    /// Unique id that the principal must have, such as AROA… or AIDA…: a principal that was deleted and made again
    /// under the same name is then refused. Must not be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), transform = without_default)]
    pub userid: Option<String>,
    /// The mapping is not in force before this instant (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"), transform = without_default)]
    pub not_before: Option<String>,
    /// The mapping is no longer in force from this instant on (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"), transform = without_default)]
    pub not_after: Option<String>,
    /// Why the mapping is there, for those who read logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = without_default)]
    pub reason: Option<String>,
}

/// What the authenticator has made of the object, for people to read: nothing depends on it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IamIdentityMappingStatus {
    /// Canonical form of spec.arn, which callers are compared with. Absent when spec.arn is not the ARN of a principal.
    #[serde(default, rename = "canonicalARN", skip_serializing_if = "Option::is_none")]
    #[schemars(transform = without_default)]
    pub canonical_arn: Option<String>,
    /// Not written; part of the type for compatibility.
    #[serde(default, rename = "userID", skip_serializing_if = "Option::is_none")]
    #[schemars(transform = without_default)]
    pub user_id: Option<String>,
}

/// Keys of `spec` that the reference's CRD does not have: where it is the one installed, the API server drops them from
/// objects without a word.
pub(super) const OUR_KEYS: [&str; 4] = ["userid", "notBefore", "notAfter", "reason"];

/// The API server would write a schema's default into each object.
fn without_default(schema: &mut schemars::Schema) {
    schema.remove("default");
}

fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
