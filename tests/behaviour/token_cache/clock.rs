//! When a kept token may be used, by a clock whose hands are moved.

use clap::Parser;
use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::config::env::Env;
use iam_bridge::config::flags::{Command as Typed, Flags};
use iam_bridge::config::get_token::plan;
use iam_bridge::get_token::{Settings, get_token};

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_767_225_600);

/// Settings of a command with keys in the environment and this home.
pub(super) fn settings(home: &Path, args: &[&str], variables: &[(&str, &str)]) -> Settings {
    let flags = Flags::try_parse_from(["iam-bridge"].iter().chain(args)).unwrap();
    let all = [
        ("HOME", home.to_str().unwrap()),
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTKEY"),
        ("AWS_SECRET_ACCESS_KEY", "canarySecretKey0123456789"),
    ];
    // The first of a name counts.
    let env = Env::from_lookup(|name| {
        variables.iter().chain(&all).find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    });
    let Typed::GetToken(token) = flags.command else { panic!("`get-token` was typed") };
    plan(&flags.global, &token, &env).unwrap().settings
}

/// Whether `now` a token is given out that was signed at `NOW`; the cache is left with that token.
fn is_reused(now: UnixSeconds, variables: &[(&str, &str)]) -> bool {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path(), &BARE, variables);
    let (clock, hand) = Clock::manual(NOW);
    let first = get_token(&settings, &clock).unwrap();
    hand.set_wall(now);
    let second = get_token(&settings, &clock).unwrap();
    assert_eq!(second.notes, [""; 0]);
    // A token signed at another second is another one.
    first.signed.expose() == second.signed.expose()
}

#[test]
fn a_token_is_given_out_until_two_minutes_before_its_end() {
    for (seconds, reused, why) in [
        (1, true, "at once"),
        (719, true, "two minutes and a second are left"),
        (720, false, "two minutes are left"),
        (840, false, "it has ended"),
        (-5, true, "clocks are set by a second or two"),
        (-6, false, "the clock was set back"),
        (-86_400, false, "far back"),
    ] {
        assert_eq!(is_reused(NOW.plus(seconds), &[]), reused, "{why}");
    }
}

#[test]
fn keys_that_end_soon_make_no_cached_token() {
    for (left, kept, until) in [(181, true, 60), (180, true, 59), (179, false, 0), (30, false, 0)] {
        let home = tempfile::tempdir().unwrap();
        let end = jiff::Timestamp::from_second(NOW.plus(left).0).unwrap().to_string();
        let variables = [("AWS_CREDENTIAL_EXPIRATION", end.as_str())];
        let settings = settings(home.path(), &BARE, &variables);
        let (clock, _hand) = Clock::manual(NOW);
        get_token(&settings, &clock).unwrap();
        assert_eq!(tokens_in(&home.path().join(".kube/cache/iam-bridge")).len(), usize::from(kept), "{left} s");
        if kept {
            assert!(is_reused(NOW.plus(until), &variables), "{left} s: two minutes and more are left");
            assert!(!is_reused(NOW.plus(left - 120), &variables), "{left} s");
        }
    }
}

#[test]
fn a_refused_token_is_not_left_behind_when_its_successor_cannot_be_kept() {
    let home = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::manual(NOW);
    get_token(&settings(home.path(), &BARE, &[]), &clock).unwrap();
    let file = only_token_in(&home.path().join(".kube/cache/iam-bridge"));
    let forced: Vec<&str> = BARE.iter().chain(&["--force-refresh"]).copied().collect();
    hand.advance(1);
    let end = jiff::Timestamp::from_second(NOW.plus(100).0).unwrap().to_string();
    // The end of the keys is no part of the key.
    get_token(&settings(home.path(), &forced, &[("AWS_CREDENTIAL_EXPIRATION", &end)]), &clock).unwrap();
    assert!(!file.exists());
}

#[test]
fn two_hundred_calls_in_ten_minutes_are_one_signature() {
    let home = tempfile::tempdir().unwrap();
    let settings = settings(home.path(), &BARE, &[]);
    let (clock, hand) = Clock::manual(NOW);
    let first = get_token(&settings, &clock).unwrap();
    for _ in 0..200 {
        hand.advance(3);
        let outcome = get_token(&settings, &clock).unwrap();
        assert_eq!(outcome.signed.expose(), first.signed.expose());
        assert_eq!(outcome.signed.expires_at, NOW.plus(840));
    }
}
