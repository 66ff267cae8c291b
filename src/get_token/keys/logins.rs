//! What a profile rests on and whether its login still lives, by what lies on this machine's disk: for `doctor`.
//!
//! Names and times only: the files of logins hold tokens, of which nothing leaves this file.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use super::profile::Profiles;
use super::role_chain::{Chain, First};
use crate::clock::UnixSeconds;
use crate::get_token::{GetTokenError, KeySettings, KeySource};

/// A profile's chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProfileReport {
    /// The profile in use.
    pub profile: String,
    /// The profile at the end of its chain.
    pub base: String,
    /// Where that one's keys come from; `None` when it says nothing of keys.
    pub source: Option<KeySource>,
    /// ARNs of the roles, in the order in which they are assumed.
    pub roles: Vec<String>,
    /// MFA devices that a code is asked of.
    pub mfa_serials: Vec<String>,
    /// The login that the first keys depend on.
    pub login: Option<Login>,
}

/// A login that a person made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Login {
    /// In words: ``IAM Identity Center session `NAME` ``, `` `aws login` of profile `NAME` ``.
    pub name: String,
    /// Where it is kept.
    pub file: PathBuf,
    /// What the file says.
    pub state: LoginState,
    /// How to make it anew: a command.
    pub renewal: String,
}

/// What the file of a login says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoginState {
    /// There is none.
    Absent,
    /// Over.
    Ended(UnixSeconds),
    /// Lives until then.
    Lives(UnixSeconds),
    /// Over, but it can be refreshed without asking anybody, unless AWS has ended it.
    Refreshable(UnixSeconds),
    /// It cannot be read as one.
    Unreadable,
}

/// A file of `~/.aws/sso/cache` or `~/.aws/login/cache`, as far as times go.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginFile {
    expires_at: Option<String>,
    access_token: Option<serde::de::IgnoredAny>,
    refresh_token: Option<serde::de::IgnoredAny>,
    registration_expires_at: Option<String>,
}

/// The same of `aws login`, whose access token is a set of keys.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeysFile {
    access_token: KeysEnd,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeysEnd {
    expires_at: String,
}

/// What the profile in use rests on; `None` when keys of the environment are used instead of any profile.
///
/// # Errors
/// [`GetTokenError::Profiles`].
pub fn profile_report(settings: &KeySettings, now: UnixSeconds) -> Result<Option<ProfileReport>, GetTokenError> {
    if settings.profile.is_none() && settings.environment_keys.is_some() {
        return Ok(None);
    }
    let profiles = Profiles::load(settings)?;
    let is_named = settings.profile.is_some() || settings.environment_profile.is_some();
    if is_named && profiles.section(profiles.selected()).is_none() {
        return Err(profiles.not_found(settings).into());
    }
    let chain = Chain::of(&profiles)?;
    let origin = chain.origin();
    Ok(Some(ProfileReport {
        profile: profiles.selected().to_owned(),
        base: chain.base.to_owned(),
        source: (!matches!(chain.first, First::Absent)).then_some(origin.source),
        roles: chain.roles.iter().map(|role| role.arn.to_owned()).collect(),
        mfa_serials: chain.roles.iter().filter_map(|role| role.mfa_serial.map(str::to_owned)).collect(),
        login: chain.login_file(settings).map(|file| {
            let (name, state) = match &origin.sso_session {
                _ if origin.source == KeySource::Login => {
                    (format!("`aws login` of profile `{}`", chain.base), login(&file, now))
                }
                Some(session) => (format!("IAM Identity Center session `{session}`"), sso(&file, now)),
                None => (format!("IAM Identity Center login of profile `{}`", chain.base), sso(&file, now)),
            };
            Login { name, state, file, renewal: origin.login_command() }
        }),
    }))
}

fn sso(file: &Path, now: UnixSeconds) -> LoginState {
    let parsed = match read(file) {
        Ok(text) => serde_json::from_slice::<LoginFile>(&text),
        Err(state) => return state,
    };
    let Ok(LoginFile { expires_at: Some(end), access_token: Some(_), refresh_token, registration_expires_at }) = parsed
    else {
        return LoginState::Unreadable;
    };
    let refreshes =
        refresh_token.is_some() && registration_expires_at.and_then(|end| time(&end)).is_none_or(|end| end > now);
    state(time(&end), refreshes, now)
}

fn login(file: &Path, now: UnixSeconds) -> LoginState {
    let text = match read(file) {
        Ok(text) => text,
        Err(state) => return state,
    };
    let refreshes = serde_json::from_slice::<LoginFile>(&text).is_ok_and(|file| file.refresh_token.is_some());
    match serde_json::from_slice::<KeysFile>(&text) {
        Ok(file) => state(time(&file.access_token.expires_at), refreshes, now),
        Err(_) => LoginState::Unreadable,
    }
}

fn read(file: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, LoginState> {
    std::fs::read(file).map(zeroize::Zeroizing::new).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => LoginState::Absent,
        _ => LoginState::Unreadable,
    })
}

fn state(end: Option<UnixSeconds>, refreshes: bool, now: UnixSeconds) -> LoginState {
    match end {
        None => LoginState::Unreadable,
        Some(end) if end > now => LoginState::Lives(end),
        Some(end) if refreshes => LoginState::Refreshable(end),
        Some(end) => LoginState::Ended(end),
    }
}

fn time(text: &str) -> Option<UnixSeconds> {
    // Older AWS CLIs wrote `UTC` where others write `Z`.
    let text = text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |text| format!("{text}Z"));
    text.parse::<Timestamp>().ok().map(|at| UnixSeconds(at.as_second()))
}
