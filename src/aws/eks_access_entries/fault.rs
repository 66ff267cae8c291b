//! Why EKS does not tell of access entries.

use aws_sdk_eks::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::aws::keys::KeyFault;
use crate::aws::query::{is_of_keys, is_slow_down, sound_code};

/// What EKS is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EksOperation {
    /// `DescribeAccessEntry`
    DescribeAccessEntry,
    /// `DescribeCluster`
    DescribeCluster,
    /// `ListAccessEntries`
    ListAccessEntries,
    /// `ListAssociatedAccessPolicies`
    ListAssociatedAccessPolicies,
}

/// Why EKS does not tell. Holds no key, signature, body or URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EksEntriesError {
    /// The keys may not ask this.
    #[error("EKS refuses {} to the keys (`{code}`); allow eks:{} to them", operation.as_str(), operation.as_str())]
    AccessDenied {
        /// What was asked.
        operation: EksOperation,
        /// AWS's code.
        code: String,
    },
    /// The keys are not taken.
    #[error("EKS does not take the keys (`{0}`); look at them and at this machine's clock")]
    BadKeys(String),
    /// No answer, or half of one.
    #[error("no answer from EKS: {0}; look at network, proxy and trust roots")]
    Connection(&'static str),
    /// There are no keys.
    #[error("no AWS keys to ask EKS with: {0}")]
    Keys(String),
    /// What came is not what was asked for.
    #[error("EKS's answer cannot be used: {0}")]
    Malformed(&'static str),
    /// The cluster is not there.
    #[error("EKS knows no such cluster; look at server.eksAccessEntries.clusterName and region")]
    NoCluster,
    /// The entry is not there.
    #[error("the principal has no access entry")]
    NoEntry,
    /// The cluster's authentication mode is `CONFIG_MAP`.
    #[error("the cluster's authentication mode has no access entries")]
    NoEntriesInMode,
    /// EKS says no, for another reason.
    #[error("EKS refused {} with status {status} and code `{code}`", operation.as_str())]
    Refused {
        /// What was asked.
        operation: EksOperation,
        /// The status.
        status: u16,
        /// AWS's code, or `none`.
        code: String,
    },
    /// The role cannot be assumed.
    #[error("the role `{role}` cannot be assumed: {why}")]
    Role {
        /// Its ARN.
        role: String,
        /// In words.
        why: String,
    },
    /// EKS asks to slow down.
    #[error("EKS asks to slow down (`{0}`)")]
    Throttled(String),
    /// Not within the limit of a call.
    #[error("EKS did not answer in time")]
    TimedOut,
    /// EKS is in trouble.
    #[error("EKS answered with status {0}")]
    Unavailable(u16),
    /// Settings or keys hold what cannot stand in a request.
    #[error("the call to EKS cannot be made: region, endpoint or keys hold characters that cannot stand in it")]
    Unsignable,
}

impl EksOperation {
    /// Its name at AWS.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DescribeAccessEntry => "DescribeAccessEntry",
            Self::DescribeCluster => "DescribeCluster",
            Self::ListAccessEntries => "ListAccessEntries",
            Self::ListAssociatedAccessPolicies => "ListAssociatedAccessPolicies",
        }
    }
}

impl EksEntriesError {
    /// Its class, a stable word: `code` of `iam_bridge_eks_calls_total`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::AccessDenied { .. } => "access_denied",
            Self::BadKeys(_) => "bad_keys",
            Self::Connection(_) => "connection",
            Self::Keys(_) => "no_keys",
            Self::Malformed(_) => "malformed",
            Self::NoCluster => "no_cluster",
            Self::NoEntry => "no_entry",
            Self::NoEntriesInMode => "mode",
            Self::Refused { .. } => "refused",
            Self::Role { .. } => "role",
            Self::Throttled(_) => "throttled",
            Self::TimedOut => "timeout",
            Self::Unavailable(_) => "unavailable",
            Self::Unsignable => "unsignable",
        }
    }

    /// Whether it is about what was asked for alone, and says nothing of other calls.
    #[must_use]
    pub const fn is_of_entry(&self) -> bool {
        matches!(self, Self::NoEntry | Self::Refused { .. } | Self::Malformed(_))
    }

    /// Whether it may be the fault of what was asked for, if other calls go well.
    #[must_use]
    pub const fn may_be_of_entry(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut | Self::Connection(_))
    }

    pub(super) fn of<E: ProvideErrorMetadata>(operation: EksOperation, error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::Unsignable,
            SdkError::TimeoutError(_) => Self::TimedOut,
            // The connector's words may name a proxy with its password.
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut,
            SdkError::DispatchFailure(_) => Self::Connection("the connection cannot be made or broke off"),
            SdkError::ResponseError(response) => unusable(response.raw().status().as_u16()),
            SdkError::ServiceError(service) => {
                let (status, error) = (service.raw().status().as_u16(), service.err());
                Self::refused(operation, status, error.code(), error.message().unwrap_or_default())
            }
            _ => Self::Connection("the call failed"),
        }
    }

    /// AWS's words are read, and never passed on: with a bad signature they repeat the signed request.
    fn refused(operation: EksOperation, status: u16, code: Option<&str>, words: &str) -> Self {
        let Some(code) = code.and_then(|code| sound_code(code.to_owned())) else { return unusable(status) };
        match code.as_str() {
            "ResourceNotFoundException" if is_of_entry(operation, words) => Self::NoEntry,
            "ResourceNotFoundException" => Self::NoCluster,
            "InvalidRequestException" if words.contains("authentication mode must be set") => Self::NoEntriesInMode,
            "AccessDeniedException" | "AccessDenied" => Self::AccessDenied { operation, code },
            "ExpiredTokenException" | "InvalidSignatureException" => Self::BadKeys(code),
            _ if is_of_keys(&code) => Self::BadKeys(code),
            _ if is_slow_down(&code) || status == 429 => Self::Throttled(code),
            _ if status >= 500 => Self::Unavailable(status),
            _ => Self::Refused { operation, status, code },
        }
    }
}

/// An entry's absence removes it; so what may be the cluster's is not taken for that.
fn is_of_entry(operation: EksOperation, words: &str) -> bool {
    let asks_of_one =
        matches!(operation, EksOperation::DescribeAccessEntry | EksOperation::ListAssociatedAccessPolicies);
    asks_of_one && words.contains("principalArn") && !words.starts_with("No cluster")
}

/// No code in it: half of an answer, or that of somebody in between.
const fn unusable(status: u16) -> EksEntriesError {
    match status {
        429 => EksEntriesError::Throttled(String::new()),
        500.. => EksEntriesError::Unavailable(status),
        _ => EksEntriesError::Malformed("it is no answer of EKS, or half of one"),
    }
}

impl From<KeyFault> for EksEntriesError {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Chain(why) => Self::Keys(why),
            KeyFault::Role { role, why } => Self::Role { role, why },
        }
    }
}
