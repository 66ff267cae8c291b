//! Why there is no token, and what to do about it.
//!
//! Display says what failed and why, with AWS's code; [`GetTokenError::remedy`] says what to do. Each is one line, and
//! neither holds a secret or the query of a URL.

use super::words::{Refusal, clock_remedy, off_by, shell_word};
use super::{EndpointError, Origin, PresignError, ProfileError};

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum GetTokenError {
    /// STS gave no keys for a role.
    #[error("role `{}` cannot be assumed{}: {}", .0.role, .0.caller_clause(), .0.refusal)]
    AssumeRole(Box<RoleRefused>),
    /// STS does not say who we are.
    #[error("STS does not say whose keys these are: {refusal}")]
    CallerIdentity {
        /// Whose keys they are by their source.
        origin: Box<Origin>,
        /// What came instead.
        refusal: Box<Refusal>,
    },
    /// This machine's clock is so far off that nothing it signs is taken.
    #[error("this machine's clock is {} AWS: what it signs is refused", off_by(*.ahead))]
    Clock {
        /// Seconds it is ahead, by the Date header of AWS's answer; negative when behind.
        ahead: i64,
    },
    /// The container's credentials endpoint gives none.
    #[error("the container's credentials endpoint gives no credentials: {0}")]
    Container(String),
    /// A profile's `credential_process` gives none. Its output is never told: it may hold a secret.
    #[error("profile `{profile}` gives no credentials: its credential_process `{program}` {why}")]
    CredentialProcess {
        /// The profile.
        profile: String,
        /// First word of the command.
        program: String,
        /// How it ended.
        why: String,
    },
    /// No such STS host.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The `aws login` of a profile is absent or has ended.
    #[error("profile `{profile}` gives no credentials: {}", login_fault("its `aws login`", *.is_absent, .why))]
    Login {
        /// The profile.
        profile: String,
        /// There never was one, or there was a logout.
        is_absent: bool,
        /// The words of whoever refused.
        why: String,
    },
    /// The service behind `aws login` does not answer.
    #[error("profile `{profile}` gives no credentials: its `aws login` cannot be renewed: {refusal}")]
    LoginSilent {
        /// The profile.
        profile: String,
        /// What came instead.
        refusal: Box<Refusal>,
    },
    /// The instance metadata service answers, but gives none.
    #[error("the instance metadata service gives no credentials: {0}")]
    Metadata(String),
    /// A role wants an MFA code, and there is none.
    #[error("{whose} needs a code of MFA device `{serial}`: {why}")]
    Mfa {
        /// ``profile `P` `` or ``role `R` ``.
        whose: String,
        /// The device.
        serial: String,
        /// Why there is no code.
        why: MfaFault,
        /// The command that asks for one, in a terminal.
        command: String,
    },
    /// No provider has any.
    #[error("no AWS credentials were found: {}", .tried.join("; "))]
    NoCredentials {
        /// What was asked, in order, each with the reason why it gave none.
        tried: Vec<String>,
        /// The profiles there are, sorted.
        profiles: Vec<String>,
        /// The last that was asked.
        metadata: NoMetadata,
    },
    /// Nothing could be signed.
    #[error(transparent)]
    Presign(#[from] PresignError),
    /// A profile gives none.
    #[error("profile `{profile}` gives no credentials: {why}")]
    Profile {
        /// The profile.
        profile: String,
        /// The provider's words.
        why: String,
    },
    /// The AWS config files are of no use.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// The system gives no event loop.
    #[error("the system gives no event loop: {0}")]
    Runtime(std::io::Error),
    /// The IAM Identity Center login of a profile is absent or has ended.
    #[error("profile `{}` gives no credentials: {}", .origin.profile.as_deref().unwrap_or("default"), sso_fault(.origin, *.is_absent, .why))]
    Sso {
        /// The profile and its session.
        origin: Box<Origin>,
        /// There never was one, or there was a logout.
        is_absent: bool,
        /// The words of whoever refused.
        why: String,
    },
    /// IAM Identity Center knows the login, and gives no keys for the role.
    #[error("profile `{profile}` gives no credentials: IAM Identity Center lends no keys of role {role}: {refusal}")]
    SsoRole {
        /// The profile.
        profile: String,
        /// `ROLE in account ACCOUNT`.
        role: String,
        /// What came instead.
        refusal: Box<Refusal>,
    },
    /// STS gives no keys for a web identity token.
    #[error("role `{role}` cannot be assumed with the web identity token in {place}: {refusal}")]
    WebIdentity {
        /// The role.
        role: String,
        /// Where the token is.
        place: String,
        /// What came instead.
        refusal: Box<Refusal>,
    },
    /// There is no web identity token where it should be.
    #[error("role `{role}` cannot be assumed: its web identity token {place} cannot be read: {why}")]
    WebIdentityFile {
        /// The role.
        role: String,
        /// Where the token should be.
        place: String,
        /// The system's words.
        why: String,
    },
}

/// A role that could not be assumed, and all that bears on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoleRefused {
    /// The role's ARN.
    pub role: String,
    /// Who asked, if STS has told.
    pub caller: Option<String>,
    /// Where the asking keys came from.
    pub origin: Origin,
    /// The MFA device that was used.
    pub mfa_serial: Option<String>,
    /// Whether an external id was sent.
    pub has_external_id: bool,
    /// What came instead of keys.
    pub refusal: Refusal,
}

