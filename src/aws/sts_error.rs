//! Why STS did not prove a caller, and what that means for what memory holds.

use crate::iam::IdentityError;
use crate::token::StsRegion;

/// Why STS did not prove a caller. No variant holds a URL, a body or a byte of the token.
///
/// Messages begin as the reference's do: `sts getCallerIdentity failed: `, or `… was throttled: `.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StsError {
    /// A valid answer names somebody else than an earlier one for the same token.
    #[error("sts getCallerIdentity failed: the answer names somebody else than before")]
    AnotherIdentity,
    /// 200, but content type, size, encoding or JSON is not that of STS.
    #[error("sts getCallerIdentity failed: the answer of STS in `{}` is {fault}", region.as_str())]
    BadAnswer {
        /// Label of the host's region.
        region: StsRegion,
        /// What is wrong with it.
        fault: AnswerFault,
    },
    /// The answer began and did not end.
    #[error("sts getCallerIdentity failed: the answer of STS in `{}` broke off", region.as_str())]
    BodyLost {
        /// Label of the host's region.
        region: StsRegion,
    },
    /// Most of the last calls there failed; tried again within seconds.
    #[error("sts getCallerIdentity failed: STS in `{}` failed too often just now; it is tried again every 5 s", region.as_str())]
    BreakerOpen {
        /// Label of the host's region.
        region: StsRegion,
    },
    /// No connection, or none that lasted until an answer began.
    #[error("sts getCallerIdentity failed: no answer from STS in `{}`: {why}; check network, proxy and trust roots", region.as_str())]
    Connection {
        /// Label of the host's region.
        region: StsRegion,
        /// The chain of causes.
        why: String,
    },
    /// 200, but who is named cannot be.
    #[error("sts getCallerIdentity failed: {0}")]
    Identity(IdentityError),
    /// No place for the call within 2 s: ours is the overload.
    #[error("sts getCallerIdentity failed: too many calls to STS are under way or waiting")]
    Overloaded,
    /// AWS says no: bad signature, unknown or disabled key, ended session.
    #[error("sts getCallerIdentity failed: STS refused with status {status} and code `{code}`")]
    Refused {
        /// 400, 401 or 403.
        status: u16,
        /// The code in the answer: up to 64 letters, digits, dots.
        code: String,
    },
    /// Another status than 200, and no refusal either.
    #[error("sts getCallerIdentity failed: STS in `{}` answered with status {status}", region.as_str())]
    Status {
        /// The status.
        status: u16,
        /// Label of the host's region.
        region: StsRegion,
    },
    /// STS asks us to slow down.
    #[error("sts getCallerIdentity was throttled: STS in `{}` answered with status {status}", region.as_str())]
    Throttled {
        /// The status.
        status: u16,
        /// Label of the host's region.
        region: StsRegion,
    },
    /// No answer within the call's whole life.
    #[error("sts getCallerIdentity failed: STS in `{}` did not answer in time", region.as_str())]
    TimedOut {
        /// Label of the host's region.
        region: StsRegion,
    },
}

/// What is wrong with a 200.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AnswerFault {
    /// Not `application/json`.
    ContentType,
    /// Not UTF-8, not one JSON object, a repeated or mistyped member, trailing bytes.
    Json,
    /// Over 64 KiB.
    TooLarge,
}

impl AnswerFault {
    /// What it is, in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContentType => "of another content type than application/json",
            Self::Json => "not one JSON object as STS writes it",
            Self::TooLarge => "larger than 64 KiB",
        }
    }
}

impl std::fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a failed call says about an identity that memory holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Bearing {
    /// A valid answer that fits neither itself nor the past: forget and refuse.
    Contradiction,
    /// A definite no: forget, refuse, and remember it for seconds.
    Refused,
    /// Nothing: memory may go on serving what it may serve.
    Unavailable,
}

impl Bearing {
    /// Its name in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Contradiction => "contradicted",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

impl StsError {
    /// What it says about an identity that memory holds.
    #[must_use]
    pub const fn bearing(&self) -> Bearing {
        match self {
            Self::Refused { .. } => Bearing::Refused,
            Self::AnotherIdentity
            | Self::Identity(IdentityError::AccountMismatch | IdentityError::PartitionMismatch) => {
                Bearing::Contradiction
            }
            Self::BadAnswer { .. }
            | Self::BodyLost { .. }
            | Self::BreakerOpen { .. }
            | Self::Connection { .. }
            | Self::Identity(IdentityError::BadArn(_) | IdentityError::MalformedUserId)
            | Self::Overloaded
            | Self::Status { .. }
            | Self::Throttled { .. }
            | Self::TimedOut { .. } => Bearing::Unavailable,
        }
    }

    /// The finer name in logs, `explain` and `verify`, as the vectors spell it.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::AnotherIdentity => "another_identity",
            Self::BadAnswer { fault, .. } => match fault {
                AnswerFault::ContentType => "bad_content_type",
                AnswerFault::Json => "bad_json",
                AnswerFault::TooLarge => "answer_too_large",
            },
            Self::BodyLost { .. } => "body_lost",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Connection { .. } => "connection",
            Self::Identity(fault) => fault.label(),
            Self::Overloaded => "overloaded",
            Self::Refused { .. } | Self::Status { .. } => "sts_status",
            Self::Throttled { .. } => "throttled",
            Self::TimedOut { .. } => "timeout",
        }
    }
}
