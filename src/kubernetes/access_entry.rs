//! `accessentries.iam-bridge.dev`: an access entry as an object of the whole cluster.
//!
//! The comments on the members become the CRD's descriptions; `deploy/accessentry.yaml` is made of these types. What can
//! be judged without a clock is refused by the API server, with the rules that stand here; the server judges each
//! object again, since a rule may have come after the object.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rbac::AccessPolicy;

/// The API group of our kinds. Whoever ships them under another name changes it here, in the attribute below, which takes
/// a literal alone, and in the files of `deploy/`; a test holds them together.
pub const API_GROUP: &str = "iam-bridge.dev";

/// One IAM principal, the Kubernetes user it becomes, and the access policies it is given.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "iam-bridge.dev",
    version = "v1alpha1",
    kind = "AccessEntry",
    plural = "accessentries",
    singular = "accessentry",
    shortname = "iae",
    status = "AccessEntryStatus",
    doc = "Gives an AWS IAM role or user a Kubernetes user, groups and access policies.",
    printcolumn = r#"{"name": "principalArn", "type": "string", "jsonPath": ".spec.principalArn"}"#,
    printcolumn = r#"{"name": "type", "type": "string", "jsonPath": ".spec.type"}"#,
    printcolumn = r#"{"name": "Accepted", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Accepted\")].status"}"#,
    printcolumn = r#"{"name": "expiresAt", "type": "string", "format": "date-time", "jsonPath": ".spec.expiresAt"}"#,
    printcolumn = r#"{"name": "age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "message": "a node type needs a role ARN",
        "rule": "self.type == 'STANDARD' || self.principalArn.matches('^arn:[^:]+:iam::[0-9]{12}:role/')"
    },
    {
        "message": "username, kubernetesGroups and policyAssociations are only allowed with type STANDARD",
        "rule": "self.type == 'STANDARD' || (!has(self.username) && (!has(self.kubernetesGroups) || size(self.kubernetesGroups) == 0) && (!has(self.policyAssociations) || size(self.policyAssociations) == 0))"
    },
    {
        "message": "only a role has a session name",
        "rule": "!has(self.username) || !self.username.contains('{{SessionName') || self.principalArn.matches('^arn:[^:]+:iam::[0-9]{12}:role/')"
    },
    {
        "message": "principalId must be AROA... for a role, AIDA... for a user, the account id for root",
        "rule": "!has(self.principalId) || (self.principalArn.matches('^arn:[^:]+:iam::[0-9]{12}:role/') ? self.principalId.startsWith('AROA') : self.principalArn.matches('^arn:[^:]+:iam::[0-9]{12}:user/') ? self.principalId.startsWith('AIDA') : self.principalArn == 'arn:' + self.principalArn.split(':')[1] + ':iam::' + self.principalId + ':root')"
    },
    {
        "message": "notBefore must be earlier than expiresAt",
        "rule": "!has(self.notBefore) || !has(self.expiresAt) || timestamp(self.notBefore) < timestamp(self.expiresAt)"
    }
]))]
pub struct AccessEntrySpec {
    /// ARN of the IAM role or user, or of an account's root user. A role's path may stand in it and is not compared; case
    /// does not count in the name. Cannot be changed later.
    #[schemars(
        length(max = 700),
        extend(
            "pattern" = r"^arn:aws(-[a-z]+){0,3}:iam::[0-9]{12}:(root|(user|role)/([!-~]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64})$",
            "x-kubernetes-validations" = [
                {"rule": "self == oldSelf", "message": "principalArn is immutable"},
                {"rule": "!self.contains(':role/aws-service-role/')", "message": "service-linked roles cannot have an access entry"}
            ]
        )
    )]
    pub principal_arn: String,
    /// What the principal is: STANDARD for people and programs, else the kind of node. Username and groups of a node
    /// follow from it. Cannot be changed later.
    #[serde(rename = "type", default = "standard")]
    #[schemars(extend(
        "enum" = ["STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"],
        "x-kubernetes-validations" = [{"rule": "self == oldSelf", "message": "type is immutable"}]
    ))]
    pub entry_type: String,
    /// Name of the Kubernetes user. May hold `{{SessionName}}`, `{{SessionNameRaw}}`, `{{AccountID}}` and
    /// `{{AccessKeyID}}`; a colon must come before a session name. Without it the user is named by the ARN, a role's
    /// session included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "String",
        length(min = 1, max = 512),
        transform = without_default,
        extend(
            "pattern" = r"^([^{}\x00-\x1f\x7f]|\{\{(SessionName|SessionNameRaw|AccountID|AccessKeyID)\}\})+$",
            "x-kubernetes-validations" = [
                {
                    "rule": "!['system:', 'eks:', 'aws:', 'amazon:', 'iam:'].exists(p, self.startsWith(p))",
                    "message": "username must not start with system:, eks:, aws:, amazon: or iam:"
                },
                {
                    "rule": "!self.contains('{{SessionName') || (self.indexOf(':') >= 0 && self.indexOf(':') < self.indexOf('{{SessionName'))",
                    "message": "a colon must come before the session name"
                }
            ]
        )
    )]
    pub username: Option<String>,
    /// Groups of the Kubernetes user, each as it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        inner(length(min = 1, max = 253)),
        transform = group_names,
        transform = without_default,
        extend("x-kubernetes-list-type" = "set")
    )]
    pub kubernetes_groups: Vec<String>,
    /// Unique id that the principal must have: AROA… of a role, AIDA… of a user, the account id of root. A principal that
    /// was deleted and made again under the same name is then refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "String",
        length(max = 128),
        transform = without_default,
        extend("pattern" = "^((AROA|AIDA)[A-Z0-9]{12,124}|[0-9]{12})$")
    )]
    pub principal_id: Option<String>,
    /// The entry refuses its principal before this instant (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", transform = without_default, extend("format" = "date-time"))]
    pub not_before: Option<String>,
    /// The entry refuses its principal from this instant on (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", transform = without_default, extend("format" = "date-time"))]
    pub expires_at: Option<String>,
    /// Why the entry is there, for those who read logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 256), transform = without_default)]
    pub reason: Option<String>,
    /// Access policies that the principal is given, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        transform = without_default,
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["policy"])
    )]
    pub policy_associations: Vec<PolicyAssociation>,
}