/// Why the instance metadata service has no keys for anybody.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum NoMetadata {
    /// It answers, and knows no role.
    NoRole,
    /// It was not asked: a variable switches it off.
    #[default]
    Off,
    /// It did not answer.
    Silent,
}

/// Why there is no MFA code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MfaFault {
    /// Nobody may be asked.
    #[error("kubectl lets nobody be asked (interactive: false)")]
    Refused,
    /// Neither a terminal nor standard input has an answer.
    #[error("there is no terminal to ask for one")]
    NobodyThere,
    /// What was typed is no code.
    #[error("what was typed is not six digits")]
    NoCode,
}

impl GetTokenError {
    /// What to do, with the command; one line.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::AssumeRole(refused) => refused.remedy(),
            Self::CallerIdentity { origin, refusal } if refusal.is_ended() => origin.renewal(),
            Self::CallerIdentity { refusal, .. } | Self::LoginSilent { refusal, .. } => refusal.remedy(),
            Self::Clock { ahead } => clock_remedy(*ahead),
            Self::Container(_) => {
                "check AWS_CONTAINER_CREDENTIALS_FULL_URI and the pod's identity association or task role, \
                 or give a profile: `--profile P`"
                    .to_owned()
            }
            Self::CredentialProcess { profile, .. } => {
                format!(
                    "run it by hand: `aws configure get credential_process --profile {}` shows it",
                    shell_word(profile)
                )
            }
            Self::Endpoint(error) => error.remedy(),
            Self::Login { profile, .. } => format!("run `aws login --profile {}`", shell_word(profile)),
            Self::Metadata(_) => "attach a role to the instance (`aws ec2 associate-iam-instance-profile`), \
                 or give a profile: `--profile P`"
                .to_owned(),
            Self::Mfa { why: MfaFault::NoCode, .. } => {
                "run the command again and type the device's six digits".to_owned()
            }
            Self::Mfa { command, .. } => format!("run once in a terminal: `{command}`"),
            Self::NoCredentials { profiles, metadata, .. } => no_credentials(profiles, *metadata),
            Self::Presign(PresignError::Clock(_)) => "set this machine's clock; `date -u` shows it".to_owned(),
            Self::Presign(PresignError::Unsignable) => {
                "look for stray characters in region, endpoint and keys: `aws configure list`".to_owned()
            }
            Self::Profile { profile, .. } => {
                format!("see what it holds: `aws configure list --profile {}`", shell_word(profile))
            }
            Self::Profiles(error) => error.remedy(),
            Self::Runtime(_) => "raise the limit of open files: `ulimit -n 1024`".to_owned(),
            Self::Sso { origin, .. } => format!("run {}", origin.sso_login()),
            Self::SsoRole { refusal, profile, .. } if refusal.code.is_some() => format!(
                "ask for the assignment, or check sso_account_id and sso_role_name: `aws configure list --profile {}`",
                shell_word(profile)
            ),
            Self::SsoRole { refusal, .. } => refusal.remedy(),
            Self::WebIdentity { refusal, .. } if refusal.code.is_some() && refusal.skew().is_none() => {
                "check the role's trust policy (issuer, audience, subject) and that the token file is fresh: \
                 `echo $AWS_ROLE_ARN $AWS_WEB_IDENTITY_TOKEN_FILE`"
                    .to_owned()
            }
            Self::WebIdentity { refusal, .. } => refusal.remedy(),
            Self::WebIdentityFile { .. } => {
                "check what puts the file there (in a pod: the service account's role annotation), \
                 or give a profile: `--profile P`"
                    .to_owned()
            }
        }
    }

    /// Seconds this machine's clock is ahead of AWS's, where AWS has answered; negative when behind.
    #[must_use]
    pub fn clock_ahead(&self) -> Option<i64> {
        match self {
            Self::AssumeRole(refused) => refused.refusal.clock_ahead,
            Self::Clock { ahead } => Some(*ahead),
            Self::CallerIdentity { refusal, .. }
            | Self::LoginSilent { refusal, .. }
            | Self::SsoRole { refusal, .. }
            | Self::WebIdentity { refusal, .. } => refusal.clock_ahead,
            Self::Container(_)
            | Self::CredentialProcess { .. }
            | Self::Endpoint(_)
            | Self::Login { .. }
            | Self::Metadata(_)
            | Self::Mfa { .. }
            | Self::NoCredentials { .. }
            | Self::Presign(_)
            | Self::Profile { .. }
            | Self::Profiles(_)
            | Self::Runtime(_)
            | Self::Sso { .. }
            | Self::WebIdentityFile { .. } => None,
        }
    }
}

