//! Reading what the binary printed: whose keys signed a token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use iam_bridge::clock::UnixSeconds;
use serde_json::Value;

use crate::harness::process::Said;

/// The presigned URL inside a token, which may be bare or in an ExecCredential.
pub(crate) fn presigned_url(said: &Said) -> String {
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let text = said.stdout.trim();
    let of_credential = serde_json::from_str::<Value>(text).ok();
    let of_credential = of_credential.as_ref().and_then(|credential| credential["status"]["token"].as_str());
    let token = of_credential.unwrap_or(text).strip_prefix("k8s-aws-v1.").expect("a token");
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
}

/// The key id that a token was signed with.
pub(crate) fn access_key_id(said: &Said) -> String {
    let url = presigned_url(said);
    let (_, rest) = url.split_once("X-Amz-Credential=").expect("a presigned URL");
    rest.split("%2F").next().unwrap().to_owned()
}

/// An instant as AWS writes it.
pub(super) fn rfc3339(at: UnixSeconds) -> String {
    jiff::Timestamp::from_second(at.0).unwrap().to_string()
}
