//! Rules 4 to 17: a presigned URL, parsed once into what will be sent.

use secrecy::SecretString;

use super::StsHost;
use crate::clock::UnixSeconds;

/// A checked `GetCallerIdentity` request: decoded values in received order, and a host from our own table.
///
/// Owned and cheap to clone into the task that calls STS. Debug shows host and signing time only.
#[derive(Clone)]
pub struct PresignedRequest {
    host: StsHost,
    access_key_id: String,
    signed_at: UnixSeconds,
    // decoded (name, value) pairs in received order, zeroised on drop
}

impl std::fmt::Debug for PresignedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PresignedRequest")
            .field("host", &self.host)
            .field("signed_at", &self.signed_at)
            .finish_non_exhaustive()
    }
}

impl PresignedRequest {
    /// Host, from our own table.
    #[must_use]
    pub const fn host(&self) -> &StsHost {
        &self.host
    }

    /// Access key id; empty if the token names none.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// X-Amz-Date.
    #[must_use]
    pub const fn signed_at(&self) -> UnixSeconds {
        self.signed_at
    }

    /// `/?name=value&…` rebuilt by one encoder: for the call to STS only.
    #[must_use]
    pub fn path_and_query(&self) -> SecretString {
        todo!()
    }
}
