//! URL → token text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::PREFIX;

/// `k8s-aws-v1.` + unpadded URL-safe base64 of the URL.
#[must_use]
pub fn encode(url: &SecretString) -> SecretString {
    let url = url.expose_secret();
    let length = base64::encoded_len(url.len(), false).unwrap_or_default().saturating_add(PREFIX.len());
    // Of the final length from the start: a text that grew would leave copies of itself behind.
    let mut token = String::with_capacity(length);
    token.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(url, &mut token);
    token.into()
}
