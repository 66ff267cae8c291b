//! Why an SDK provider gave no keys, told so that a person can do something about it.
//!
//! The SDK's errors are chains of words. What they mean is known by who was asked, by AWS's code in them, and by whether
//! the login's file is there. The output of a `credential_process` stands in its error, and is never passed on.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use secrecy::ExposeSecret;

use super::providers::Providers;
use super::role_chain::{Chain, First, Sso};
use crate::get_token::error::NoMetadata;
use crate::get_token::words::{Refusal, causes, spoken};
use crate::get_token::{GetTokenError, KeySettings, KeySource};

/// Why a source has no keys that was asked without being named by anybody.
#[derive(Debug)]
pub(super) struct Without {
    pub(super) why: String,
    /// For the metadata service.
    pub(super) metadata: NoMetadata,
}

/// A profile that names a way to keys, and it led nowhere.
pub(super) fn of_profile(chain: &Chain<'_>, error: &CredentialsError, providers: &Providers<'_>) -> GetTokenError {
    let profile = chain.base.to_owned();
    match &chain.first {
        First::CredentialProcess(command) => {
            GetTokenError::CredentialProcess { profile, program: program(command), why: process_fault(&spoken(error)) }
        }
        First::Login(_) => login(chain, error, providers),
        First::Sso(sso) => sso_fault(chain, *sso, error, providers),
        First::WebIdentity { role, file } => web_identity(role, &format!("`{file}`"), error, providers),
        First::Absent | First::Container | First::Environment | First::Imds | First::Keys(_) => {
            GetTokenError::Profile { profile, why: spoken(error) }
        }
    }
}

/// A source that is no profile: either it is not set up, or it failed.
pub(super) fn of_source(
    source: KeySource,
    error: &CredentialsError,
    providers: &Providers<'_>,
) -> Result<Without, GetTokenError> {
    let is_absent = matches!(error, CredentialsError::CredentialsNotLoaded(_));
    let words = spoken(error);
    let without = |why: &str| Ok(Without { why: why.to_owned(), metadata: NoMetadata::Off });
    match source {
        KeySource::WebIdentity if is_absent && words.contains("AWS_ROLE_ARN") => {
            without("AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not")
        }
        KeySource::WebIdentity if is_absent => without("AWS_WEB_IDENTITY_TOKEN_FILE is not set"),
        KeySource::WebIdentity => {
            let role = variable(providers.settings, "AWS_ROLE_ARN").unwrap_or_default();
            let file = variable(providers.settings, "AWS_WEB_IDENTITY_TOKEN_FILE").unwrap_or_default();
            Err(web_identity(role, &format!("`{file}` (AWS_WEB_IDENTITY_TOKEN_FILE)"), error, providers))
        }
        KeySource::Container if is_absent => without("AWS_CONTAINER_CREDENTIALS_FULL_URI is not set"),
        KeySource::Container => Err(GetTokenError::Container(words)),
        _ if is_absent && words.contains("disabled") => without("switched off by AWS_EC2_METADATA_DISABLED"),
        _ if is_absent && words.contains("404") => {
            Ok(Without { why: "this instance has no role".to_owned(), metadata: NoMetadata::NoRole })
        }
        _ if is_absent => Ok(Without { why: "no answer".to_owned(), metadata: NoMetadata::Silent }),
        _ if matches!(error, CredentialsError::InvalidConfiguration(_)) => Err(GetTokenError::Metadata(words)),
        // Whoever answers there need not be EC2: some networks answer everything.
        _ => without(words.trim_end_matches('.')),
    }
}

fn sso_fault(chain: &Chain<'_>, sso: Sso<'_>, error: &CredentialsError, providers: &Providers<'_>) -> GetTokenError {
    if sso.account.is_none() || sso.role.is_none() {
        let why = "sso_account_id and sso_role_name are not both set".to_owned();
        return GetTokenError::Profile { profile: chain.base.to_owned(), why };
    }
    if matches!(error, CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)) {
        return GetTokenError::Profile { profile: chain.base.to_owned(), why: spoken(error) };
    }
    let refusal =
        refusal(error, &format!("https://portal.sso.{}.amazonaws.com", sso.region.unwrap_or(providers.region)));
    let is_absent = is_login_absent(chain, providers.settings);
    let is_over = match refusal.code.as_deref() {
        Some(code) => code.starts_with("Unauthorized"),
        None => is_absent || refusal.words.contains("SSO token") || refusal.words.contains("failed to read"),
    };
    if is_over {
        let why = if refusal.code.is_some() { refusal.to_string() } else { String::new() };
        return GetTokenError::Sso { origin: Box::new(chain.origin()), is_absent, why };
    }
    GetTokenError::SsoRole {
        profile: chain.base.to_owned(),
        role: format!("`{}` in account {}", sso.role.unwrap_or_default(), sso.account.unwrap_or_default()),
        refusal: Box::new(refusal),
    }
}

