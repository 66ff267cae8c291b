//! Who one is, at both ends: what STS says of the keys, and what the API server says of the token.

use aws_credential_types::Credentials;
use serde::Serialize;

use crate::clock::Clock;
use crate::get_token::{GetTokenError, Settings};
use crate::kubernetes::{Context, Subject};

/// Both ends.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Whoami {
    /// AWS's view.
    pub aws: AwsSide,
    /// The cluster's view, if it was asked.
    pub cluster: Option<ClusterSide>,
}

/// What STS says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsSide {
    /// Where the keys came from.
    pub credential_source: String,
    /// Key id, its middle left out.
    pub access_key_id: String,
    /// When the keys end, RFC 3339.
    pub expires_at: Option<String>,
    /// Twelve digits.
    pub account: String,
    /// As STS wrote it.
    pub arn: String,
    /// What mappings compare.
    pub canonical_arn: Option<String>,
    /// Name of the session, for sessions.
    pub session_name: Option<String>,
}

/// What the API server says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSide {
    /// The context that was asked.
    pub context: String,
    /// Who we are there; `None` when it does not accept the token.
    pub subject: Option<Subject>,
    /// Why not.
    pub refusal: Option<String>,
}

/// Asks STS, and the API server of `context` if there is one.
///
/// # Errors
/// [`GetTokenError`], when there are no keys or STS does not know them.
pub fn whoami(settings: &Settings, context: Option<&Context>, clock: &Clock) -> Result<Whoami, GetTokenError> {
    let _: (&Settings, Option<&Context>, &Clock, Option<Credentials>) = (settings, context, clock, None);
    todo!()
}
