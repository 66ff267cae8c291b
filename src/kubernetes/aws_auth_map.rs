//! The ConfigMap `aws-auth` of `kube-system`, for those who edit it: read, then replaced if nobody else has meanwhile.
//!
//! ```text
//! GET ──▶ edit one key of the data ──▶ PUT with the resourceVersion that was read ──▶ done
//!  ▲                                        │ 409: somebody was faster
//!  └──── a short pause, longer by chance ───┘
//! ```
//!
//! The object is carried as it came, so that what we do not know of stays in it.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use http::{Method, Request};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::transport::{self, Fault};

/// Where it stands, for messages.
pub const AWS_AUTH: &str = "kube-system/aws-auth";

const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const NAME: &str = "aws-auth";
/// What the API server notes as the author of our changes.
const FIELD_MANAGER: &str = "iam-bridge";
/// One request and its answer.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// Pauses after a conflict: the first, the longest, and all together.
const PAUSES: (Duration, Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(500), Duration::from_secs(60));
/// Longest message of the server that is passed on, characters.
const LONGEST_MESSAGE: usize = 400;

/// The ConfigMap at one API server.
#[derive(Clone)]
pub struct AwsAuthMap {
    client: kube::Client,
}

/// The ConfigMap as the API server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsAuthObject(Value);

/// Why the ConfigMap cannot be read or written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AwsAuthError {
    /// Others were faster, again and again.
    #[error("{AWS_AUTH} is changed by others all the time: gave up after {} s", PAUSES.2.as_secs())]
    Contended,
    /// 403.
    #[error("the API server refuses the right to {verb} the ConfigMap {AWS_AUTH} (403): {why}")]
    Forbidden {
        /// `get`, `update` or `create`.
        verb: &'static str,
        /// Its words.
        why: String,
    },
    /// It is not there.
    #[error("the ConfigMap {AWS_AUTH} does not exist")]
    NotFound,
    /// Another answer.
    #[error("the API server does not {verb} the ConfigMap {AWS_AUTH} ({status}): {why}")]
    Refused {
        /// `get`, `update` or `create`.
        verb: &'static str,
        /// HTTP status.
        status: u16,
        /// Its words.
        why: String,
    },
    /// 401.
    #[error("the API server does not know who we are (401): {0}")]
    Unauthorized(String),
    /// No connection, or no answer.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// Its certificate is not believed.
    #[error("the API server cannot be trusted: {0}")]
    Untrusted(String),
}

/// Why an edit was not made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EditFault<E> {
    /// The ConfigMap.
    #[error(transparent)]
    Map(#[from] AwsAuthError),
    /// The editor refused what is there.
    #[error("{0}")]
    Refused(E),
}

/// What is done where there is no ConfigMap.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfMissing {
    /// It is made.
    Create,
    /// [`AwsAuthError::NotFound`].
    Refuse,
}

/// Why one try was not made.
enum Missed<E> {
    /// Worth another try; why, if it is the last.
    Again(AwsAuthError),
    Fault(EditFault<E>),
}

impl AwsAuthMap {
    /// At the API server of `client`.
    #[must_use]
    pub const fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// What is there.
    ///
    /// # Errors
    /// [`AwsAuthError`]; `None` when it is not there.
    pub async fn read(&self) -> Result<Option<AwsAuthObject>, AwsAuthError> {
        match self.call("get", Method::GET, &format!("{CONFIG_MAPS}/{NAME}"), None).await? {
            Ok(object) => Ok(Some(AwsAuthObject(object))),
            Err(404) => Ok(None),
            Err(status) => Err(unexpected("get", status)),
        }
    }

    /// Replaces one value of the data by what `edit` makes of it; `None` is a key that is not there. Whoever writes in
    /// between is not overwritten: then `edit` is asked again, about what is there now. Yields what was written.
    ///
    /// # Errors
    /// [`EditFault`]; then nothing was written.
    pub async fn edit<E>(
        &self,
        key: &str,
        if_missing: IfMissing,
        edit: impl Fn(Option<&str>) -> Result<String, E>,
    ) -> Result<AwsAuthObject, EditFault<E>> {
        let (first, longest, all) = PAUSES;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_total_delay(Some(all))
            .without_max_times()
            .with_jitter();
        let outcome = (async || self.attempt(key, if_missing, &edit).await)
            .retry(pauses)
            .when(|missed| matches!(missed, Missed::Again(_)))
            .await;
        outcome.map_err(|missed| match missed {
            Missed::Again(error) => error.into(),
            Missed::Fault(fault) => fault,
        })
    }

