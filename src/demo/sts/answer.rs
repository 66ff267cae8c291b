//! Answers as STS words them: JSON when the client asks for it, XML otherwise.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::Principal;

/// Why the embedded STS refuses; codes as the real one's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The scope, the date or the algorithm cannot be read.
    #[error("the signature's parts are incomplete or contradict each other")]
    IncompleteSignature,
    /// No principal has this key, or the session token is not the key's.
    #[error("the security token included in the request is invalid")]
    InvalidClientTokenId,
    /// Neither GetCallerIdentity nor AssumeRole.
    #[error("the action is not known here")]
    InvalidAction,
    /// A parameter of the action is missing.
    #[error("a parameter is missing")]
    MissingParameter,
    /// No signature.
    #[error("the request carries no signature")]
    MissingAuthentication,
    /// Another secret, another cluster, or something changed on the way.
    #[error("the signature does not match the request")]
    SignatureDoesNotMatch,
    /// Signed over 15 min ago.
    #[error("signature expired")]
    SignatureExpired,
    /// Signed over 15 min in the future.
    #[error("signature not yet current")]
    SignatureNotYetCurrent,
    /// The session behind the key has ended.
    #[error("the security token included in the request is expired")]
    ExpiredToken,
    /// Slow down.
    #[error("rate exceeded")]
    Throttling,
}

impl Refusal {
    /// AWS's error code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ExpiredToken => "ExpiredToken",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::InvalidAction => "InvalidAction",
            Self::InvalidClientTokenId => "InvalidClientTokenId",
            Self::MissingAuthentication => "MissingAuthenticationToken",
            Self::MissingParameter => "MissingParameter",
            Self::SignatureDoesNotMatch | Self::SignatureExpired | Self::SignatureNotYetCurrent => {
                "SignatureDoesNotMatch"
            }
            Self::Throttling => "Throttling",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::IncompleteSignature | Self::InvalidAction | Self::MissingParameter | Self::Throttling => {
                StatusCode::BAD_REQUEST
            }
            Self::ExpiredToken
            | Self::InvalidClientTokenId
            | Self::MissingAuthentication
            | Self::SignatureDoesNotMatch
            | Self::SignatureExpired
            | Self::SignatureNotYetCurrent => StatusCode::FORBIDDEN,
        }
    }
}

const REQUEST_ID: &str = "11111111-2222-3333-4444-555555555555";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// `GetCallerIdentity` succeeded.
pub(super) fn caller_identity(principal: &Principal, as_json: bool) -> Response<Bytes> {
    let Principal { account, arn, user_id, .. } = principal;
    if as_json {
        let document = json!({"GetCallerIdentityResponse": {
            "GetCallerIdentityResult": {"Account": account, "Arn": arn, "UserId": user_id},
            "ResponseMetadata": {"RequestId": REQUEST_ID},
        }});
        return response(StatusCode::OK, "application/json", document.to_string());
    }
    let result = format!("<Arn>{arn}</Arn><UserId>{user_id}</UserId><Account>{account}</Account>");
    response(StatusCode::OK, "text/xml", xml("GetCallerIdentity", &result))
}

/// `AssumeRole` succeeded: `session` is the new principal, whose keys last until `expiration` (RFC 3339).
pub(super) fn assumed_role(session: &Principal, secret: &str, token: &str, expiration: &str) -> Response<Bytes> {
    let Principal { access_key_id, arn, user_id, .. } = session;
    let result = format!(
        "<AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>{user_id}</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
    );
    response(StatusCode::OK, "text/xml", xml("AssumeRole", &result))
}

/// A refusal, with its code.
pub(super) fn refused(refusal: Refusal, as_json: bool) -> Response<Bytes> {
    let (code, message) = (refusal.code(), refusal.to_string());
    if as_json {
        let document = json!({
            "Error": {"Code": code, "Message": message, "Type": "Sender"},
            "RequestId": REQUEST_ID,
        });
        return response(refusal.status(), "application/json", document.to_string());
    }
    let text = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    );
    response(refusal.status(), "text/xml", text)
}

fn xml(action: &str, result: &str) -> String {
    format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{action}Response>"
    )
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
