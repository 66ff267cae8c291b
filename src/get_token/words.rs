//! What the SDK's errors say, fit for a terminal.
//!
//! AWS may answer a bad signature with the canonical request, and that holds the session token. It comes after the first
//! line, so only first lines are passed on, also where the SDK has escaped the line feed.

use std::error::Error;

use aws_sdk_sts::error::{ErrorMetadata, ProvideErrorMetadata};

/// Most characters of one cause.
const LONGEST: usize = 300;

/// AWS's error code and words; without an answer of AWS, what stood in the way.
pub(super) fn refusal<E: Error + ProvideErrorMetadata + 'static>(error: &E) -> (String, String) {
    match error.code() {
        Some(code) => (code.to_owned(), first_line(error.message().unwrap_or("no words"))),
        None => ("no answer".to_owned(), spoken(error)),
    }
}

/// An error, cause by cause, without repetition.
pub(super) fn spoken(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let line = match cause.downcast_ref::<ErrorMetadata>() {
            Some(answer) => first_line(answer.message().or_else(|| answer.code()).unwrap_or_default()),
            None => first_line(&cause.to_string()),
        };
        if !line.is_empty() && !words.iter().any(|word| word.contains(&line)) {
            words.push(line);
        }
        next = cause.source();
    }
    words.join(": ")
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split("\\n").next().unwrap_or_default();
    line.chars().take(LONGEST).collect()
}

/// What to do about AWS's error `code`.
pub(super) fn cure(code: &str) -> &'static str {
    match code {
        "AccessDenied" | "AccessDeniedException" => {
            "check the role's trust policy, its external id, and which credentials are in use"
        }
        "ExpiredToken" | "ExpiredTokenException" => "log in again: `aws sso login` or `aws login`",
        "InvalidClientTokenId" | "UnrecognizedClientException" => "check the access key and the region's partition",
        "RequestExpired" | "SignatureDoesNotMatch" => "check the secret key and this machine's clock",
        "RegionDisabledException" => "use the STS of a region that is enabled, with --region",
        "ValidationError" => "check role ARN, session name and external id",
        "no answer" => "check network, proxy variables and region",
        _ => "see AWS's documentation of this code",
    }
}
