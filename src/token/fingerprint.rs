//! A name for a token under which caches and logs may know it.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use aws_lc_rs::rand::SystemRandom;

use super::ClusterId;

/// Random key of this process: without it nobody can tell which token a fingerprint names, or make two collide.
pub struct FingerprintKey(Key);

/// HMAC-SHA-256 over the length-prefixed token and cluster id.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct TokenFingerprint([u8; 32]);

impl FingerprintKey {
    /// A fresh random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, Unspecified> {
        Key::generate(HMAC_SHA256, &SystemRandom::new()).map(Self)
    }

    pub(super) fn fingerprint(&self, token: &str, cluster_id: &ClusterId) -> TokenFingerprint {
        let mut hmac = Context::with_key(&self.0);
        for part in [token, cluster_id.as_str()] {
            // With its length before it, no part can be read as the end of the one before.
            hmac.update(&part.len().to_be_bytes());
            hmac.update(part.as_bytes());
        }
        let tag = hmac.sign();
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(byte, of_tag)| *byte = *of_tag);
        TokenFingerprint(bytes)
    }
}

impl TokenFingerprint {
    /// First 64 bits in hex: for logs.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey")
    }
}

impl fmt::Debug for TokenFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenFingerprint({}…)", self.short())
    }
}
