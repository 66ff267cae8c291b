//! EKS as far as a kubeconfig needs it: `DescribeCluster` and `ListClusters`, for callers whose signature is good.

use http::request::Parts;
use iam_bridge::demo::sts::{Principal, Refusal};
use serde_json::{Value, json};

use super::services::{Reply, State};
use super::{ACCOUNT, REGION};

/// Clusters on a page of `ListClusters`.
const PAGE: usize = 2;

/// A cluster as EKS describes it.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    /// `CREATING`, `ACTIVE`, `UPDATING`, `DELETING`, `FAILED`, `PENDING`.
    pub(crate) status: &'static str,
    /// URL of the API server; absent while it is created.
    pub(crate) endpoint: Option<String>,
    /// PEM of the API server's CA; absent while it is created.
    pub(crate) ca_pem: Option<String>,
    /// The id of a local cluster on Outposts.
    pub(crate) local_id: Option<String>,
}

impl Cluster {
    /// An active one.
    pub(crate) fn active(name: &str, endpoint: &str, ca_pem: &str) -> Self {
        Self {
            name: name.to_owned(),
            status: "ACTIVE",
            endpoint: Some(endpoint.to_owned()),
            ca_pem: Some(ca_pem.to_owned()),
            local_id: None,
        }
    }

    /// One that is not ready yet.
    pub(crate) fn creating(name: &str) -> Self {
        Self { name: name.to_owned(), status: "CREATING", endpoint: None, ca_pem: None, local_id: None }
    }

    fn arn(&self) -> String {
        format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{}", self.name)
    }

    fn describe(&self) -> Value {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        let mut cluster = json!({
            "name": self.name,
            "arn": self.arn(),
            "createdAt": 1_700_000_000.0,
            "version": "1.33",
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/eks"),
            "status": self.status,
            "certificateAuthority": {},
            "platformVersion": "eks.1",
            "tags": {},
        });
        if let Some(endpoint) = &self.endpoint {
            cluster["endpoint"] = json!(endpoint);
        }
        if let Some(pem) = &self.ca_pem {
            cluster["certificateAuthority"] = json!({"data": STANDARD.encode(pem)});
        }
        if let Some(id) = &self.local_id {
            cluster["id"] = json!(id);
        }
        cluster
    }
}

pub(super) fn describe(state: &State, parts: &Parts, body: &[u8]) -> Reply {
    let name = parts.uri.path().strip_prefix("/clusters/").unwrap_or_default();
    let resource = format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}");
    if let Err(refusal) = allowed(state, parts, body, "DescribeCluster", &resource) {
        return refusal;
    }
    match state.edit(|facts| facts.clusters.iter().find(|cluster| cluster.name == name).map(Cluster::describe)) {
        Some(cluster) => Reply::json(&json!({"cluster": cluster})),
        None => Reply::refused(
            404,
            "ResourceNotFoundException",
            &json!({
                "clusterName": null, "nodegroupName": null, "fargateProfileName": null, "addonName": null,
                "message": format!("No cluster found for name: {name}."),
            }),
        ),
    }
}

/// Names in order, [`PAGE`] at a time; the token of the next page is its first index.
pub(super) fn list(state: &State, parts: &Parts, body: &[u8]) -> Reply {
    let resource = format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/*");
    if let Err(refusal) = allowed(state, parts, body, "ListClusters", &resource) {
        return refusal;
    }
    let query = parts.uri.query().unwrap_or_default();
    let start = query.split('&').find_map(|pair| pair.strip_prefix("nextToken=")).and_then(|text| text.parse().ok());
    let start: usize = start.unwrap_or_default();
    let mut names = state.edit(|facts| facts.clusters.iter().map(|cluster| cluster.name.clone()).collect::<Vec<_>>());
    names.sort();
    let next = (names.len() > start + PAGE).then(|| (start + PAGE).to_string());
    let page: Vec<String> = names.into_iter().skip(start).take(PAGE).collect();
    Reply::json(&json!({"clusters": page, "nextToken": next}))
}

fn allowed(state: &State, parts: &Parts, body: &[u8], action: &str, resource: &str) -> Result<Principal, Reply> {
    let principal = state.sts.signer("eks", parts, body).map_err(unsigned)?;
    if state.edit(|facts| facts.denied_eks.contains(&principal.arn)) {
        let message =
            format!("User: {} is not authorized to perform: eks:{action} on resource: {resource}", principal.arn);
        return Err(Reply::refused(403, "AccessDeniedException", &json!({"message": message})));
    }
    Ok(principal)
}

/// EKS has its own codes for what STS calls otherwise.
pub(super) fn unsigned(refusal: Refusal) -> Reply {
    let (status, code) = match refusal {
        Refusal::ExpiredToken => (403, "ExpiredTokenException"),
        Refusal::InvalidClientTokenId => (403, "UnrecognizedClientException"),
        Refusal::MissingAuthentication => (403, "MissingAuthenticationTokenException"),
        Refusal::SignatureDoesNotMatch | Refusal::SignatureExpired | Refusal::SignatureNotYetCurrent => {
            (403, "InvalidSignatureException")
        }
        Refusal::IncompleteSignature | Refusal::InvalidAction | Refusal::MissingParameter | Refusal::Throttling => {
            (400, "IncompleteSignatureException")
        }
    };
    Reply::refused(status, code, &json!({"message": refusal.to_string()}))
}
