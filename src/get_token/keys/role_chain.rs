//! What a profile's keys rest on: where the first keys come from, and the roles that are assumed from there on.
//!
//! ```text
//! [profile top] role_arn, source_profile = mid ─▶ [profile mid] role_arn, source_profile = base ─▶ [profile base] keys
//! first: keys of `base`; roles: mid's, then top's
//! ```
//!
//! The rules are those of the SDK and the AWS CLI: a `role_arn` beside a `web_identity_token_file` is not assumed with other
//! keys; a source profile that has keys of its own is not followed further; one that names itself is the first.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use aws_lc_rs::digest;
use aws_runtime::fs_util::{Os, home_dir};
use aws_types::os_shim_internal::Env;

use super::profile::{Profiles, Section};
use crate::get_token::{KeySettings, KeySource, Origin, ProfileError};

/// A profile's first keys and roles.
#[derive(Debug)]
pub(super) struct Chain<'p> {
    /// Where the first keys come from.
    pub(super) first: First<'p>,
    /// The profile that says so.
    pub(super) base: &'p str,
    /// That profile names a role, too: itself is its source.
    pub(super) is_own_source: bool,
    /// The roles, in the order in which they are assumed.
    pub(super) roles: Vec<ProfileRole<'p>>,
}

/// Where a chain's first keys come from.
#[derive(Debug)]
pub(super) enum First<'p> {
    /// The profile says nothing of keys, or there is none.
    Absent,
    /// `credential_source = EcsContainer`.
    Container,
    /// `credential_process`: the command.
    CredentialProcess(&'p str),
    /// `credential_source = Environment`.
    Environment,
    /// `credential_source = Ec2InstanceMetadata`.
    Imds,
    /// They stand there.
    Keys(Credentials),
    /// `login_session`: its ARN.
    Login(&'p str),
    /// IAM Identity Center.
    Sso(Sso<'p>),
    /// `web_identity_token_file`.
    WebIdentity { role: &'p str, file: &'p str },
}

/// A profile's IAM Identity Center keys; what is absent the SDK complains about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sso<'p> {
    /// Name of the `sso_session`.
    pub(super) session: Option<&'p str>,
    start_url: Option<&'p str>,
    pub(super) region: Option<&'p str>,
    pub(super) account: Option<&'p str>,
    pub(super) role: Option<&'p str>,
}

/// A role that a profile assumes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProfileRole<'p> {
    /// The profile.
    pub(super) profile: &'p str,
    pub(super) arn: &'p str,
    pub(super) external_id: Option<&'p str>,
    pub(super) session_name: Option<&'p str>,
    pub(super) mfa_serial: Option<&'p str>,
    /// `duration_seconds`.
    pub(super) duration: Option<i32>,
}

impl<'p> Chain<'p> {
    /// The chain of the selected profile.
    pub(super) fn of(profiles: &'p Profiles) -> Result<Self, ProfileError> {
        let mut roles = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        let mut name = profiles.selected();
        loop {
            let Some(section) = profiles.section(name) else {
                return match seen.last() {
                    Some(before) => Err(ProfileError::NoSource {
                        profile: (*before).to_owned(),
                        source_profile: name.to_owned(),
                        known: profiles.known(),
                    }),
                    None => Ok(Self { first: First::Absent, base: name, is_own_source: false, roles }),
                };
            };
            if seen.contains(&name) {
                return Err(ProfileError::Loop(seen.iter().chain([&name]).map(|name| (*name).to_owned()).collect()));
            }
            let is_source = !seen.is_empty();
            seen.push(name);
            if is_source && let Some(keys) = section.keys() {
                roles.reverse();
                return Ok(Self { first: First::Keys(keys), base: name, is_own_source: false, roles });
            }
            let role = ProfileRole::of(name, section)?;
            let next = role.as_ref().map(|_| source(name, section)).transpose()?.flatten();
            let has_role = role.is_some();
            roles.extend(role);
            match next {
                Some(next) => name = next,
                None => {
                    let first = First::of(name, section, profiles)?;
                    if matches!(first, First::Absent) && (is_source || has_role) {
                        return Err(unfit(name, "a role is to be assumed with its keys, and it holds none"));
                    }
                    roles.reverse();
                    return Ok(Self { first, base: name, is_own_source: has_role, roles });
                }
            }
        }
    }

    /// Where the first keys come from, for messages.
    pub(super) fn origin(&self) -> Origin {
        let (source, sso_session) = match &self.first {
            First::Absent | First::Keys(_) => (KeySource::Profile, None),
            First::Container => (KeySource::Container, None),
            First::CredentialProcess(_) => (KeySource::CredentialProcess, None),
            First::Environment => (KeySource::Environment, None),
            First::Imds => (KeySource::Imds, None),
            First::Login(_) => (KeySource::Login, None),
            First::Sso(sso) => (KeySource::Sso, sso.session.map(str::to_owned)),
            First::WebIdentity { .. } => (KeySource::WebIdentity, None),
        };
        Origin { source, profile: Some(self.base.to_owned()), sso_session }
    }

