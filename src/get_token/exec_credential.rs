//! The answer to client-go: an `ExecCredential` of the version that was asked for.
//!
//! client-go refuses another version than its kubeconfig names, so the version is echoed; on silence it is
//! `v1beta1`, which every client knows.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SignedToken;

/// The versions of `client.authentication.k8s.io` that clients have asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub enum ApiVersion {
    /// Since Kubernetes 1.22.
    #[serde(rename = "client.authentication.k8s.io/v1")]
    V1,
    /// Left in 1.24.
    #[serde(rename = "client.authentication.k8s.io/v1alpha1")]
    V1Alpha1,
    /// Since 1.11.
    #[default]
    #[serde(rename = "client.authentication.k8s.io/v1beta1")]
    V1Beta1,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Shape {
    /// One line of JSON.
    #[default]
    Json,
    /// The bare token.
    Token,
    /// YAML, for people: client-go reads JSON only.
    Yaml,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'t> {
    kind: &'static str,
    api_version: ApiVersion,
    spec: Spec,
    status: Status<'t>,
}

#[derive(Serialize)]
struct Spec {
    interactive: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'t> {
    expiration_timestamp: String,
    token: &'t str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecInfo {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    spec: Option<ExecSpec>,
}

#[derive(Default, Deserialize)]
struct ExecSpec {
    #[serde(default)]
    interactive: Option<bool>,
}

/// Whether the client lets its plugin talk with a person, by `KUBERNETES_EXEC_INFO`; `None` when it does not say.
#[must_use]
pub fn is_interactive(exec_info: &str) -> Option<bool> {
    serde_json::from_str::<Option<ExecInfo>>(exec_info).ok()??.spec?.interactive
}

/// Why an answer cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The expiry lies outside the calendar.
    #[error("the token's expiry is not a date; check this machine's clock")]
    Expiry,
    /// The serialiser failed.
    #[error("the exec credential cannot be written")]
    Serialize,
}

impl ApiVersion {
    /// The version `KUBERNETES_EXEC_INFO` asks for, and what the person should know about it.
    #[must_use]
    pub fn choose(exec_info: Option<&str>) -> (Self, Option<&'static str>) {
        let Some(text) = exec_info.filter(|text| !text.is_empty()) else {
            return (Self::V1Beta1, None);
        };
        let Ok(info) = serde_json::from_str::<Option<ExecInfo>>(text) else {
            return (Self::V1Beta1, Some("KUBERNETES_EXEC_INFO is no ExecCredential; answering with v1beta1"));
        };
        match info.and_then(|info| info.api_version).as_deref() {
            Some("client.authentication.k8s.io/v1") => (Self::V1, None),
            Some("client.authentication.k8s.io/v1beta1") | None => (Self::V1Beta1, None),
            Some("client.authentication.k8s.io/v1alpha1") => (
                Self::V1Alpha1,
                Some("v1alpha1 is gone since Kubernetes 1.24; write apiVersion client.authentication.k8s.io/v1beta1"),
            ),
            Some(_) => (
                Self::V1Beta1,
                Some("KUBERNETES_EXEC_INFO asks for a version that is not known; answering with v1beta1"),
            ),
        }
    }
}

/// What goes to standard output, its line feed included.
///
/// # Errors
/// [`RenderError`].
pub fn render(signed: &SignedToken, version: ApiVersion, shape: Shape) -> Result<SecretString, RenderError> {
    if shape == Shape::Token {
        return Ok(SecretString::from(format!("{}\n", signed.expose())));
    }
    let expires_at = Timestamp::from_second(signed.expires_at.0).map_err(|_| RenderError::Expiry)?;
    let credential = ExecCredential {
        kind: "ExecCredential",
        api_version: version,
        spec: Spec { interactive: false },
        status: Status { expiration_timestamp: expires_at.to_string(), token: signed.token.expose_secret() },
    };
    let mut text = Zeroizing::new(match shape {
        Shape::Yaml => serde_saphyr::to_string(&credential).map_err(|_| RenderError::Serialize)?,
        Shape::Json | Shape::Token => serde_json::to_string(&credential).map_err(|_| RenderError::Serialize)?,
    });
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(SecretString::from(text.as_str()))
}
