//! Why a caller gets no identity, and what that means on the wire.

use crate::aws::StsError;
use crate::mapping::MappingError;
use crate::token::TokenError;

/// Why a caller gets no identity. Exhaustive on purpose; holds no unproven byte of the caller.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Denial {
    /// A rule that needs no network was broken.
    #[error("input token was not properly formatted: {0}")]
    Token(#[from] TokenError),
    /// STS did not prove the caller.
    #[error(transparent)]
    Sts(#[from] StsError),
    /// The principal is proven, and gets no user.
    #[error(transparent)]
    Mapping(#[from] MappingError),
}

/// The closed list of reason codes: the same in log, metric, `explain`, tests and docs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// `denied`
    Denied,
    // … empty_username, expired_entry, node_lookup_unavailable, node_not_verified, not_mapped, not_yet_valid, overloaded,
    // reserved_name, sts_contradiction, sts_refused, sts_throttled, sts_unreachable, template_failed, token_expired,
    // token_format, unique_id_mismatch; audience is the server's
}

impl Denial {
    /// The reason code.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        todo!()
    }

    /// Finer name, from a closed set; for log, `explain` and `verify` only.
    #[must_use]
    pub const fn detail(&self) -> Option<&'static str> {
        todo!()
    }

    /// `result` label of authenticate_latency_seconds, as the reference spells it.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        todo!()
    }

    /// HTTP status with `server.denyStatus: 403`: 403, 429 when throttled, 503 when overloaded.
    #[must_use]
    pub const fn status(&self) -> u16 {
        todo!()
    }
}

impl Reason {
    /// Its code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        todo!()
    }
}
