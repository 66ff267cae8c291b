//! What settings and the AWS config files say about keys to come, without asking for any: for those who write down
//! how to ask.

use super::place::Place;
use super::profile::Profiles;
use super::role_chain::Chain;
use crate::get_token::KeySettings;

/// What will be needed, as far as files tell. Files that cannot be read tell nothing: whoever asks for keys is told why.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outlook {
    /// Whether a file has the profile that is in use.
    pub is_known: bool,
    /// The region that was given, else the profile's.
    pub region: Option<String>,
    /// Whether the profile, one it builds upon, or `--mfa-serial` asks for an MFA code.
    pub asks_for_mfa: bool,
    /// The profile's `endpoint_url` for EKS, unless such are to be ignored.
    pub eks_endpoint_url: Option<String>,
}

/// Looks into the files.
#[must_use]
pub fn outlook(settings: &KeySettings) -> Outlook {
    let Ok(profiles) = Profiles::load(settings) else {
        return Outlook { region: settings.region.clone(), asks_for_mfa: asks_itself(settings), ..Outlook::default() };
    };
    let profile_asks = Chain::of(&profiles).is_ok_and(|chain| chain.roles.iter().any(|role| role.mfa_serial.is_some()));
    let uses_profile = settings.profile.is_some() || settings.environment_keys.is_none();
    let says_true = |key: &str| profiles.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let ignores = settings.ignore_endpoint_urls.unwrap_or_else(|| says_true("ignore_configured_endpoint_urls"));
    Outlook {
        is_known: profiles.section(profiles.selected()).is_some(),
        region: Place::of(settings, &profiles).region,
        asks_for_mfa: asks_itself(settings) || (profile_asks && uses_profile),
        eks_endpoint_url: profiles.endpoint_url("eks").filter(|_| !ignores),
    }
}

fn asks_itself(settings: &KeySettings) -> bool {
    settings.role.as_ref().is_some_and(|role| role.mfa_serial.is_some())
}
