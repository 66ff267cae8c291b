//! The Kubernetes API as a client sees it.
//!
//! ```text
//! for a person: KubeconfigFiles ─context─▶ Context ─Client::new(+ token)─▶ /version, SelfSubjectReview, …RulesReview
//! for a server: ClusterAccess ─connect─▶ kube::Client ─▶ watch (list, then changes) · Events · Candidate (Lease)
//! ```
//!
//! A person's client has the one token it was given, whatever else the kubeconfig's user could prove itself with; a
//! server's has all of it.

mod access_entry;
mod access_entry_object;
mod aws_auth_map;
mod client;
mod cluster_access;
mod context;
mod events;
mod iam_identity_mapping;
mod installed_crd;
mod lean_object;
mod lease;
mod mapping_object;
mod namespaces;
mod pace;
mod rbac_objects;
mod token_file;
mod transport;
mod watch;

pub use access_entry::{
    API_GROUP, AccessEntry as AccessEntryManifest, AccessEntryCondition, AccessEntrySpec, AccessEntryStatus,
    AccessScopeSpec, PolicyAssociation,
};
pub use access_entry_object::{AccessEntryObject, AccessEntryParts, ShownStatus, SpecText};
pub use aws_auth_map::{AWS_AUTH, AwsAuthError, AwsAuthMap, AwsAuthObject, EditFault, IfMissing};
pub use client::{Client, KubernetesError, Permissions, Subject};
pub use cluster_access::{AccessError, ClusterAccess, connect, connect_person};
pub use context::{Context, ContextError, ExecEntry, KubeconfigFiles};
pub use events::{EventKind, Events};
pub use iam_identity_mapping::{IAMIdentityMapping, IamIdentityMappingSpec, IamIdentityMappingStatus};
pub use installed_crd::{InstalledKind, dropped_by, dropped_keys};
pub use lean_object::{LeanObject, LeanParts};
pub use lease::{Candidate, LeaseTerms};
pub use mapping_object::{
    MappingObject, MappingParts, MappingSpec, MappingStatus, SPEC_KEYS, SpecFault, list_mappings,
};
pub use namespaces::{NamespacesError, namespace_names};
pub use pace::Pace;
pub(crate) use pace::chance;
pub use rbac_objects::{ObjectFault, RbacObjects};
pub use watch::{WatchEvent, WatchFault, watch};
