//! One rule of a role, as Kubernetes spells it.

use serde::Serialize;

/// `rbac.authorization.k8s.io/v1` `PolicyRule`. Allows only; nothing in RBAC denies.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRule {
    /// `apiGroups`; the empty text is the core group, `*` all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// `resources`, subresources as `pods/log`; `*` all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// `resourceNames`; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// `nonResourceURLs`; a trailing `*` stands for any rest.
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
    /// `verbs`; `*` all.
    pub verbs: Vec<String>,
}
