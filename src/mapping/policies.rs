//! What is known of access policies beside the entries that give them.

use std::collections::BTreeMap;

use crate::rbac::AccessPolicy;

/// `server.accessPolicies.mode`: how access policies reach the API server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AccessPolicyMode {
    /// As RBAC: a group in the answer, bound to a `ClusterRole`.
    #[default]
    Rbac,
    /// Not at all.
    Off,
}

/// Which of entries and aws-auth count: `server.authenticationMode`, or what the mirrored EKS cluster says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AuthenticationMode {
    /// Entries alone: aws-auth is not asked.
    Api,
    /// Both, in the order of `backendMode`.
    #[default]
    ApiAndConfigMap,
    /// aws-auth alone: entries are not asked.
    ConfigMap,
}

/// How the RBAC objects of access policies stand; for statuses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PolicyReadiness {
    /// With mode `off` nothing is looked at or written, and no group is sent.
    pub mode: AccessPolicyMode,
    /// With `namespaceScope: false` nothing is looked at or written either: the objects come from elsewhere.
    pub elsewhere: bool,
    /// By policy. A policy that is not here has not been looked at yet.
    pub states: BTreeMap<AccessPolicy, PolicyState>,
}

/// How the objects of one policy stand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PolicyState {
    /// Its `ClusterRole` is there, and every `RoleBinding` that is wanted.
    Bound,
    /// In these namespaces (or, for a name without one, in the cluster) an object that is not ours bears our name.
    NameTaken(Vec<String>),
    /// Not yet, and why.
    Pending(String),
}

impl AuthenticationMode {
    /// Its word at EKS.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::ApiAndConfigMap => "API_AND_CONFIG_MAP",
            Self::ConfigMap => "CONFIG_MAP",
        }
    }

    /// Whether a source is asked under it. Sources that EKS does not have always are.
    #[must_use]
    pub const fn asks(self, source: super::SourceKind) -> bool {
        use super::SourceKind as Kind;
        match source {
            Kind::AccessEntry | Kind::AccessEntryFile | Kind::EksAccessEntries => !matches!(self, Self::ConfigMap),
            Kind::EksConfigMap => !matches!(self, Self::Api),
            Kind::Crd | Kind::DynamicFile | Kind::MountedFile => true,
        }
    }
}