impl RoleRefused {
    /// Who asked, unless AWS's own words say it.
    fn caller_clause(&self) -> String {
        match &self.caller {
            Some(caller) if !self.refusal.words.contains(caller) => format!(" by `{caller}`"),
            Some(_) | None => String::new(),
        }
    }

    fn remedy(&self) -> String {
        if self.refusal.is_ended() {
            return self.origin.renewal();
        }
        if !self.refusal.is_denied() {
            return self.refusal.remedy();
        }
        let caller = match &self.caller {
            Some(caller) => format!("`{caller}`"),
            None => "the caller (`aws sts get-caller-identity`)".to_owned(),
        };
        let mfa = match &self.mfa_serial {
            Some(_) => "type a fresh MFA code",
            None => "if it wants MFA give `--mfa-serial ARN` (in a profile: mfa_serial)",
        };
        let external_id = if self.has_external_id {
            "check the external id"
        } else {
            "if it wants an external id give `--external-id ID`"
        };
        format!("let the role's trust policy name {caller}; {mfa}; {external_id}")
    }
}

fn no_credentials(profiles: &[String], metadata: NoMetadata) -> String {
    let mut words = match profiles {
        [] => "log in with `aws login` or `aws configure sso`, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            .to_owned(),
        [..] => format!(
            "choose a profile ({}) with `--profile P` or AWS_PROFILE, or run `aws sso login` or `aws login`",
            names(profiles)
        ),
    };
    words.push_str(match metadata {
        NoMetadata::NoRole => "; or attach a role to this instance: `aws ec2 associate-iam-instance-profile`",
        NoMetadata::Off => "",
        NoMetadata::Silent => {
            "; on EC2 in a container raise the hop limit to 2 (`aws ec2 modify-instance-metadata-options`), \
             elsewhere set AWS_EC2_METADATA_DISABLED=true"
        }
    });
    words
}

/// The first names, and how many more there are.
pub(super) fn names(known: &[String]) -> String {
    const MOST: usize = 8;
    match known.get(..MOST) {
        Some(first) if known.len() > MOST => {
            format!("{} and {} more", first.join(", "), known.len().saturating_sub(MOST))
        }
        Some(_) | None => known.join(", "),
    }
}

fn sso_fault(origin: &Origin, is_absent: bool, why: &str) -> String {
    let login = match &origin.sso_session {
        Some(session) => format!("the IAM Identity Center login `{session}`"),
        None => "its IAM Identity Center login".to_owned(),
    };
    login_fault(&login, is_absent, why)
}

fn login_fault(login: &str, is_absent: bool, why: &str) -> String {
    match (is_absent, why) {
        (true, _) => format!("{login} is absent, nobody has logged in"),
        (false, "") => format!("{login} has ended"),
        (false, why) => format!("{login} has ended: {why}"),
    }
}
