//! RoleBindings, written by server-side apply and deleted under conditions; ClusterRoles and their bindings, read.
//!
//! What is there already is overwritten or deleted only as it was seen, by uid and version: whoever was faster is not
//! run over.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Resource, ResourceExt as _};
use tokio::time::timeout;

use super::transport::{self, Fault};

/// Under which the fields that are written are managed.
const FIELD_MANAGER: &str = "iam-bridge";
/// For the answer to one call.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Longest message of the server that is passed on, characters.
const LONGEST_MESSAGE: usize = 400;

/// The objects at one API server.
#[derive(Clone)]
pub struct RbacObjects {
    client: kube::Client,
}

/// Why an object is not read or written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ObjectFault {
    /// No connection, no answer, too many requests, or a fault of the server.
    #[error("{0}")]
    Away(String),
    /// It is not as it was seen (409).
    #[error("{0}")]
    Conflict(String),
    /// There is no such object, or no such namespace (404).
    #[error("{0}")]
    Gone(String),
    /// The server does not take this one (400, 413, 422).
    #[error("{0}")]
    Invalid(String),
    /// The right is missing (401, 403).
    #[error("{0}")]
    Refused(String),
    /// The namespace is being deleted.
    #[error("{0}")]
    Terminating(String),
}

impl RbacObjects {
    /// At the API server of `client`.
    #[must_use]
    pub const fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// A RoleBinding.
    ///
    /// # Errors
    /// [`ObjectFault`]; `None` when it, or its namespace, is not there.
    pub async fn role_binding(&self, namespace: &str, name: &str) -> Result<Option<RoleBinding>, ObjectFault> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), namespace);
        answered("get", &api, name, api.get_opt(name)).await
    }

    /// A ClusterRole.
    ///
    /// # Errors
    /// [`ObjectFault`]; `None` when it is not there.
    pub async fn cluster_role(&self, name: &str) -> Result<Option<ClusterRole>, ObjectFault> {
        let api: Api<ClusterRole> = Api::all(self.client.clone());
        answered("get", &api, name, api.get_opt(name)).await
    }

    /// A ClusterRoleBinding.
    ///
    /// # Errors
    /// [`ObjectFault`]; `None` when it is not there.
    pub async fn cluster_role_binding(&self, name: &str) -> Result<Option<ClusterRoleBinding>, ObjectFault> {
        let api: Api<ClusterRoleBinding> = Api::all(self.client.clone());
        answered("get", &api, name, api.get_opt(name)).await
    }

    /// Makes a RoleBinding; takes no field of another manager.
    ///
    /// # Errors
    /// [`ObjectFault`]; `Conflict` when another has made it otherwise meanwhile.
    pub async fn create(&self, wanted: &RoleBinding) -> Result<RoleBinding, ObjectFault> {
        self.apply(wanted, false).await
    }

    /// Gives a RoleBinding that was seen as `there` the wanted content, whoever manages its fields.
    ///
    /// # Errors
    /// [`ObjectFault`]; `Conflict` when it has changed since.
    pub async fn overwrite(&self, there: &RoleBinding, wanted: &RoleBinding) -> Result<RoleBinding, ObjectFault> {
        let mut wanted = wanted.clone();
        wanted.metadata.uid.clone_from(&there.metadata.uid);
        wanted.metadata.resource_version.clone_from(&there.metadata.resource_version);
        self.apply(&wanted, true).await
    }

    /// Deletes a RoleBinding as it was seen.
    ///
    /// # Errors
    /// [`ObjectFault`]; `Conflict` when it has changed since.
    pub async fn delete(&self, there: &RoleBinding) -> Result<(), ObjectFault> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), &there.namespace().unwrap_or_default());
        let (uid, resource_version) = (there.metadata.uid.clone(), there.metadata.resource_version.clone());
        let conditions = Preconditions { resource_version, uid };
        let params = DeleteParams { preconditions: Some(conditions), ..DeleteParams::default() };
        let name = there.name_any();
        answered("delete", &api, &name, api.delete(&name, &params)).await.map(drop)
    }

    async fn apply(&self, wanted: &RoleBinding, force: bool) -> Result<RoleBinding, ObjectFault> {
        let api: Api<RoleBinding> = Api::namespaced(self.client.clone(), &wanted.namespace().unwrap_or_default());
        let params = PatchParams { force, ..PatchParams::apply(FIELD_MANAGER) };
        let name = wanted.name_any();
        answered("patch", &api, &name, api.patch(&name, &params, &Patch::Apply(wanted))).await
    }
}

impl std::fmt::Debug for RbacObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RbacObjects")
    }
}

async fn answered<K: Resource<DynamicType = ()>, T>(
    verb: &'static str,
    api: &Api<K>,
    name: &str,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, ObjectFault> {
    let place = || {
        let plural = K::plural(&());
        let mut segments = api.resource_url().rsplit('/').skip(1);
        match (segments.next(), segments.next()) {
            (Some(namespace), Some("namespaces")) => format!("{plural} `{name}` in `{namespace}`"),
            _ => format!("{plural} `{name}`"),
        }
    };
    match timeout(CALL_LIMIT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Err(_elapsed) => {
            Err(ObjectFault::Away(format!("the API server has not answered within {} s", CALL_LIMIT.as_secs())))
        }
        Ok(Err(kube::Error::Api(status))) => {
            let said = if status.message.is_empty() { &status.reason } else { &status.message };
            let words: String =
                said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_MESSAGE).collect();
            let mut causes = status.details.iter().flat_map(|details| &details.causes);
            let (code, place) = (status.code, place());
            Err(match code {
                403 if causes.any(|cause| cause.reason == "NamespaceTerminating") => ObjectFault::Terminating(words),
                401 => ObjectFault::Refused(format!("the API server does not know us (401): {words}")),
                403 => ObjectFault::Refused(format!(
                    "the API server refuses us the right to {verb} {place} (403): {words}; apply deploy/rbac-accesspolicies.yaml"
                )),
                404 => ObjectFault::Gone(words),
                409 => ObjectFault::Conflict(words),
                400 | 413 | 422 => {
                    ObjectFault::Invalid(format!("the API server does not take {place} ({code}): {words}"))
                }
                _ => ObjectFault::Away(format!("the API server does not {verb} {place} ({code}): {words}")),
            })
        }
        Ok(Err(error)) => Err(ObjectFault::Away(match transport::fault(&error) {
            Fault::Certificate(why) => format!("the API server cannot be trusted: {why}"),
            Fault::Connection(why) => format!("the API server cannot be reached: {why}"),
        })),
    }
}
