//! Where this AWS's STS is not of the demo's mind, that lets every known principal assume every role.

use http::{HeaderMap, HeaderValue, StatusCode};
use iam_bridge::demo::sts::{Principal, Scripted, SeenRequest};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;

use super::services::State;
use super::token::rfc3339;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Decoded parameters of the query of a GET, or of the form of a POST.
pub(super) fn form(request: &SeenRequest) -> Vec<(String, String)> {
    let body = String::from_utf8_lossy(&request.body);
    let text = if request.method == http::Method::GET { request.uri.query().unwrap_or_default() } else { &body };
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pieces = text.split('&').filter_map(|piece| piece.split_once('='));
    pieces.map(|(name, value)| (decode(name), decode(value))).collect()
}

pub(super) fn action(request: &SeenRequest) -> Option<String> {
    form(request).into_iter().find(|(name, _)| name == "Action").map(|(_, value)| value)
}

/// What is answered instead of the demo's answer.
pub(super) fn exception(state: &State, request: &SeenRequest) -> Option<Scripted> {
    let form = form(request);
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if let Some(refusal) = disabled_region(state, request) {
        return Some(refusal);
    }
    match value("Action").as_deref() {
        Some("AssumeRole") => assume_role(state, request, &value),
        Some("AssumeRoleWithWebIdentity") => Some(web_identity(state, &value)),
        _ => None,
    }
}

fn assume_role(state: &State, request: &SeenRequest, value: &dyn Fn(&str) -> Option<String>) -> Option<Scripted> {
    let role = value("RoleArn")?;
    let device = state.edit(|facts| facts.mfa.iter().find(|(arn, ..)| *arn == role).cloned());
    let denied = state.edit(|facts| facts.denied_roles.contains(&role));
    // The session of a role that was assumed before is known to the demo alone.
    let who = caller(state, request).map(|principal| principal.arn);
    let name = who.as_deref().unwrap_or("arn:aws:sts::111122223333:assumed-role/Assumed/before");
    let not_authorized = format!("User: {name} is not authorized to perform: sts:AssumeRole on resource: {role}");
    if denied {
        return Some(refused(StatusCode::FORBIDDEN, "AccessDenied", &not_authorized));
    }
    let ((_, serial, code), _) = device.zip(who)?;
    match (value("SerialNumber"), value("TokenCode")) {
        (Some(given), Some(typed)) if given == serial && typed == code => None,
        (Some(given), Some(_)) if given == serial => {
            let message = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
            Some(refused(StatusCode::FORBIDDEN, "AccessDenied", message))
        }
        _ => Some(refused(StatusCode::FORBIDDEN, "AccessDenied", &not_authorized)),
    }
}

fn web_identity(state: &State, value: &dyn Fn(&str) -> Option<String>) -> Scripted {
    let token = value("WebIdentityToken").unwrap_or_default();
    let trusted = state.edit(|facts| facts.web_identities.iter().find(|(known, _)| *known == token).cloned());
    let Some((_, principal)) = trusted else {
        let message = "No OpenIDConnect provider found in your account for https://issuer.example";
        return refused(StatusCode::BAD_REQUEST, "InvalidIdentityToken", message);
    };
    let life = value("DurationSeconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(3600);
    let Principal { access_key_id, secret_access_key, session_token, arn, user_id, .. } = &principal;
    xml(
        StatusCode::OK,
        &format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"{NAMESPACE}\"><AssumeRoleWithWebIdentityResult>\
             <AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>{user_id}</AssumedRoleId></AssumedRoleUser><Credentials>\
             <AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>\
             </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
            secret_access_key.expose_secret(),
            session_token.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default(),
            rfc3339(state.now().plus(life)),
        ),
    )
}

fn disabled_region(state: &State, request: &SeenRequest) -> Option<Scripted> {
    let header = request.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri.host().or(header)?;
    let region = host.strip_prefix("sts.")?.split('.').next()?.to_owned();
    let message = format!(
        "STS is not activated in this region for account:{}. Your account administrator can activate STS in this \
         region using the IAM Console.",
        super::ACCOUNT
    );
    let disabled = state.edit(|facts| facts.disabled_regions.contains(&region));
    disabled.then(|| refused(StatusCode::FORBIDDEN, "RegionDisabledException", &message))
}

/// Whose key id the request carries; whether it was signed with that key is the demo's to judge.
fn caller(state: &State, request: &SeenRequest) -> Option<Principal> {
    let authorization = request.headers.get("authorization")?.to_str().ok()?;
    let (_, rest) = authorization.split_once("Credential=")?;
    let key_id = rest.split('/').next()?;
    state.edit(|facts| facts.principals.iter().find(|principal| principal.access_key_id == key_id).cloned())
}

fn refused(status: StatusCode, code: &str, message: &str) -> Scripted {
    xml(
        status,
        &format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>11111111-2222-3333-4444-555555555555</RequestId>\
             </ErrorResponse>"
        ),
    )
}

fn xml(status: StatusCode, body: &str) -> Scripted {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    Scripted { status, headers, body: body.to_owned().into(), stalls: false }
}
