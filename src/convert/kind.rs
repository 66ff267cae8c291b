//! What a document is, told by its content.

use crate::document::{Node, Value};
use crate::sources::keys::{holds_mappings, is_aws_auth_data};

/// What stands in a document, or in an item of a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'d> {
    /// Access entries, ours or as EKS prints them.
    AccessEntries,
    /// An access entry of AWS Controllers for Kubernetes.
    Ack,
    /// The ConfigMap `aws-auth`, or its data.
    AwsAuth,
    /// A `RoleBinding` or `ClusterRoleBinding`.
    Binding,
    /// The file of `dynamicfilepath`.
    DynamicFile,
    /// The cluster config of eksctl.
    Eksctl,
    /// An `IAMIdentityMapping`.
    IamIdentityMapping,
    /// A list of objects, and their kind if it tells one.
    List(Node<'d>, Option<&'d str>),
    /// Nothing that is read; its kind, if it has one.
    Other(&'d str),
    /// A config of the server.
    ServerConfig,
}

/// Keys of what the AWS CLI prints of access entries.
const PRINTED_KEYS: [&str; 4] = ["accessEntry", "accessEntries", "associatedAccessPolicies", "principalArn"];

/// The kind of a document, or of an item of a list whose items are `told` to be of a kind.
pub(super) fn kind_of<'d>(node: Node<'d>, told: Option<&'d str>) -> Kind<'d> {
    let Some(kind) = node.text_of("kind").or(told) else { return file(node) };
    if let Some(items) = node.member("items")
        && matches!(items.value(), Value::List(_))
        && let Some(of) = kind.strip_suffix("List")
    {
        // Ours are read with the whole file, in lists too.
        return if of == "AccessEntry" {
            Kind::AccessEntries
        } else {
            Kind::List(items, Some(of).filter(|of| !of.is_empty()))
        };
    }
    let group = node.text_of("apiVersion").and_then(|version| version.split('/').next());
    match (kind, group) {
        ("ConfigMap", _) => Kind::AwsAuth,
        ("IAMIdentityMapping", _) => Kind::IamIdentityMapping,
        ("ClusterConfig", _) => Kind::Eksctl,
        ("AccessEntry", Some("eks.services.k8s.aws")) => Kind::Ack,
        ("AccessEntry", _) => Kind::AccessEntries,
        ("RoleBinding" | "ClusterRoleBinding", _) => Kind::Binding,
        (other, _) => Kind::Other(other),
    }
}

/// A document that is no object of Kubernetes.
fn file(root: Node<'_>) -> Kind<'_> {
    let has = |key: &str| root.member(key).is_some();
    let is_printed = |node: Node<'_>| PRINTED_KEYS.into_iter().any(|key| node.member(key).is_some());
    match root.value() {
        // Several outputs of the AWS CLI, as `jq -s .` gathers them.
        Value::List(items) if items.count_left() > 0 && items.clone().all(is_printed) => return Kind::AccessEntries,
        Value::List(_) | Value::Scalar(_) => return Kind::Other(""),
        Value::Map(_) => {}
    }
    if has("clusterID") || has("server") {
        Kind::ServerConfig
    } else if has("accessConfig") || has("iamIdentityMappings") {
        Kind::Eksctl
    } else if is_printed(root) {
        Kind::AccessEntries
    } else if root.member("data").is_some_and(holds_mappings) {
        Kind::AwsAuth
    } else if holds_mappings(root) {
        if is_aws_auth_data(root) { Kind::AwsAuth } else { Kind::DynamicFile }
    } else {
        Kind::Other("")
    }
}