    /// The login's file that the first keys depend on, there or not: where the AWS CLI and the SDKs keep it.
    pub(super) fn login_file(&self, settings: &KeySettings) -> Option<PathBuf> {
        let aws = || Some(PathBuf::from(home_dir(&Env::real(), Os::real())?).join(".aws"));
        match &self.first {
            First::Login(session) => {
                let directory = settings.login_cache_directory.clone();
                let directory = directory.or_else(|| Some(aws()?.join("login").join("cache")))?;
                Some(directory.join(cache_name(&digest::SHA256, session.trim())))
            }
            First::Sso(sso) => {
                let name = cache_name(&digest::SHA1_FOR_LEGACY_USE_ONLY, sso.session.or(sso.start_url)?);
                Some(aws()?.join("sso").join("cache").join(name))
            }
            First::Absent
            | First::Container
            | First::CredentialProcess(_)
            | First::Environment
            | First::Imds
            | First::Keys(_)
            | First::WebIdentity { .. } => None,
        }
    }

    /// Whether the first keys are those of an account's root user.
    pub(super) fn is_root_login(&self) -> bool {
        matches!(&self.first, First::Login(session) if session.trim().ends_with(":root"))
    }
}

impl<'p> First<'p> {
    fn of(name: &str, section: Section<'p>, profiles: &'p Profiles) -> Result<Self, ProfileError> {
        if let Some(source) = section.get("credential_source") {
            return match source.to_ascii_lowercase().as_str() {
                "environment" => Ok(Self::Environment),
                "ec2instancemetadata" => Ok(Self::Imds),
                "ecscontainer" => Ok(Self::Container),
                _ => Err(unfit(
                    name,
                    &format!("credential_source `{source}` is none of Environment, Ec2InstanceMetadata, EcsContainer"),
                )),
            };
        }
        if let Some(file) = section.get("web_identity_token_file") {
            let role = section
                .get("role_arn")
                .ok_or_else(|| unfit(name, "web_identity_token_file stands without role_arn"))?;
            return Ok(Self::WebIdentity { role, file });
        }
        if let Some(sso) = Sso::of(section, profiles) {
            return Ok(Self::Sso(sso));
        }
        if let Some(session) = section.get("login_session") {
            return Ok(Self::Login(session));
        }
        if let Some(command) = section.get("credential_process") {
            return Ok(Self::CredentialProcess(command));
        }
        match (section.keys(), section.get("aws_access_key_id"), section.get("aws_secret_access_key")) {
            (Some(keys), ..) => Ok(Self::Keys(keys)),
            (None, Some(_), None) => Err(unfit(name, "aws_access_key_id stands without aws_secret_access_key")),
            (None, None, Some(_)) => Err(unfit(name, "aws_secret_access_key stands without aws_access_key_id")),
            (None, _, _) => Ok(Self::Absent),
        }
    }
}

impl<'p> Sso<'p> {
    fn of(section: Section<'p>, profiles: &'p Profiles) -> Option<Self> {
        const KEYS: [&str; 5] = ["sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name"];
        KEYS.iter().find_map(|key| section.get(key))?;
        let session = section.get("sso_session");
        let (start_url, region) = match session {
            Some(name) => (profiles.sso_session(name, "sso_start_url"), profiles.sso_session(name, "sso_region")),
            None => (section.get("sso_start_url"), section.get("sso_region")),
        };
        Some(Self {
            session,
            start_url,
            region,
            account: section.get("sso_account_id"),
            role: section.get("sso_role_name"),
        })
    }

    /// The `sso-session` section of a profile that is written anew, of it alone.
    pub(super) fn session_section(&self) -> String {
        match self {
            Self { session: Some(session), start_url: Some(url), region: Some(region), .. } => {
                format!("[sso-session {session}]\nsso_start_url = {url}\nsso_region = {region}\n")
            }
            Self { .. } => String::new(),
        }
    }
}

impl<'p> ProfileRole<'p> {
    fn of(profile: &'p str, section: Section<'p>) -> Result<Option<Self>, ProfileError> {
        let Some(arn) = section.get("role_arn").filter(|_| section.get("web_identity_token_file").is_none()) else {
            return Ok(None);
        };
        let duration = section.get("duration_seconds").map(|text| {
            text.trim()
                .parse()
                .map_err(|_| unfit(profile, &format!("duration_seconds `{text}` is not a number of seconds")))
        });
        Ok(Some(Self {
            profile,
            arn,
            external_id: section.get("external_id"),
            session_name: section.get("role_session_name"),
            mfa_serial: section.get("mfa_serial"),
            duration: duration.transpose()?,
        }))
    }
}

/// The profile whose keys assume the role of this one; `None` when it is this one itself.
fn source<'p>(name: &str, section: Section<'p>) -> Result<Option<&'p str>, ProfileError> {
    match (section.get("source_profile"), section.get("credential_source")) {
        (Some(_), Some(_)) => Err(unfit(name, "it has both source_profile and credential_source")),
        (None, None) => Err(unfit(name, "it has role_arn, but neither source_profile nor credential_source")),
        (Some(source), None) => Ok(Some(source).filter(|source| *source != name)),
        (None, Some(_)) => Ok(None),
    }
}

fn unfit(profile: &str, why: &str) -> ProfileError {
    ProfileError::Unfit { profile: profile.to_owned(), why: why.to_owned() }
}

fn cache_name(algorithm: &'static digest::Algorithm, identifier: &str) -> String {
    let digest = digest::digest(algorithm, identifier.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hex + ".json"
}
