//! Why a caller gets no identity, and what that means on the wire.

use crate::aws::{Bearing, StsError};
use crate::mapping::{MappingError, TemplateError};
use crate::token::TokenError;

/// Why a caller gets no identity.
///
/// Exhaustive on purpose: a new cause does not build until [`Denial::reason`], [`Denial::label`] and
/// [`Denial::status`] have judged it. Holds no unproven byte of the caller.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Denial {
    /// A rule that needs no network was broken.
    #[error("input token was not properly formatted: {0}")]
    Token(TokenError),
    /// STS did not prove the caller.
    #[error(transparent)]
    Sts(#[from] StsError),
    /// The principal is proven, and gets no user.
    #[error(transparent)]
    Mapping(#[from] MappingError),
}

/// The closed list of reason codes: the same in log, metric, `explain`, tests and docs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// A deny entry matched.
    Denied,
    /// The entry yields an empty username.
    EmptyUsername,
    /// The entry's `notAfter` has passed.
    ExpiredEntry,
    /// A template asks for a node's name, and EC2 cannot be asked.
    NodeLookupUnavailable,
    /// A template asks for a node's name, and the instance is not verified.
    NodeNotVerified,
    /// No source knows the principal.
    NotMapped,
    /// The entry's `notBefore` is to come.
    NotYetValid,
    /// Too many calls to STS are under way or waiting; try again.
    Overloaded,
    /// A rendered name is reserved.
    ReservedName,
    /// STS answered, and the answer contradicts itself or an earlier one.
    StsContradiction,
    /// STS refused: signature, key or session.
    StsRefused,
    /// STS asks us to slow down.
    StsThrottled,
    /// STS gave no answer that can be used.
    StsUnreachable,
    /// A template cannot be filled.
    TemplateFailed,
    /// The token is older than 15 min.
    TokenExpired,
    /// The token breaks another rule that needs no network.
    TokenFormat,
    /// The entry is pinned to another unique id.
    UniqueIdMismatch,
}

impl From<TokenError> for Denial {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl Denial {
    /// The reason code.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Token(error) => of_token(*error),
            Self::Sts(error) => of_sts(error),
            Self::Mapping(error) => of_mapping(error),
        }
    }

    /// Finer name, from a closed set; for log, `explain` and `verify` only.
    #[must_use]
    pub const fn detail(&self) -> Option<&'static str> {
        match self {
            Self::Token(error) => Some(error.label()),
            Self::Sts(error) => Some(error.label()),
            Self::Mapping(_) => None,
        }
    }

    /// `result` label of `authenticate_latency_seconds`, as the reference spells it (`uknown_user` included).
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Token(_) => "invalid_token",
            Self::Sts(StsError::Overloaded) => "overloaded",
            Self::Sts(StsError::Throttled { .. }) => "sts_throttling",
            Self::Sts(_) => "sts_error",
            Self::Mapping(_) => "uknown_user",
        }
    }

    /// HTTP status with `server.denyStatus: 403`: 403, 429 when throttled, 503 when overloaded.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Sts(StsError::Overloaded) => 503,
            Self::Sts(StsError::Throttled { .. }) => 429,
            Self::Token(_) | Self::Sts(_) | Self::Mapping(_) => 403,
        }
    }
}

impl Reason {
    /// All of them, by code.
    pub const ALL: [Self; 17] = [
        Self::Denied,
        Self::EmptyUsername,
        Self::ExpiredEntry,
        Self::NodeLookupUnavailable,
        Self::NodeNotVerified,
        Self::NotMapped,
        Self::NotYetValid,
        Self::Overloaded,
        Self::ReservedName,
        Self::StsContradiction,
        Self::StsRefused,
        Self::StsThrottled,
        Self::StsUnreachable,
        Self::TemplateFailed,
        Self::TokenExpired,
        Self::TokenFormat,
        Self::UniqueIdMismatch,
    ];

    /// Its code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::EmptyUsername => "empty_username",
            Self::ExpiredEntry => "expired_entry",
            Self::NodeLookupUnavailable => "node_lookup_unavailable",
            Self::NodeNotVerified => "node_not_verified",
            Self::NotMapped => "not_mapped",
            Self::NotYetValid => "not_yet_valid",
            Self::Overloaded => "overloaded",
            Self::ReservedName => "reserved_name",
            Self::StsContradiction => "sts_contradiction",
            Self::StsRefused => "sts_refused",
            Self::StsThrottled => "sts_throttled",
            Self::StsUnreachable => "sts_unreachable",
            Self::TemplateFailed => "template_failed",
            Self::TokenExpired => "token_expired",
            Self::TokenFormat => "token_format",
            Self::UniqueIdMismatch => "unique_id_mismatch",
        }
    }
}

const fn of_token(error: TokenError) -> Reason {
    if error.is_expired() { Reason::TokenExpired } else { Reason::TokenFormat }
}

const fn of_sts(error: &StsError) -> Reason {
    match (error.bearing(), error) {
        (Bearing::Contradiction, _) => Reason::StsContradiction,
        (Bearing::Refused, _) => Reason::StsRefused,
        (Bearing::Unavailable, StsError::Overloaded) => Reason::Overloaded,
        (Bearing::Unavailable, StsError::Throttled { .. }) => Reason::StsThrottled,
        (Bearing::Unavailable, _) => Reason::StsUnreachable,
    }
}

const fn of_mapping(error: &MappingError) -> Reason {
    match error {
        MappingError::Denied { .. } => Reason::Denied,
        MappingError::EmptyUsername(_) => Reason::EmptyUsername,
        MappingError::ExpiredEntry(_) => Reason::ExpiredEntry,
        MappingError::NotMapped => Reason::NotMapped,
        MappingError::NotYetValid(_) => Reason::NotYetValid,
        MappingError::Reserved { .. } => Reason::ReservedName,
        MappingError::Template { source, .. } => of_template(source),
        MappingError::UniqueIdMismatch(_) => Reason::UniqueIdMismatch,
    }
}

const fn of_template(error: &TemplateError) -> Reason {
    match error {
        TemplateError::NodeLookupUnavailable => Reason::NodeLookupUnavailable,
        TemplateError::NodeNotVerified | TemplateError::SessionIsNotInstanceId => Reason::NodeNotVerified,
        TemplateError::Absent(_) | TemplateError::Empty(_) | TemplateError::TooLong => Reason::TemplateFailed,
    }
}
