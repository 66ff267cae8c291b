//! What a document is, told by its content.

use crate::document::{Node, Value};
use crate::sources::keys::AWS_AUTH_KEYS;

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

/// Keys that only a dynamic file has besides its mappings.
const DYNAMIC_KEYS: [&str; 3] = ["LastUpdatedDateTime", "ClusterId", "Version"];
/// Keys of what the AWS CLI prints of access entries.
const PRINTED_KEYS: [&str; 4] = ["accessEntry", "accessEntries", "associatedAccessPolicies", "principalArn"];

/// The kind of a document, or of an item of a list whose items are `told` to be of a kind.
pub(super) fn kind_of<'d>(node: Node<'d>, told: Option<&'d str>) -> Kind<'d> {
    let Some(kind) = text(node, "kind").or(told) else { return file(node) };
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
    let group = text(node, "apiVersion").and_then(|version| version.split('/').next());
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

/// A scalar's text under a key.
pub(super) fn text<'d>(node: Node<'d>, key: &str) -> Option<&'d str> {
    node.member(key).and_then(Node::scalar).map(|scalar| scalar.text)
}

/// A document that is no object of Kubernetes.
fn file(root: Node<'_>) -> Kind<'_> {
    let has = |key: &str| root.member(key).is_some();
    let holds_mappings = |node: Node<'_>| AWS_AUTH_KEYS.into_iter().any(|key| node.member(key).is_some());
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
        let is_text = |key: &str| root.member(key).and_then(Node::scalar).is_some_and(|scalar| !scalar.is_null());
        let is_data = AWS_AUTH_KEYS.into_iter().any(is_text) && !DYNAMIC_KEYS.into_iter().any(has);
        if is_data { Kind::AwsAuth } else { Kind::DynamicFile }
    } else {
        Kind::Other("")
    }
}
