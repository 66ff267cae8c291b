//! `iamidentitymappings.iamauthenticator.k8s.aws`, as the reference defines it, with our optional keys.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One principal and the user it becomes.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "iamauthenticator.k8s.aws",
    version = "v1alpha1",
    kind = "IAMIdentityMapping",
    plural = "iamidentitymappings",
    singular = "iamidentitymapping",
    category = "all",
    status = "IamIdentityMappingStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct IamIdentityMappingSpec {
    /// ARN of the role or user.
    pub arn: String,
    /// Username template.
    pub username: String,
    /// Group templates.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Unique id that the principal must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userid: Option<String>,
    /// Not before this instant, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Not from this instant on, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Why it is there; carried to logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What one of us has made of an object; information only.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IamIdentityMappingStatus {
    /// Canonical form of `spec.arn`.
    #[serde(default, rename = "canonicalARN", skip_serializing_if = "Option::is_none")]
    pub canonical_arn: Option<String>,
    /// Never written.
    #[serde(default, rename = "userID", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}
