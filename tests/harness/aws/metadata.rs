//! The EC2 metadata service, version 2, and the container credentials endpoint.

use http::request::Parts;
use iam_bridge::clock::UnixSeconds;
use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;
use serde_json::json;

use super::REGION;
use super::services::{Reply, State};

/// What a container proves itself with.
pub(super) const CONTAINER_TOKEN: &str = "canary-container-token";

const METADATA_TOKEN: &str = "canary-metadata-token";
const KEYS: &str = "/latest/meta-data/iam/security-credentials/";

/// The machine a command believes to run on.
#[derive(Clone, Default)]
pub(crate) enum Instance {
    /// None: the connection is refused.
    #[default]
    Absent,
    /// Connections are taken and never answered, as behind a hop limit.
    Hanging,
    /// An instance without a role.
    NoRole,
    /// An instance with a role, whose keys are the principal's.
    Role(Principal),
}

pub(super) fn token(state: &State) -> Reply {
    match state.edit(|facts| facts.instance.clone()) {
        Instance::Hanging => Reply::Hang,
        Instance::Absent | Instance::NoRole | Instance::Role(_) => {
            let headers = vec![("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned())];
            Reply::Now(http::StatusCode::OK, headers, METADATA_TOKEN.to_owned())
        }
    }
}

pub(super) fn get(state: &State, parts: &Parts) -> Reply {
    if parts.headers.get("x-aws-ec2-metadata-token").is_none_or(|token| token != METADATA_TOKEN) {
        return Reply::Now(http::StatusCode::UNAUTHORIZED, Vec::new(), String::new());
    }
    let instance = state.edit(|facts| facts.instance.clone());
    match (instance, parts.uri.path()) {
        (Instance::Hanging, _) => Reply::Hang,
        (Instance::Role(_) | Instance::NoRole, "/latest/meta-data/placement/region") => Reply::text(REGION),
        (Instance::Role(principal), path) => match path.strip_prefix(KEYS) {
            Some("") => Reply::text(role(&principal)),
            Some(name) if name == role(&principal) => keys(&principal, state.keys_end()),
            _ => Reply::not_found(),
        },
        (Instance::Absent | Instance::NoRole, _) => Reply::not_found(),
    }
}

pub(super) fn container(state: &State, parts: &Parts) -> Reply {
    let allowed = parts.headers.get("authorization").is_some_and(|token| token == CONTAINER_TOKEN);
    match state.edit(|facts| facts.container.clone()).filter(|_| allowed) {
        Some(principal) => keys(&principal, state.keys_end()),
        None => {
            Reply::refused(400, "InvalidAuthorization", &json!({"code": "InvalidAuthorization", "message": "no token"}))
        }
    }
}

fn keys(principal: &Principal, end: UnixSeconds) -> Reply {
    Reply::json(&json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": principal.access_key_id,
        "SecretAccessKey": principal.secret_access_key.expose_secret(),
        "Token": principal.session_token.as_ref().map(ExposeSecret::expose_secret),
        "Expiration": super::token::rfc3339(end),
    }))
}

/// The role of a session: the section between the slashes of its ARN.
fn role(principal: &Principal) -> String {
    principal.arn.split('/').nth(1).unwrap_or_default().to_owned()
}
