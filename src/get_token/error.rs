//! Why there is no token, and what to do about it.

use super::words::cure;
use super::{EndpointError, PresignError, ProfileError};

/// Why there is no token. Every message ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum GetTokenError {
    /// No provider has any.
    #[error(
        "no AWS credentials were found in environment, profile, web identity, container or instance metadata; \
         set AWS_PROFILE, run `aws sso login` or `aws configure`, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials,
    /// A provider of the chain failed.
    #[error("AWS credentials cannot be loaded: {0}; if a login has ended, run `aws sso login` or `aws login`")]
    Credentials(String),
    /// Nothing but the metadata service was left to ask, and it failed.
    #[error(
        "no AWS credentials were found, and the instance metadata service gives none: {0}; log in or set AWS_PROFILE, \
         or on EC2 check the instance profile (AWS_EC2_METADATA_DISABLED=true stops asking)"
    )]
    Metadata(String),
    /// The profile asked for gives none.
    #[error(
        "profile `{profile}` gives no credentials: {why}; if its login has ended, run `aws sso login --profile {profile}`"
    )]
    Profile {
        /// `--profile`.
        profile: String,
        /// The provider's words.
        why: String,
    },
    /// The AWS config files are of no use.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// STS gave no keys for the role.
    #[error("role `{role}` cannot be assumed ({code}): {why}; {}", cure(.code))]
    AssumeRole {
        /// `--role`.
        role: String,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        why: String,
    },
    /// `--forward-session-name`, and STS does not say who we are.
    #[error("the session name to forward is not known, GetCallerIdentity failed ({code}): {why}; {}", cure(.code))]
    CallerIdentity {
        /// AWS's error code.
        code: String,
        /// AWS's words.
        why: String,
    },
    /// No such STS host.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nothing could be signed.
    #[error(transparent)]
    Presign(#[from] PresignError),
    /// The system gives no event loop.
    #[error("the system gives no event loop: {0}; raise the limit of open files")]
    Runtime(std::io::Error),
}
