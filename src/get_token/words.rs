//! What AWS's answers and the SDK's errors say, fit for a terminal.
//!
//! AWS may answer a bad signature with the canonical request, and that holds the session token. It comes after the first
//! line, so only first lines are passed on, also where the SDK has escaped the line feed. Of a URL its query is left out.

use std::error::Error;
use std::fmt;

use aws_sdk_sts::error::{ErrorMetadata, ProvideErrorMetadata};

use crate::aws::TRUST_ROOTS;

/// Most characters of one cause.
const LONGEST: usize = 300;

/// Links of the SDK's chains that tell nobody anything.
const HOLLOW: [&str; 11] = [
    "an error occurred while loading credentials",
    "client error (Connect)",
    "dispatch failure",
    "io error",
    "other",
    "service error",
    "the credential provider was not enabled",
    "timeout",
    "unexpected credentials error",
    "unhandled error",
    "user error",
];

/// From here on a clock may be why AWS refuses a signature, seconds; AWS forgives five minutes.
pub(super) const SKEW: i64 = 4 * 60;

/// Codes by which AWS refuses a signature of the wrong time, among other things.
const SKEW_CODES: [&str; 6] = [
    "AuthFailure",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// A call to AWS that brought nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// AWS's error code; `None` when AWS did not answer.
    pub code: Option<String>,
    /// AWS's words, or what stood in the way; one line, no secret.
    pub words: String,
    /// Scheme, host and port that were asked.
    pub endpoint: String,
    /// Seconds this machine's clock is ahead of AWS's, by the answer's Date header; negative when behind.
    pub clock_ahead: Option<i64>,
}

impl Refusal {
    pub(super) fn of<E: Error + ProvideErrorMetadata + 'static>(
        error: &E,
        endpoint: &str,
        clock_ahead: Option<i64>,
    ) -> Self {
        let (code, words) = match error.code() {
            Some(code) => (Some(code.to_owned()), first_line(error.message().unwrap_or("no words"))),
            None => (None, spoken(error)),
        };
        Self { code, words, endpoint: endpoint.to_owned(), clock_ahead }
    }

    pub(super) fn silence(endpoint: &str, words: &str) -> Self {
        Self { code: None, words: words.to_owned(), endpoint: endpoint.to_owned(), clock_ahead: None }
    }

    /// Somebody has answered, but not as AWS does.
    pub(super) fn strange(self, status: u16) -> Self {
        let words = format!("what answers at `{}` is not AWS", self.endpoint);
        Self { code: Some(format!("{STRANGE}{status}")), words, ..self }
    }

    /// How far this machine's clock is off, if that is why AWS refused: seconds ahead, or behind when negative.
    #[must_use]
    pub fn skew(&self) -> Option<i64> {
        let is_skew = self.code.as_deref().is_some_and(|code| SKEW_CODES.contains(&code));
        self.clock_ahead.filter(|ahead| is_skew && ahead.abs() >= SKEW)
    }

    /// Whether AWS says that the keys have ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.code.as_deref().is_some_and(|code| code.starts_with("ExpiredToken"))
    }

    /// Whether AWS says that the caller may not.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.code.as_deref().is_some_and(|code| code.starts_with("AccessDenied"))
    }

    /// What to do when there was no answer.
    fn way_to_an_answer(&self) -> String {
        if self.words.contains(TRUST_ROOTS) {
            return "check the file that AWS_CA_BUNDLE, SSL_CERT_FILE or the profile's ca_bundle names".to_owned();
        }
        if self.words.contains("invalid peer certificate") {
            return "a proxy that looks into TLS has a CA of its own: name its file, `export AWS_CA_BUNDLE=FILE`"
                .to_owned();
        }
        let endpoint = self.endpoint.trim_end_matches('/');
        format!("check the network, the region and HTTPS_PROXY; try `curl -sSI {endpoint}`")
    }

    /// What to do about it, where it does not depend on the keys.
    pub(super) fn remedy(&self) -> String {
        if let Some(ahead) = self.skew() {
            return clock_remedy(ahead);
        }
        let Some(code) = &self.code else {
            return self.way_to_an_answer();
        };
        match code.as_str() {
            "AccessDenied" | "AccessDeniedException" => {
                "see who you are with `aws sts get-caller-identity`, then check permissions and trust policy"
            }
            "InvalidClientTokenId" | "UnrecognizedClientException" => {
                "check the access key and that the region is in its partition, with `aws sts get-caller-identity`"
            }
            "RegionDisabledException" => "use the STS of a region that is enabled: `--region R`",
            "RequestExpired" | "RequestTimeTooSkewed" | "SignatureDoesNotMatch" => {
                "check the secret key and this machine's clock: `date -u`"
            }
            code if code.starts_with(STRANGE) => {
                "check HTTPS_PROXY, NO_PROXY and AWS_ENDPOINT_URL_STS: `env | grep -i -e proxy -e endpoint`"
            }
            "Throttling" | "ThrottlingException" | "TooManyRequestsException" => "wait a little and try again",
            "ValidationError" => "check role ARN, session name, external id and duration",
            _ => "run `iam-bridge doctor`",
        }
        .to_owned()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, self.skew()) {
            (Some(code), Some(ahead)) => write!(f, "this machine's clock is {} AWS ({code})", off_by(ahead)),
            (Some(code), None) => write!(f, "{} ({code})", self.words.trim_end_matches('.')),
            (None, _) if self.words.contains(TRUST_ROOTS) => f.write_str(&self.words),
            (None, _) => write!(f, "no answer from `{}`: {}", self.endpoint, self.words),
        }
    }
}

/// A code of ours: the HTTP status of an answer that holds none of AWS's.
const STRANGE: &str = "HTTP ";

/// How a clock is set by the network.
const CLOCK_COMMAND: &str = if cfg!(windows) {
    "`w32tm /resync`"
} else if cfg!(target_os = "macos") {
    "`sudo sntp -sS time.apple.com`"
} else {
    "`sudo timedatectl set-ntp true`"
};

/// What to do about a clock that is so much ahead, or behind when negative.
pub(super) fn clock_remedy(ahead: i64) -> String {
    format!("synchronise this machine's clock, it is {} AWS: {CLOCK_COMMAND}", off_by(ahead))
}

/// `7 min ahead of`, `50 s behind`.
pub(super) fn off_by(ahead: i64) -> String {
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    match ahead.unsigned_abs() {
        seconds @ 0..=119 => format!("{seconds} s {direction}"),
        seconds => format!("{} min {direction}", seconds.saturating_add(30) / 60),
    }
}

/// An error, cause by cause, without repetition.
pub(super) fn spoken(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in causes(error) {
        let line = match cause.downcast_ref::<ErrorMetadata>() {
            Some(answer) => first_line(answer.message().or_else(|| answer.code()).unwrap_or_default()),
            None => first_line(&cause.to_string()),
        };
        let is_hollow = HOLLOW.contains(&line.as_str());
        if !line.is_empty() && !is_hollow && !words.iter().any(|word| word.contains(&line)) {
            words.push(line);
        }
    }
    words.join(": ")
}

/// An error, and the chain of its causes.
pub(super) fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

/// The first line, bounded; no query of a URL.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split("\\n").next().unwrap_or_default();
    let words: Vec<&str> = line
        .split(' ')
        .map(|word| if word.contains('/') { word.split('?').next().unwrap_or_default() } else { word })
        .collect();
    words.join(" ").chars().take(LONGEST).collect()
}

/// A word as a shell takes it.
pub(super) fn shell_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@+=,%".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
