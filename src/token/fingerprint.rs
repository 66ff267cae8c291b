//! A name for a token under which caches and logs may know it.

/// Random key of this process.
pub struct FingerprintKey(aws_lc_rs::hmac::Key);

/// HMAC-SHA-256 over the length-prefixed token and cluster id.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TokenFingerprint([u8; 32]);

impl FingerprintKey {
    /// A fresh random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, aws_lc_rs::error::Unspecified> {
        todo!()
    }
}

impl TokenFingerprint {
    /// First 64 bits in hex: for logs.
    #[must_use]
    pub fn short(&self) -> String {
        todo!()
    }
}
