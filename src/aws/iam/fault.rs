//! Why IAM does not say.

use http::StatusCode;

use crate::aws::query::{QueryFault, Refusal, is_of_keys};
use crate::iam::AccountId;

/// Codes by which IAM says that the keys are good and may not.
const DENIED: [&str; 3] = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];

/// Why IAM does not say. Holds no key, signature, body or URL; [`IamError::remedy`] says what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IamError {
    /// What answers is not AWS.
    #[error("what answers at {0}'s address is not {0}")]
    Answer(&'static str),
    /// The keys are not taken; the code.
    #[error("AWS does not take the keys (`{0}`)")]
    BadKeys(String),
    /// The keys may not ask this.
    #[error("the keys may not call {action} (`{code}`)")]
    Denied {
        /// `GetRole`, `GetUser`, `GetCallerIdentity`.
        action: &'static str,
        /// AWS's code.
        code: String,
    },
    /// There are no keys.
    #[error("no AWS keys to ask IAM with: {0}")]
    Keys(String),
    /// IAM answers for the account of the keys alone.
    #[error("account {asked} is another than that of the keys, {own}")]
    OtherAccount {
        /// That was asked about.
        asked: AccountId,
        /// Of the keys.
        own: AccountId,
    },
    /// AWS says no, for another reason.
    #[error("{action} was refused with status {status} and code `{code}`")]
    Refused {
        /// `GetRole`, `GetUser`, `GetCallerIdentity`.
        action: &'static str,
        /// The status.
        status: u16,
        /// AWS's code, or `none`.
        code: String,
    },
    /// AWS asks to slow down; its code.
    #[error("AWS asks to slow down (`{0}`)")]
    Throttled(String),
    /// Endpoint, region or keys hold what cannot stand in a request.
    #[error("the call cannot be signed: region, endpoint or keys hold characters that cannot stand in it")]
    Unsignable,
    /// No answer, half of one, or trouble at AWS.
    #[error("{0}")]
    Unavailable(String),
}

impl IamError {
    /// Its class, a stable word: metrics and reports count by it.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::BadKeys(_) => "bad_keys",
            Self::Denied { .. } => "denied",
            Self::Keys(_) => "no_keys",
            Self::OtherAccount { .. } => "other_account",
            Self::Refused { .. } => "refused",
            Self::Throttled(_) => "throttled",
            Self::Unsignable => "unsignable",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whether the same question may do better in a moment.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Unavailable(_))
    }

    /// Whether it is about one principal; every other fault meets all questions alike.
    #[must_use]
    pub const fn is_of_one(&self) -> bool {
        matches!(self, Self::OtherAccount { .. } | Self::Refused { .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Answer(_) => "look at AWS_ENDPOINT_URL_IAM, AWS_ENDPOINT_URL and HTTPS_PROXY".to_owned(),
            Self::BadKeys(_) => "look at the keys and at this machine's clock: aws sts get-caller-identity".to_owned(),
            Self::Denied { action, .. } => format!("allow iam:{action} to the keys, or use others with --profile"),
            Self::Keys(_) => "log in, or set AWS_PROFILE: aws sts get-caller-identity".to_owned(),
            Self::OtherAccount { asked, .. } => format!("ask with keys of account {asked}"),
            Self::Refused { .. } => "look the code up in AWS's documents of IAM".to_owned(),
            Self::Throttled(_) => "wait a minute and ask again".to_owned(),
            Self::Unsignable => "look at AWS_REGION, AWS_ENDPOINT_URL_IAM and the keys".to_owned(),
            Self::Unavailable(_) => "look at network, proxy and trust roots, and ask again".to_owned(),
        }
    }
}

/// A status other than 200.
pub(super) fn refused(status: StatusCode, code: Option<String>, action: &'static str) -> IamError {
    match Refusal::of(status, code) {
        Refusal::Throttled(code) => IamError::Throttled(code),
        Refusal::Status(status) => IamError::Unavailable(format!("AWS answered {action} with status {status}")),
        Refusal::Refused { code, .. } if DENIED.contains(&code.as_str()) => IamError::Denied { action, code },
        Refusal::Refused { code, .. } if is_of_keys(&code) => IamError::BadKeys(code),
        Refusal::Refused { status, code } => IamError::Refused { action, status, code },
    }
}

/// No whole answer of `service`.
pub(super) fn unanswered(fault: QueryFault, service: &'static str) -> IamError {
    let service = name(service);
    match fault {
        QueryFault::Connection(why) => IamError::Unavailable(format!("no answer from {service}: {why}")),
        QueryFault::NoText | QueryFault::TooLong => IamError::Answer(service),
        QueryFault::TrustRoots(why) => IamError::Unavailable(why),
        QueryFault::Unsignable => IamError::Unsignable,
    }
}

/// No answer of `service` within the time.
pub(super) fn timed_out(service: &'static str) -> IamError {
    IamError::Unavailable(format!("{} did not answer in time", name(service)))
}

fn name(service: &'static str) -> &'static str {
    if service == "sts" { "STS" } else { "IAM" }
}
