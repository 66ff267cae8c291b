//! Why a call to EC2 brought nothing.

use crate::aws::keys::KeyFault;
use crate::aws::query::{QueryFault, Refusal, is_of_keys};

/// Why a call brought nothing. Holds no key, signature, body or URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum CallFault {
    /// 200, and no answer of EC2.
    #[error("what answers at EC2's address is not EC2: {0}")]
    Answer(&'static str),
    /// No answer, or half of one.
    #[error("no answer from EC2: {0}; look at network, proxy and trust roots")]
    Connection(&'static str),
    /// No keys to sign with.
    #[error("no AWS keys to ask EC2 with: {0}")]
    Keys(String),
    /// Neither `AWS_REGION` nor the metadata service.
    #[error("no region is known to ask EC2 in; set AWS_REGION")]
    NoRegion,
    /// EC2 says no.
    #[error("EC2 refused with status {status} and code `{code}`{}", remedy(code))]
    Refused {
        /// The status.
        status: u16,
        /// Its code, or `none`.
        code: String,
    },
    /// The role is not ours to assume.
    #[error("the role `{role}` cannot be assumed: {why}")]
    Role {
        /// Its ARN.
        role: String,
        /// In words.
        why: String,
    },
    /// EC2 is in trouble.
    #[error("EC2 answered with status {0}")]
    Status(u16),
    /// EC2 asks to slow down.
    #[error("EC2 asks to slow down (`{0}`)")]
    Throttled(String),
    /// Not within the budget.
    #[error("EC2 did not answer in time")]
    TimedOut,
    /// No trust root to check EC2's certificate with.
    #[error("{0}")]
    TrustRoots(String),
    /// Settings or keys hold what cannot stand in a request.
    #[error("the call to EC2 cannot be signed: region, endpoint or keys hold characters that cannot stand in it")]
    Unsignable,
}

impl CallFault {
    /// Whether the same call may do better in a moment.
    pub(super) const fn passes(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Status(_) | Self::Throttled(_) | Self::TimedOut => true,
            Self::Answer(_)
            | Self::Keys(_)
            | Self::NoRegion
            | Self::Refused { .. }
            | Self::Role { .. }
            | Self::TrustRoots(_)
            | Self::Unsignable => false,
        }
    }

    /// Whether all calls should rest before the next one. One that hung says nothing about the others.
    pub(super) const fn calls_for_rest(&self) -> bool {
        self.passes() && !matches!(self, Self::TimedOut)
    }
}

impl From<KeyFault> for CallFault {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Chain(why) => Self::Keys(why),
            KeyFault::Role { role, why } => Self::Role { role, why },
        }
    }
}

impl From<QueryFault> for CallFault {
    fn from(fault: QueryFault) -> Self {
        match fault {
            QueryFault::Connection(why) => Self::Connection(why),
            QueryFault::NoText => Self::Answer("it is no UTF-8"),
            QueryFault::TooLong => Self::Answer("it is longer than 8 MiB"),
            QueryFault::TrustRoots(why) => Self::TrustRoots(why),
            QueryFault::Unsignable => Self::Unsignable,
        }
    }
}

impl From<Refusal> for CallFault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused { status, code } => Self::Refused { status, code },
            Refusal::Status(status) => Self::Status(status),
            Refusal::Throttled(code) => Self::Throttled(code),
        }
    }
}

/// What to do about a code, if it says so.
fn remedy(code: &str) -> &'static str {
    match code {
        "UnauthorizedOperation" | "AccessDenied" => "; allow ec2:DescribeInstances to the server's keys",
        code if is_of_keys(code) => "; look at the server's AWS keys and its clock",
        _ => "",
    }
}
