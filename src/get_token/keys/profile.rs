//! The AWS config files, as far as we decide by them: region, endpoint settings, and what a profile would need.
//!
//! They are read with the SDK's own parser, so that we and its credential providers see the same profiles.

use std::borrow::Cow;
use std::error::Error;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_config::profile::{self, Profile, ProfileSet};
use aws_credential_types::Credentials;
use aws_runtime::env_config::EnvConfigValue;
use aws_types::os_shim_internal::{Env, Fs};

use crate::get_token::KeySettings;
use crate::get_token::error::names;
use crate::get_token::words::{causes, shell_word};

/// The profiles of `~/.aws/config` and `~/.aws/credentials` (or the files the environment names), one of them selected.
#[derive(Debug, Default)]
pub(super) struct Profiles(ProfileSet);

/// One profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'p>(&'p Profile);

/// Why the AWS config files are of no use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// Profiles build upon each other in a circle.
    #[error("profile `{}` builds upon itself by source_profile: {}", .0.first().map(String::as_str).unwrap_or_default(), .0.join(" → "))]
    Loop(Vec<String>),
    /// The profile asked for stands in no file.
    #[error("profile `{profile}` is not in the AWS config files ({files}); they hold {}", known_names(.known))]
    NotFound {
        /// The profile asked for.
        profile: String,
        /// The files looked at.
        files: String,
        /// The names there are, sorted.
        known: Vec<String>,
    },
    /// A profile builds upon one that stands in no file.
    #[error("profile `{profile}` builds upon `{source_profile}`, which is not in the AWS config files; they hold {}", known_names(.known))]
    NoSource {
        /// The profile that builds.
        profile: String,
        /// Its `source_profile`.
        source_profile: String,
        /// The names there are, sorted.
        known: Vec<String>,
    },
    /// A profile contradicts itself or leaves something out.
    #[error("profile `{profile}` gives no credentials: {why}")]
    Unfit {
        /// The profile.
        profile: String,
        /// What is wrong.
        why: String,
    },
    /// A file cannot be read or parsed.
    #[error("the AWS config files cannot be used: {0}")]
    Unreadable(String),
}

impl ProfileError {
    /// What to do, with the command; one line.
    pub(in crate::get_token) fn remedy(&self) -> String {
        match self {
            Self::Loop(profiles) => lead_elsewhere(profiles.first().map(String::as_str).unwrap_or_default()),
            Self::NoSource { profile, .. } => lead_elsewhere(profile),
            Self::Unreadable(_) => {
                "mend the file; AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name others".to_owned()
            }
            Self::NotFound { known, .. } if known.is_empty() => {
                "make it with `aws configure sso` or `aws configure`, or check AWS_CONFIG_FILE".to_owned()
            }
            Self::NotFound { .. } => {
                "give one of these with `--profile P` or AWS_PROFILE, make it with `aws configure sso`, \
                 or check AWS_CONFIG_FILE"
                    .to_owned()
            }
            Self::Unfit { profile, .. } => {
                format!("mend the profile; see what it holds: `aws configure list --profile {}`", shell_word(profile))
            }
        }
    }
}

impl Profiles {
    /// Reads the files; `--profile` wins over `AWS_PROFILE`. Absent files are empty ones.
    pub(super) fn load(settings: &KeySettings) -> Result<Self, ProfileError> {
        let name = settings.profile.as_ref().or(settings.environment_profile.as_ref());
        let profile = Some(Cow::Owned(name.cloned().unwrap_or_else(|| "default".to_owned())));
        let (fs, env, files) = (Fs::real(), Env::real(), Default::default());
        // The parser reads with std::fs: the future is ready at the first poll, and no runtime is needed.
        let loading = pin!(profile::load(&fs, &env, &files, profile));
        match loading.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(set)) => Ok(Self(set)),
            Poll::Ready(Err(error)) => Err(ProfileError::Unreadable(whole(&error))),
            Poll::Pending => Err(ProfileError::Unreadable("reading them did not end".to_owned())),
        }
    }

    /// The selected profile's name.
    pub(super) fn selected(&self) -> &str {
        self.0.selected_profile()
    }

    /// A key of the selected profile.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).filter(|value| !value.is_empty())
    }

    /// `endpoint_url` for a service: that of the profile's `services` section, else the profile's own.
    pub(super) fn endpoint_url(&self, service: &'static str) -> Option<String> {
        let no_environment = Env::from_slice(&[]);
        EnvConfigValue::new()
            .profile("endpoint_url")
            .service_id(service)
            .load(&no_environment, Some(&self.0))
            .map(|(url, _)| url.into_owned())
            .filter(|url| !url.is_empty())
    }

    /// A profile by name.
    pub(super) fn section(&self, name: &str) -> Option<Section<'_>> {
        self.0.get_profile(name).map(Section)
    }

    /// A key of an `sso-session` section.
    pub(super) fn sso_session(&self, name: &str, key: &str) -> Option<&str> {
        self.0.sso_session(name)?.get(key).filter(|value| !value.is_empty())
    }

    /// The profiles there are, sorted.
    pub(super) fn known(&self) -> Vec<String> {
        let mut known: Vec<String> = self.0.profiles().map(str::to_owned).collect();
        known.sort_unstable();
        known
    }

    /// That somebody asked for the selected profile, and it is in no file.
    pub(super) fn not_found(&self, settings: &KeySettings) -> ProfileError {
        let files = [&settings.fingerprint.config_file, &settings.fingerprint.credentials_file];
        let files: Vec<String> = files.into_iter().flatten().map(|file| format!("`{}`", file.display())).collect();
        ProfileError::NotFound { profile: self.selected().to_owned(), files: files.join(", "), known: self.known() }
    }
}

impl<'p> Section<'p> {
    /// A key's value, unless it is empty.
    pub(super) fn get(self, key: &str) -> Option<&'p str> {
        self.0.get(key).filter(|value| !value.is_empty())
    }

    /// Keys that stand there.
    pub(super) fn keys(self) -> Option<Credentials> {
        let (id, secret) = (self.get("aws_access_key_id")?, self.get("aws_secret_access_key")?);
        let session = self.get("aws_session_token").map(str::to_owned);
        Some(Credentials::new(id, secret, session, None, "Profile"))
    }
}

fn lead_elsewhere(profile: &str) -> String {
    format!("let it build upon another: `aws configure set source_profile P --profile {}`", shell_word(profile))
}

/// All lines of an error: the parser says why on the second, and quotes nothing of the file.
fn whole(error: &(dyn Error + 'static)) -> String {
    let lines = causes(error).map(|cause| cause.to_string().split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join(": ")
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { names(known) }
}
