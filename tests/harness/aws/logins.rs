//! Logins that a person made in a browser: IAM Identity Center (portal and OIDC) and `aws login`, with their files.

use std::path::PathBuf;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::services::{Reply, State};
use super::token::rfc3339;
use super::{ACCOUNT, Aws, REGION};

/// Where people sign in.
pub(crate) const START_URL: &str = "https://people.awsapps.example/start";

/// What a login can be turned into.
#[derive(Clone)]
pub(super) struct Ticket {
    /// The token that proves it: of the portal, or a refresh token.
    token: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// Portal token → keys of a role, by the role's name.
    Portal(String, Principal),
    /// OIDC refresh token → portal token.
    Refresh(String),
    /// Refresh token of `aws login` → keys.
    Login(Principal),
}

/// A login at Identity Center as it stands in `~/.aws/sso/cache`.
#[derive(Clone, Copy)]
pub(crate) struct SsoLogin<'l> {
    /// Name of the `sso_session`, or the start URL of a legacy profile.
    pub(crate) identifier: &'l str,
    /// The role that profiles ask for.
    pub(crate) role: &'l str,
    /// Life of the portal token from now, seconds; negative when it is over.
    pub(crate) lives: i64,
    /// Whether a refresh token lies beside it that is still good.
    pub(crate) refreshes: bool,
}

impl Aws {
    /// Lets a person log in; yields the principal that the role's keys belong to, and the cache file.
    pub(crate) fn log_in_by_sso(&self, login: SsoLogin<'_>) -> (Principal, PathBuf) {
        let principal = self.role_session(login.role, "person@example.com");
        let token = |kind: &str| format!("canary-sso-{kind}-{}", principal.access_key_id);
        let (portal, refreshed, refresh) = (token("portal"), token("refreshed"), token("refresh"));
        let for_role = Kind::Portal(login.role.to_owned(), principal.clone());
        let mut tickets = vec![Ticket { token: refreshed.clone(), kind: for_role.clone() }];
        if login.lives > 0 {
            tickets.push(Ticket { token: portal.clone(), kind: for_role });
        }
        if login.refreshes {
            tickets.push(Ticket { token: refresh.clone(), kind: Kind::Refresh(refreshed) });
        }
        self.state().edit(|facts| facts.tickets.extend(tickets));
        let mut file = json!({
            "startUrl": START_URL,
            "region": REGION,
            "accessToken": portal,
            "expiresAt": rfc3339(self.now().plus(login.lives)),
        });
        if login.refreshes {
            file["clientId"] = json!("client");
            file["clientSecret"] = json!("canary-sso-client-secret");
            file["registrationExpiresAt"] = json!(rfc3339(self.now().plus(86_400)));
            file["refreshToken"] = json!(refresh);
        }
        let name = hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, login.identifier.as_bytes()).as_ref());
        let path = self.write(&format!(".aws/sso/cache/{name}.json"), &file.to_string());
        (principal, path)
    }

    /// The portal token of this login is taken back, as by a sign-out elsewhere: the file still looks good.
    pub(crate) fn end_sso_logins(&self) {
        self.state().edit(|facts| facts.tickets.clear());
    }

    /// Lets a person run `aws login` for a profile with this `login_session`: keys that live `lives` seconds from
    /// now, and a refresh token that is good or over. Yields the principal of the first keys, that of refreshed
    /// ones, and the cache file.
    pub(crate) fn log_in(&self, login_session: &str, lives: i64, refreshes: bool) -> (Principal, Principal, PathBuf) {
        let first = self.role_session("Console", "person");
        let second = self.role_session("Console", "person");
        let refresh = format!("canary-login-refresh-{}", first.access_key_id);
        if refreshes {
            let ticket = Ticket { token: refresh.clone(), kind: Kind::Login(second.clone()) };
            self.state().edit(|facts| facts.tickets.push(ticket));
        }
        let file = json!({
            "accessToken": {
                "accessKeyId": first.access_key_id,
                "secretAccessKey": first.secret_access_key.expose_secret(),
                "sessionToken": first.session_token.as_ref().map(ExposeSecret::expose_secret),
                "accountId": ACCOUNT,
                "expiresAt": rfc3339(self.now().plus(lives)),
            },
            "tokenType": "aws_sigv4",
            "refreshToken": refresh,
            "idToken": "canary.id.token",
            "clientId": "arn:aws:signin:::devtools/same-device",
            "dpopKey": ec_private_key(),
        });
        let name = hex(digest::digest(&digest::SHA256, login_session.as_bytes()).as_ref());
        let path = self.write(&format!(".aws/login/cache/{name}.json"), &file.to_string());
        (first, second, path)
    }
}

/// `GetRoleCredentials`.
pub(super) fn role_credentials(state: &State, parts: &Parts) -> Reply {
    let token = parts.headers.get("x-amz-sso_bearer_token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("role_name=")).unwrap_or_default();
    match find(state, token) {
        Some(Kind::Portal(role, principal)) if role == asked => Reply::json(&json!({"roleCredentials": {
            "accessKeyId": principal.access_key_id,
            "secretAccessKey": principal.secret_access_key.expose_secret(),
            "sessionToken": principal.session_token.as_ref().map(ExposeSecret::expose_secret),
            "expiration": state.keys_end().0 * 1000,
        }})),
        Some(Kind::Portal(..)) => Reply::refused(403, "ForbiddenException", &json!({"message": "No access"})),
        Some(Kind::Login(_) | Kind::Refresh(_)) | None => {
            Reply::refused(401, "UnauthorizedException", &json!({"message": "Session token not found or invalid"}))
        }
    }
}

/// `CreateToken` of the OIDC service.
pub(super) fn create_token(state: &State, body: &[u8]) -> Reply {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    match find(state, asked["refreshToken"].as_str().unwrap_or_default()) {
        Some(Kind::Refresh(token)) => Reply::json(&json!({
            "accessToken": token,
            "expiresIn": 28_800,
            "tokenType": "Bearer",
            "refreshToken": asked["refreshToken"],
        })),
        Some(Kind::Login(_) | Kind::Portal(..)) | None => Reply::refused(
            400,
            "InvalidGrantException",
            &json!({"error": "invalid_grant", "error_description": "Invalid refresh token provided"}),
        ),
    }
}

/// `CreateOAuth2Token` of the sign-in service.
pub(super) fn create_oauth2_token(state: &State, parts: &Parts, body: &[u8]) -> Reply {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let proven = parts.headers.contains_key("dpop");
    match find(state, asked["refreshToken"].as_str().unwrap_or_default()).filter(|_| proven) {
        Some(Kind::Login(principal)) => Reply::json(&json!({
            "accessToken": {
                "accessKeyId": principal.access_key_id,
                "secretAccessKey": principal.secret_access_key.expose_secret(),
                "sessionToken": principal.session_token.as_ref().map(ExposeSecret::expose_secret),
            },
            "tokenType": "aws_sigv4",
            "expiresIn": state.edit(|facts| facts.key_life).min(900),
            "refreshToken": asked["refreshToken"],
        })),
        Some(Kind::Portal(..) | Kind::Refresh(_)) | None => Reply::refused(
            400,
            "AccessDeniedException",
            &json!({"error": "TOKEN_EXPIRED", "message": "The refresh token has expired."}),
        ),
    }
}

fn find(state: &State, token: &str) -> Option<Kind> {
    state.edit(|facts| facts.tickets.iter().find(|ticket| ticket.token == token).map(|ticket| ticket.kind.clone()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A fresh P-256 key as the AWS CLI writes it.
fn ec_private_key() -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
    let base64 = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", lines.join("\n"))
}
