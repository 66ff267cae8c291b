//! Names of role sessions: CloudTrail and the cluster's log show them, so a person's name says most.

use crate::clock::Clock;
use crate::iam::Arn;

/// Longest name that AWS takes, characters.
const LONGEST: usize = 64;

/// Shortest name that AWS takes, characters.
const SHORTEST: usize = 2;

/// The name of whoever `arn` names, as a session name: that of the session, user or federated user; `root`.
///
/// What AWS does not allow becomes `-`; the name is cut at 64 characters.
pub(super) fn of_arn(arn: &str) -> Option<String> {
    let arn = Arn::parse(arn).ok()?;
    let name = arn.resource().rsplit('/').next()?;
    let mut name: String = name.chars().map(|char| if is_allowed(char) { char } else { '-' }).take(LONGEST).collect();
    if name.is_empty() {
        return None;
    }
    while name.len() < SHORTEST {
        name.push('-');
    }
    Some(name)
}

/// A legal name that no other call has.
pub(super) fn made_up(clock: &Clock) -> String {
    format!("iam-bridge-{}-{}", clock.now().0, std::process::id())
}

fn is_allowed(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_+=,.@-".contains(char)
}

#[cfg(test)]
mod tests {
    use super::of_arn;

    #[test]
    fn a_callers_name_becomes_a_session_name() {
        for (arn, name) in [
            ("arn:aws:sts::111122223333:assumed-role/Dev/alice@example.com", Some("alice@example.com")),
            ("arn:aws:iam::111122223333:user/path/to/alice", Some("alice")),
            ("arn:aws:iam::111122223333:user/a", Some("a-")),
            ("arn:aws:iam::111122223333:root", Some("root")),
            ("arn:aws:sts::111122223333:federated-user/Bob", Some("Bob")),
            ("arn:aws:sts::111122223333:assumed-role/Dev/\u{e4} b:c", Some("--b-c")),
            ("arn:aws:sts::111122223333:assumed-role/Dev/", None),
            ("no ARN", None),
        ] {
            assert_eq!(of_arn(arn).as_deref(), name, "{arn}");
        }
        let long = format!("arn:aws:iam::111122223333:user/{}", "x".repeat(80));
        assert_eq!(of_arn(&long).map(|name| name.len()), Some(64));
    }
}
