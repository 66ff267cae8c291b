//! Log lines: the reference's two formats, and nothing that can break a line or a terminal.

use std::sync::{Arc, Mutex};

use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::telemetry::log::{Format, Lines, LogError, Words, parse_level};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

/// What `act` logs.
fn logged(format: Format, level: LevelFilter, act: impl FnOnce()) -> String {
    let written = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&written);
    let (clock, _hand) = Clock::manual(UnixSeconds(1_700_000_000));
    let lines = Lines::new(format, level, clock, move |line: &[u8]| sink.lock().unwrap().extend_from_slice(line));
    tracing::subscriber::with_default(lines, act);
    let bytes = written.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn granted() {
    let groups = ["dev ops".to_owned(), "a\"b".to_owned()];
    tracing::info!(
        target: "iam_bridge::server::review",
        username = "jo\u{202e}\x1b[31m\n",
        groups = ?Words(&groups),
        count = 3,
        absent = None::<&str>,
        plain = "a/b@c",
        "access granted"
    );
}

#[test]
fn text_is_logfmt_with_active_characters_escaped() {
    let expected = "time=\"2023-11-14T22:13:20Z\" level=info msg=\"access granted\" username=\"jo\\u202e\\x1b[31m\\n\" \
                    groups=\"[dev ops a\\\"b]\" count=3 plain=a/b@c\n";
    assert_eq!(logged(Format::Text, LevelFilter::INFO, granted), expected);
}

#[test]
fn json_is_one_flat_object_a_line() {
    let line = logged(Format::Json, LevelFilter::INFO, granted);
    assert!(line.is_ascii() && line.ends_with("}\n"), "{line}");
    let expected = json!({"time": "2023-11-14T22:13:20Z", "level": "info", "msg": "access granted",
        "username": "jo\u{202e}\x1b[31m\n", "groups": ["dev ops", "a\"b"], "count": 3, "plain": "a/b@c"});
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
}

#[test]
fn levels_are_the_references_and_other_crates_are_silent_at_all_of_them() {
    let act = || {
        tracing::error!(target: "hyper::proto", "a URL");
        tracing::trace!(target: "iam_bridge_plugin", "another crate's");
        tracing::trace!(target: "iam_bridge::token", "ours");
        tracing::warn!(target: "iam_bridge", "ours too");
    };
    let all = logged(Format::Text, LevelFilter::TRACE, act);
    assert_eq!(all.lines().count(), 2, "{all}");
    assert!(all.contains("level=trace") && all.contains("level=warning"), "{all}");
    assert_eq!(logged(Format::Text, LevelFilter::ERROR, act), "");
    for (word, level) in [
        ("panic", LevelFilter::OFF),
        ("fatal", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("Warning", LevelFilter::WARN),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ] {
        assert_eq!(parse_level(word), Ok(level), "{word}");
    }
    assert_eq!(parse_level("loud"), Err(LogError::UnknownLevel("loud".to_owned())));
}
