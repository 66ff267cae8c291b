//! Check 3: the profile in use leads to keys, and the login it rests on lives.

use jiff::Timestamp;

use super::Check;
use super::finding::Finding;
use super::scene::Scene;
use crate::clock::{Clock, UnixSeconds};
use crate::get_token::{Login, LoginState, ProfileReport, profile_report};

const NAME: &str = "profile";

/// The check.
pub(super) fn check(scene: &Scene<'_>, clock: &Clock) -> Check {
    let Ok(settings) = &scene.keys else { return Check::skipped(NAME, "the config file cannot be used") };
    let mut finding = Finding::new(NAME);
    let report = match profile_report(settings, clock.now()) {
        Ok(Some(report)) => report,
        Ok(None) => return Check::skipped(NAME, "keys of the environment are used, and no profile"),
        Err(error) => {
            finding.bad(error.to_string(), error.remedy());
            return finding.end();
        }
    };
    let Some(source) = report.source else {
        finding.good(format!(
            "profile `{}` says nothing of keys: web identity, container and instance metadata are asked",
            report.profile
        ));
        return finding.end();
    };
    finding.good(format!("{}keys from {}", path(&report), source.label()));
    if let Some(login) = &report.login {
        judge_login(&mut finding, login);
    }
    let role = settings.role.as_ref();
    let of_flag = role.and_then(|role| role.mfa_serial.as_ref()).into_iter();
    for serial in report.mfa_serials.iter().chain(of_flag) {
        judge_mfa(&mut finding, scene, serial);
    }
    finding.end()
}

/// From the profile in use to the one with the keys.
fn path(report: &ProfileReport) -> String {
    let ProfileReport { profile, base, roles, .. } = report;
    let over = if profile == base { String::new() } else { format!(" rests on `{base}`,") };
    let roles: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
    let roles = if roles.is_empty() { String::new() } else { format!(" assumes {},", roles.join(", then ")) };
    match (over.is_empty(), roles.is_empty()) {
        (true, true) => format!("profile `{profile}`: "),
        _ => format!("profile `{profile}`{over}{roles} "),
    }
}

fn judge_login(finding: &mut Finding, login: &Login) {
    let Login { name, file, state, renewal } = login;
    match state {
        LoginState::Lives(end) => finding.good(format!("{name} lives until {}", shown(*end))),
        LoginState::Refreshable(end) => {
            finding.good(format!("{name} is refreshed at its next use; what it holds ended at {}", shown(*end)));
        }
        LoginState::Ended(end) => finding.bad(format!("{name} ended at {}", shown(*end)), format!("run {renewal}")),
        LoginState::Absent => {
            finding.bad(format!("{name} is absent: there is no `{}`", file.display()), format!("run {renewal}"));
        }
        LoginState::Unreadable => {
            finding.bad(format!("{name} cannot be read from `{}`", file.display()), format!("run {renewal}"));
        }
    }
}

/// kubectl lets nobody be asked where the entry says so.
fn judge_mfa(finding: &mut Finding, scene: &Scene<'_>, serial: &str) {
    let asks = format!("asks for a code of MFA device `{serial}`");
    let never = scene.entry().is_some_and(|entry| entry.interactive_mode.as_deref() == Some("Never"));
    let keeps = scene.keys.as_ref().is_ok_and(|keys| keys.credential_cache.is_some() || keys.kept_keys.is_some());
    match (never, keeps) {
        (true, _) => finding.warn(
            format!("{asks}, and interactiveMode Never lets nobody be asked"),
            "write `interactiveMode: IfAvailable` into the exec entry",
        ),
        (false, false) => finding.warn(
            format!("{asks} each time a token is signed"),
            "add `--cache-credentials` to the args of the exec entry",
        ),
        (false, true) => finding.good(asks),
    }
}

fn shown(at: UnixSeconds) -> String {
    Timestamp::from_second(at.0).map_or_else(|_| "a time outside the calendar".to_owned(), |at| at.to_string())
}