/// An access policy and where it holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAssociation {
    /// Name of the policy.
    #[schemars(extend("enum" = AccessPolicy::ALL.map(AccessPolicy::as_str)))]
    pub policy: String,
    /// Where it holds.
    pub access_scope: AccessScopeSpec,
    /// The policy is no longer given from this instant on (RFC 3339); the entry stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", transform = without_default, extend("format" = "date-time"))]
    pub expires_at: Option<String>,
}

/// Where an access policy holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "self.type == 'namespace' ? (has(self.namespaces) && size(self.namespaces) > 0) : (!has(self.namespaces) || size(self.namespaces) == 0)",
    "message": "namespaces are required with type namespace and forbidden with type cluster"
}]))]
pub struct AccessScopeSpec {
    /// The whole cluster, or the namespaces below.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["cluster", "namespace"]))]
    pub scope_type: String,
    /// Names of namespaces. `*` stands for any run of characters, also none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?$")),
        transform = without_default,
        extend("x-kubernetes-list-type" = "set")
    )]
    pub namespaces: Vec<String>,
}

/// What the authenticator has made of the object, for people to read: nothing depends on it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessEntryStatus {
    /// `metadata.generation` of the spec that this tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", transform = without_default)]
    pub observed_generation: Option<i64>,
    /// Groups that access policies add to those of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = without_default)]
    pub groups: Vec<String>,
    /// `Accepted`: whether the entry is in force, and why not. `PoliciesReady`: whether the API server knows its access
    /// policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        transform = without_default,
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<AccessEntryCondition>,
}

/// One condition.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessEntryCondition {
    /// Which.
    #[serde(rename = "type")]
    pub condition_type: String,
    /// Whether it holds.
    #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
    pub status: String,
    /// `metadata.generation` of the spec that this tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", transform = without_default)]
    pub observed_generation: Option<i64>,
    /// When the status changed last.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, for people.
    #[serde(default)]
    #[schemars(transform = without_default)]
    pub message: String,
}

/// Keys of `spec`: an older CRD may lack some, and then the API server drops them from objects without a word.
pub(super) const ENTRY_KEYS: [&str; 10] = [
    "principalArn",
    "type",
    "username",
    "kubernetesGroups",
    "principalId",
    "notBefore",
    "expiresAt",
    "reason",
    "policyAssociations",
    "policyAssociations[].expiresAt",
];

fn standard() -> String {
    "STANDARD".to_owned()
}

/// The API server would write a schema's default into each object.
fn without_default(schema: &mut schemars::Schema) {
    schema.remove("default");
}

/// What each group must be: schemars has no word for rules of the API server.
fn group_names(schema: &mut schemars::Schema) {
    if let Some(items) = schema.get_mut("items").and_then(Value::as_object_mut) {
        items.insert("pattern".to_owned(), Value::from(r"^[^{}\x00-\x1f\x7f]+$"));
        let rule = format!("!['system:', '{API_GROUP}:'].exists(p, self.startsWith(p))");
        let message = format!("group must not start with system: or {API_GROUP}:");
        items.insert("x-kubernetes-validations".to_owned(), json!([{ "rule": rule, "message": message }]));
    }
}