    async fn attempt<E>(
        &self,
        key: &str,
        if_missing: IfMissing,
        edit: &impl Fn(Option<&str>) -> Result<String, E>,
    ) -> Result<AwsAuthObject, Missed<E>> {
        let there = self.read().await?;
        let old = match there {
            Some(object) => Some(object),
            None if if_missing == IfMissing::Create => None,
            None => return Err(AwsAuthError::NotFound.into()),
        };
        let is_new = old.is_none();
        let old = old.unwrap_or_else(AwsAuthObject::empty);
        let value = edit(old.value(key)).map_err(|error| Missed::Fault(EditFault::Refused(error)))?;
        let new = old.with(key, &value);
        let (verb, method, path) = if is_new {
            ("create", Method::POST, CONFIG_MAPS.to_owned())
        } else {
            ("update", Method::PUT, format!("{CONFIG_MAPS}/{NAME}"))
        };
        let path = format!("{path}?fieldManager={FIELD_MANAGER}");
        match self.call(verb, method, &path, Some(&new.0)).await? {
            Ok(written) => Ok(AwsAuthObject(written)),
            // Deleted, or made, by another in between.
            Err(404 | 409) => Err(Missed::Again(AwsAuthError::Contended)),
            Err(status) => Err(unexpected(verb, status).into()),
        }
    }

    /// The object that the server answers with; the inner error is a status of a conflict of whatever kind.
    async fn call(
        &self,
        verb: &'static str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Result<Value, u16>, AwsAuthError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(http::header::ACCEPT, "application/json")
            .body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default())
            .map_err(|error| AwsAuthError::Unreachable(error.to_string()))?;
        match timeout(CALL_LIMIT, self.client.request::<Value>(request)).await {
            Err(_elapsed) => Err(AwsAuthError::Unreachable(format!("no answer within {} s", CALL_LIMIT.as_secs()))),
            Ok(Ok(object)) => Ok(Ok(object)),
            Ok(Err(kube::Error::Api(status))) => {
                let said = if status.message.is_empty() { &status.reason } else { &status.message };
                let why = said.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
                match status.code {
                    401 => Err(AwsAuthError::Unauthorized(why)),
                    403 => Err(AwsAuthError::Forbidden { verb, why }),
                    // A namespace that is not there is no ConfigMap that somebody deleted.
                    404 if verb == "create" => Err(AwsAuthError::Refused { verb, status: 404, why }),
                    404 | 409 => Ok(Err(status.code)),
                    status => Err(AwsAuthError::Refused { verb, status, why }),
                }
            }
            Ok(Err(error)) => Err(match transport::fault(&error) {
                Fault::Certificate(why) => AwsAuthError::Untrusted(why),
                Fault::Connection(why) => AwsAuthError::Unreachable(why),
            }),
        }
    }
}

impl AwsAuthObject {
    /// One that does not exist yet.
    #[must_use]
    pub fn empty() -> Self {
        Self(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": "kube-system"},
        }))
    }

    /// One value of its data.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get("data")?.get(key)?.as_str()
    }

    /// Every value of its data.
    pub fn data(&self) -> impl Iterator<Item = (&str, &str)> {
        let data = self.0.get("data").and_then(Value::as_object);
        data.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// With one value of its data replaced, and everything else as it is.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        let mut object = self.0.clone();
        if let Some(members) = object.as_object_mut() {
            let data = members.entry("data").or_insert(Value::Null);
            if !data.is_object() {
                *data = Value::Object(Map::new());
            }
            if let Some(data) = data.as_object_mut() {
                data.insert(key.to_owned(), value.into());
            }
        }
        Self(object)
    }

    /// For people: without the API server's notes of who wrote what.
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut object = self.0.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        object
    }
}

impl AwsAuthError {
    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Contended => "look which controller writes it, and run the command again".to_owned(),
            Self::Forbidden { verb: "create", .. } => {
                "deploy/rbac-add.yaml shows the right to create it; bind it for this one command".to_owned()
            }
            Self::Forbidden { verb, .. } => format!(
                "deploy/rbac-add.yaml shows the rights: get and update; `kubectl auth can-i {verb} configmaps/aws-auth --namespace kube-system` tells whether you have them"
            ),
            Self::NotFound => {
                "look whether this is the right cluster; if it is, run the command again with --create".to_owned()
            }
            Self::Refused { .. } => {
                format!("look at it with `kubectl get configmap {NAME} --namespace kube-system --output yaml`")
            }
            Self::Unauthorized(_) => {
                "the kubeconfig's user is nobody there; `iam-bridge doctor` finds out why, or name another with --kubeconfig-context".to_owned()
            }
            Self::Unreachable(_) | Self::Untrusted(_) => {
                "check the server and CA of the kubeconfig, or name another with --kubeconfig; `iam-bridge doctor` looks closer".to_owned()
            }
        }
    }
}

impl<E> From<AwsAuthError> for Missed<E> {
    fn from(error: AwsAuthError) -> Self {
        match error {
            // Too many requests: not looked at yet.
            AwsAuthError::Refused { status: 429, .. } => Self::Again(error),
            _ => Self::Fault(EditFault::Map(error)),
        }
    }
}

impl std::fmt::Debug for AwsAuthMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsAuthMap").finish_non_exhaustive()
    }
}

const fn unexpected(verb: &'static str, status: u16) -> AwsAuthError {
    AwsAuthError::Refused { verb, status, why: String::new() }
}