fn login(chain: &Chain<'_>, error: &CredentialsError, providers: &Providers<'_>) -> GetTokenError {
    let profile = chain.base.to_owned();
    let is_absent = is_login_absent(chain, providers.settings);
    if !is_absent && is_transport(error) {
        let endpoint = format!("https://{}.signin.aws.amazon.com", providers.region);
        return GetTokenError::LoginSilent { profile, refusal: Box::new(Refusal::silence(&endpoint, &spoken(error))) };
    }
    // Beyond the first colon stand the SDK's own advice and AWS's answer.
    let words = spoken(error);
    let why = words.split_once("failed to refresh cached Login token: ").map_or("", |(_, why)| why);
    let why = why.split(['.', ':']).next().unwrap_or_default().trim();
    GetTokenError::Login { profile, is_absent, why: why.to_owned() }
}

fn web_identity(role: &str, place: &str, error: &CredentialsError, providers: &Providers<'_>) -> GetTokenError {
    let endpoint = format!("https://sts.{}.amazonaws.com", providers.region);
    let answered = causes(error).find_map(|cause| cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError>>());
    let Some(answer) = answered else {
        return GetTokenError::WebIdentityFile { role: role.to_owned(), place: place.to_owned(), why: spoken(error) };
    };
    let date = answer.raw_response().and_then(|response| response.headers().get("date"));
    let ahead = date.and_then(|date| super::sts::clock_ahead(date, providers.clock));
    let refusal = Refusal::of(answer, &endpoint, ahead);
    GetTokenError::WebIdentity { role: role.to_owned(), place: place.to_owned(), refusal: Box::new(refusal) }
}

/// AWS's code and words out of an SDK error whose type is not ours to see.
fn refusal(error: &CredentialsError, endpoint: &str) -> Refusal {
    let is_code = |word: &str| word.ends_with("Exception") && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    for cause in causes(error) {
        let text = cause.to_string();
        let (first, rest) = text.split_once(':').unwrap_or((text.as_str(), ""));
        if let Some(code) = first.split_whitespace().next().filter(|word| is_code(word)) {
            let words = rest.lines().next().unwrap_or_default().trim().to_owned();
            return Refusal { code: Some(code.to_owned()), ..Refusal::silence(endpoint, &words) };
        }
        if let Some(answer) = cause.downcast_ref::<aws_sdk_sts::error::ErrorMetadata>()
            && answer.code().is_some()
        {
            return Refusal::of(answer, endpoint, None);
        }
    }
    Refusal::silence(endpoint, &spoken(error))
}

fn is_transport(error: &CredentialsError) -> bool {
    causes(error).any(|cause| cause.is::<aws_sdk_sts::error::ConnectorError>())
}

fn is_login_absent(chain: &Chain<'_>, settings: &KeySettings) -> bool {
    chain.login_file(settings).is_some_and(|file| !file.exists())
}

/// How a `credential_process` ended: nothing of what it wrote.
fn process_fault(words: &str) -> String {
    if let Some((_, rest)) = words.split_once("exited with code ") {
        let status = rest.split(". Stderr:").next().unwrap_or_default();
        let status = status.replacen(':', "", 1);
        let guess = if status.ends_with(" 127") { ", which mostly means that it is not found" } else { "" };
        return format!("ended with {status}{guess}");
    }
    if let Some((_, rest)) = words.split_once("Expected field `") {
        let field = rest.split('`').next().unwrap_or_default();
        return format!("answers without the field {field}");
    }
    if words.contains("could not parse") || words.contains("could not decode") {
        return "answers with what is no credential document of version 1".to_owned();
    }
    "cannot be started".to_owned()
}

/// The program a command line starts: its first word that sets no variable.
fn program(command: &str) -> String {
    let command = command.trim_start();
    if let Some(rest) = command.strip_prefix('"') {
        return rest.split('"').next().unwrap_or_default().to_owned();
    }
    command.split_whitespace().find(|word| !word.contains('=')).unwrap_or_default().to_owned()
}

fn variable<'s>(settings: &'s KeySettings, name: &str) -> Option<&'s str> {
    let (_, value) = settings.fingerprint.variables.iter().find(|(known, _)| *known == name)?;
    Some(value.expose_secret())
}
