//! Where keys came from, and how a person gets new ones from there.

use crate::get_token::KeySource;
use crate::get_token::words::shell_word;

/// Where the first keys of a chain came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The kind of place.
    pub source: KeySource,
    /// The profile that holds or names them.
    pub profile: Option<String>,
    /// Its `sso_session`.
    pub sso_session: Option<String>,
}

impl Origin {
    /// Keys of no profile.
    pub(super) const fn of(source: KeySource) -> Self {
        Self { source, profile: None, sso_session: None }
    }

    /// What to do when these keys have ended.
    pub(in crate::get_token) fn renewal(&self) -> String {
        let profile =
            self.profile.as_deref().map(|name| format!(" --profile {}", shell_word(name))).unwrap_or_default();
        match self.source {
            KeySource::Cache => "run without `--cache`, or delete the cache file: \
                 `rm ~/.kube/cache/aws-iam-authenticator/credentials.yaml`"
                .to_owned(),
            KeySource::Container => {
                "the container's credentials endpoint gave keys that have ended; restart the pod or the task".to_owned()
            }
            KeySource::CredentialProcess => format!(
                "log in to what the `credential_process` of profile `{}` asks, then try again",
                self.profile.as_deref().unwrap_or("default")
            ),
            KeySource::Environment => "export new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, \
                 or unset them and use a profile: `--profile P`"
                .to_owned(),
            KeySource::Imds => "check the instance's role and clock, or give a profile: `--profile P`".to_owned(),
            KeySource::Login => format!("log in again: `aws login{profile}`"),
            KeySource::Profile => format!("put new keys into the profile: `aws configure{profile}`"),
            KeySource::Sso => format!("log in again: {}", self.sso_login()),
            KeySource::WebIdentity => {
                "get a new web identity token into the file that AWS_WEB_IDENTITY_TOKEN_FILE names".to_owned()
            }
        }
    }

    /// The command that makes the login anew which the keys depend on.
    pub(super) fn login_command(&self) -> String {
        let profile = self.profile.as_deref().unwrap_or("default");
        match self.source {
            KeySource::Login => format!("`aws login --profile {}`", shell_word(profile)),
            _ => self.sso_login(),
        }
    }

    /// The command that logs in to IAM Identity Center.
    pub(in crate::get_token) fn sso_login(&self) -> String {
        match (&self.sso_session, &self.profile) {
            (Some(session), _) => format!("`aws sso login --sso-session {}`", shell_word(session)),
            (None, Some(profile)) => format!("`aws sso login --profile {}`", shell_word(profile)),
            (None, None) => "`aws sso login`".to_owned(),
        }
    }
}
