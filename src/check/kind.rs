//! What a document is, told by its content.

use crate::document::{Node, Value, known};
use crate::sources::keys::AWS_AUTH_KEYS;

/// What stands in a document, or in an item of a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'d> {
    /// The ConfigMap `aws-auth`, another with its keys, or its data alone.
    AwsAuth,
    /// The file of `dynamicBackendModePath`.
    BackendModeFile,
    /// The definition of `IAMIdentityMappings`.
    Definition,
    /// The file of `dynamicfilepath`.
    DynamicFile,
    /// An `IAMIdentityMapping`.
    IamIdentityMapping,
    /// A list of objects, and their kind if it tells one.
    List(Node<'d>, Option<&'d str>),
    /// A Kubernetes object of another kind.
    Object(&'d str),
    /// A config of the server, or nothing that looks like anything else.
    ServerConfig,
}

/// Name of the kind that the source `CRD` reads.
pub(super) const MAPPING_KIND: &str = "IAMIdentityMapping";
/// API group of that kind.
pub(super) const GROUP: &str = "iamauthenticator.k8s.aws";
const CONFIG_MAP: &str = "ConfigMap";
/// Keys that only a dynamic file has besides its mappings.
const DYNAMIC_KEYS: [&str; 3] = ["LastUpdatedDateTime", "ClusterId", "Version"];

/// The kind of a document.
pub(super) fn kind_of(root: Node<'_>) -> Kind<'_> {
    object(root, None).unwrap_or_else(|| file(root))
}

/// The kind of an item of a list whose items are `told` to be of a kind.
pub(super) fn kind_of_item<'d>(item: Node<'d>, told: Option<&'d str>) -> Kind<'d> {
    object(item, told).unwrap_or(Kind::Object("nothing"))
}

/// Whether one of the keys of a server config stands there.
pub(super) fn looks_like_config(root: Node<'_>) -> bool {
    ["clusterID", "server"].into_iter().any(|key| root.member(key).is_some())
}

/// A scalar's text under a key.
pub(super) fn text<'d>(node: Node<'d>, key: &str) -> Option<&'d str> {
    node.member(key).and_then(Node::scalar).map(|scalar| scalar.text)
}

fn object<'d>(node: Node<'d>, told: Option<&'d str>) -> Option<Kind<'d>> {
    let api_version = text(node, "apiVersion");
    let kind = match (text(node, "kind"), told) {
        (Some(kind), _) if api_version.is_some() || told.is_some() => kind,
        (_, Some(told)) => told,
        (Some(_) | None, None) => return None,
    };
    if let Some(Value::List(_)) = node.member("items").map(Node::value)
        && let Some(of) = kind.strip_suffix("List")
    {
        return node.member("items").map(|items| Kind::List(items, Some(of).filter(|of| !of.is_empty())));
    }
    let group = |wanted: &str| api_version.is_none_or(|version| version.split('/').next() == Some(wanted));
    Some(match kind {
        CONFIG_MAP if is_aws_auth(node) => Kind::AwsAuth,
        MAPPING_KIND if group(GROUP) => Kind::IamIdentityMapping,
        "CustomResourceDefinition" if defines_mappings(node) => Kind::Definition,
        other => Kind::Object(other),
    })
}

fn is_aws_auth(map: Node<'_>) -> bool {
    let name = map.member("metadata").and_then(|metadata| text(metadata, "name"));
    name == Some("aws-auth") || map.member("data").is_some_and(holds_mappings)
}

fn defines_mappings(definition: Node<'_>) -> bool {
    let names = definition.member("spec").and_then(|spec| spec.member("names"));
    let group = definition.member("spec").and_then(|spec| text(spec, "group"));
    group == Some(GROUP) && names.and_then(|names| text(names, "kind")) == Some(MAPPING_KIND)
}

fn holds_mappings(node: Node<'_>) -> bool {
    AWS_AUTH_KEYS.into_iter().any(|key| node.member(key).is_some())
}

/// A document that is no object of Kubernetes.
fn file(root: Node<'_>) -> Kind<'_> {
    let has = |key: &str| root.member(key).is_some();
    let is_text = |key: &str| root.member(key).and_then(Node::scalar).is_some_and(|scalar| !scalar.is_null());
    if looks_like_config(root) {
        return Kind::ServerConfig;
    }
    if ["clusters", "contexts", "users"].into_iter().any(has) {
        return Kind::Object("Config");
    }
    if root.member("data").is_some_and(holds_mappings) {
        return Kind::AwsAuth;
    }
    if has("backendMode") {
        return Kind::BackendModeFile;
    }
    if holds_mappings(root) {
        let is_data = AWS_AUTH_KEYS.into_iter().any(is_text) && !DYNAMIC_KEYS.into_iter().any(has);
        return if is_data { Kind::AwsAuth } else { Kind::DynamicFile };
    }
    let is_empty_dynamic_file = match root.value() {
        Value::Map(members) => {
            members.count_left() > 0 && members.into_iter().all(|member| known(&DYNAMIC_KEYS, member.key).is_some())
        }
        Value::List(_) | Value::Scalar(_) => false,
    };
    if is_empty_dynamic_file { Kind::DynamicFile } else { Kind::ServerConfig }
}
