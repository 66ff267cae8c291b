//! What the API server says: whether it answers, who it takes us for, what we may do there.
//!
//! Answers are read as JSON by hand where versions differ, up to a size, and never repeated in an error beyond the
//! server's own message.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Context;
use super::transport::{self, Fault};

/// A whole call, connecting included.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Largest answer that is read, bytes: the rules of an administrator of a big cluster take a few hundred KB.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Longest message of the server that is passed on, characters.
const LONGEST_MESSAGE: usize = 300;

/// Speaks to the API server of a context, with one token or as nobody.
#[derive(Clone)]
pub struct Client {
    kube: kube::Client,
    server: String,
}

/// Who the API server says the token belongs to: `SelfSubjectReview`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Subject {
    /// User name.
    pub username: String,
    /// Unique id, if there is one.
    pub uid: Option<String>,
    /// Groups, `system:authenticated` among them.
    pub groups: Vec<String>,
    /// What else the webhook said.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// How much one may do in a namespace: `SelfSubjectRulesReview`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Permissions {
    /// Rules over resources, those that let anybody ask about themselves left out.
    pub rules: usize,
    /// Whether an authorizer did not tell its rules.
    pub incomplete: bool,
}

/// Why the API server does not say.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// The context cannot be turned into a client.
    #[error("cluster `{cluster}` of the kubeconfig cannot be used: {why}")]
    Unusable {
        /// The cluster entry.
        cluster: String,
        /// Why.
        why: String,
    },
    /// No connection, or no answer.
    #[error("API server `{server}` cannot be reached: {why}")]
    Unreachable {
        /// Its URL.
        server: String,
        /// Why.
        why: String,
    },
    /// Its certificate is not believed.
    #[error("API server `{server}` cannot be trusted: {why}")]
    Untrusted {
        /// Its URL.
        server: String,
        /// Why.
        why: String,
    },
    /// 401.
    #[error("API server `{server}` does not accept the token (401)")]
    Unauthorized {
        /// Its URL.
        server: String,
    },
    /// Another answer.
    #[error("API server `{server}` answers {status}: {why}")]
    Refused {
        /// Its URL.
        server: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

#[derive(Deserialize)]
struct Review<S> {
    status: S,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubjectStatus {
    user_info: Subject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RulesStatus {
    #[serde(default)]
    resource_rules: Vec<ResourceRule>,
    #[serde(default)]
    incomplete: bool,
}

#[derive(Deserialize)]
struct ResourceRule {
    #[serde(default)]
    resources: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
}

impl Client {
    /// For the cluster of `context`, as `token`'s owner or as nobody. To be called within a runtime.
    ///
    /// # Errors
    /// [`KubernetesError::Unusable`].
    pub fn new(context: &Context, token: Option<&SecretString>) -> Result<Self, KubernetesError> {
        let (kube, server) = transport::client(context, token)
            .map_err(|why| KubernetesError::Unusable { cluster: context.cluster.name.clone(), why })?;
        Ok(Self { kube, server })
    }

    /// URL of the server, without credentials.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Whether it answers at all, and its version if it tells that to us.
    ///
    /// # Errors
    /// [`KubernetesError`]; 401 and 403 are answers.
    pub async fn version(&self) -> Result<Option<String>, KubernetesError> {
        let (status, body) = self.call(Method::GET, "/version", Vec::new()).await?;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
            _ => self.parsed::<Version>(status, &body).map(|version| Some(version.git_version)),
        }
    }

    /// Who the API server takes us for.
    ///
    /// # Errors
    /// [`KubernetesError`]; `Refused` with 404 from servers before 1.27.
    pub async fn review_self(&self) -> Result<Subject, KubernetesError> {
        let mut version = "v1";
        loop {
            let question = format!(r#"{{"apiVersion":"authentication.k8s.io/{version}","kind":"SelfSubjectReview"}}"#);
            let path = format!("/apis/authentication.k8s.io/{version}/selfsubjectreviews");
            let (status, body) = self.call(Method::POST, &path, question.into_bytes()).await?;
            if status == StatusCode::NOT_FOUND && version == "v1" {
                version = "v1beta1";
                continue;
            }
            return self.parsed::<Review<SubjectStatus>>(status, &body).map(|review| review.status.user_info);
        }
    }

    /// How much we may do in `namespace`.
    ///
    /// # Errors
    /// [`KubernetesError`].
    pub async fn review_rules(&self, namespace: &str) -> Result<Permissions, KubernetesError> {
        let question = serde_json::json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
        let (status, body) = self.call(Method::POST, path, question.to_string().into_bytes()).await?;
        let RulesStatus { resource_rules, incomplete } = self.parsed::<Review<RulesStatus>>(status, &body)?.status;
        // Everybody who is authenticated may ask who he is and what he may do: `system:basic-user`.
        let about_oneself = |rule: &ResourceRule| rule.resources.iter().all(|name| name.starts_with("selfsubject"));
        Ok(Permissions { rules: resource_rules.iter().filter(|rule| !about_oneself(rule)).count(), incomplete })
    }

    async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Vec<u8>), KubernetesError> {
        let call = async {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(http::header::CONTENT_TYPE, "application/json")
                .header(http::header::ACCEPT, "application/json")
                .body(Body::from(body))
                .map_err(|error| self.failed(&error))?;
            let response = self.kube.send(request).await.map_err(|error| self.failed(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            let body = body.map_err(|error| self.failed(&*error))?;
            Ok((status, body.to_bytes().to_vec()))
        };
        timeout(CALL_LIMIT, call).await.map_err(|_elapsed| KubernetesError::Unreachable {
            server: self.server.clone(),
            why: format!("no answer within {} s", CALL_LIMIT.as_secs()),
        })?
    }

    fn parsed<'b, T: Deserialize<'b>>(&self, status: StatusCode, body: &'b [u8]) -> Result<T, KubernetesError> {
        let server = self.server.clone();
        if status == StatusCode::UNAUTHORIZED {
            return Err(KubernetesError::Unauthorized { server });
        }
        let refused = |why| KubernetesError::Refused { server, status: status.as_u16(), why };
        if !status.is_success() {
            let said: Status = serde_json::from_slice(body).unwrap_or_default();
            let words: String = said.message.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
            return Err(refused(if words.is_empty() {
                "no words of a Kubernetes API server".to_owned()
            } else {
                words
            }));
        }
        serde_json::from_slice(body).map_err(|_fault| refused("it is not what a Kubernetes API server says".to_owned()))
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) -> KubernetesError {
        let server = self.server.clone();
        match transport::fault(error) {
            Fault::Certificate(why) => KubernetesError::Untrusted { server, why },
            Fault::Connection(why) => KubernetesError::Unreachable { server, why },
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server", &self.server).finish_non_exhaustive()
    }
}
