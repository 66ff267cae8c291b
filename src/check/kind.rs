//! What a document is, told by its content.

use crate::document::{Node, Value, known};
use crate::rbac::AccessPolicy;
use crate::sources::keys::{DYNAMIC_KEYS, holds_mappings, is_aws_auth_data};

/// What stands in a document, or in an item of a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'d> {
    /// An `AccessEntry`.
    AccessEntry,
    /// The ConfigMap `aws-auth`, another with its keys, or its data alone.
    AwsAuth,
    /// The file of `dynamicBackendModePath`.
    BackendModeFile,
    /// The definition of `IAMIdentityMappings`.
    Definition,
    /// The file of `dynamicfilepath`.
    DynamicFile,
    /// What the AWS CLI prints of access entries.
    EksAccessEntry,
    /// An `IAMIdentityMapping`.
    IamIdentityMapping,
    /// A list of objects, and their kind if it tells one.
    List(Node<'d>, Option<&'d str>),
    /// A Kubernetes object of another kind.
    Object(&'d str),
    /// A ClusterRole of an access policy.
    PolicyRole(AccessPolicy),
    /// A config of the server, or nothing that looks like anything else.
    ServerConfig,
}

/// Name of the kind that the source `CRD` reads.
pub(super) const MAPPING_KIND: &str = "IAMIdentityMapping";
/// API group of that kind.
pub(super) const GROUP: &str = "iamauthenticator.k8s.aws";
/// Name of the kind that the source `AccessEntry` reads.
pub(super) const ENTRY_KIND: &str = "AccessEntry";
/// API group of that kind; others have a kind of this name too.
const ENTRY_GROUP: &str = "iam-bridge.dev";
const CONFIG_MAP: &str = "ConfigMap";

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

fn object<'d>(node: Node<'d>, told: Option<&'d str>) -> Option<Kind<'d>> {
    let api_version = node.text_of("apiVersion");
    let kind = match (node.text_of("kind"), told) {
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
        ENTRY_KIND if group(ENTRY_GROUP) => Kind::AccessEntry,
        "ClusterRole" if policy_of(node).is_some() => policy_of(node).map_or(Kind::Object(kind), Kind::PolicyRole),
        "CustomResourceDefinition" if defines_mappings(node) => Kind::Definition,
        other => Kind::Object(other),
    })
}

fn is_aws_auth(map: Node<'_>) -> bool {
    let name = map.member("metadata").and_then(|metadata| metadata.text_of("name"));
    name == Some("aws-auth") || map.member("data").is_some_and(holds_mappings)
}

fn policy_of(role: Node<'_>) -> Option<AccessPolicy> {
    let name = role.member("metadata").and_then(|metadata| metadata.text_of("name"))?;
    AccessPolicy::ALL.into_iter().find(|policy| policy.object_name() == name)
}

/// What `describe-access-entry` and `list-associated-access-policies` print, or several of them in a list.
fn is_printed(root: Node<'_>) -> bool {
    let has = |key: &str| root.member(key).is_some();
    match root.value() {
        Value::List(mut items) => {
            items.next().is_some_and(|first| matches!(first.value(), Value::Map(_)) && is_printed(first))
        }
        Value::Map(_) => {
            ["accessEntry", "accessEntries", "associatedAccessPolicies"].into_iter().any(has)
                || has("principalArn") && (has("accessEntryArn") || has("clusterName"))
        }
        Value::Scalar(_) => false,
    }
}

fn defines_mappings(definition: Node<'_>) -> bool {
    let names = definition.member("spec").and_then(|spec| spec.member("names"));
    let group = definition.member("spec").and_then(|spec| spec.text_of("group"));
    group == Some(GROUP) && names.and_then(|names| names.text_of("kind")) == Some(MAPPING_KIND)
}

/// A document that is no object of Kubernetes.
fn file(root: Node<'_>) -> Kind<'_> {
    let has = |key: &str| root.member(key).is_some();
    if looks_like_config(root) {
        return Kind::ServerConfig;
    }
    if is_printed(root) {
        return Kind::EksAccessEntry;
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
        return if is_aws_auth_data(root) { Kind::AwsAuth } else { Kind::DynamicFile };
    }
    let is_empty_dynamic_file = match root.value() {
        Value::Map(members) => {
            members.count_left() > 0 && members.into_iter().all(|member| known(&DYNAMIC_KEYS, member.key).is_some())
        }
        Value::List(_) | Value::Scalar(_) => false,
    };
    if is_empty_dynamic_file { Kind::DynamicFile } else { Kind::ServerConfig }
}
