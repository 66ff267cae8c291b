//! Random lists in odd styles, random entries: old and new come out, and no other byte changes.

use iam_bridge::document::{self, Format};
use iam_bridge::mapping::{EntryList, EntryText, SsoText};
use iam_bridge::sources::keys::append_entry;
use proptest::prelude::*;
use serde_json::{Value, json};

/// How a list is written.
#[derive(Clone, Debug)]
struct Hand {
    newline: &'static str,
    ends: bool,
    dash: usize,
    gap: usize,
    head: &'static str,
    tail: &'static str,
}

fn hand() -> impl Strategy<Value = Hand> {
    let choice = |from: &'static [usize]| prop::sample::select(from);
    let text = |from: &'static [&'static str]| prop::sample::select(from);
    (
        text(&["\n", "\r\n"]),
        any::<bool>(),
        choice(&[0, 2, 4, 7]),
        choice(&[2, 3, 4]),
        text(&["", "# mine", "---", "%YAML 1.2\n---", "\n\n# two\n# lines"]),
        text(&["", "# end", "\n\n# - rolearn: gone\n#   username: gone", "       # deep", "..."]),
    )
        .prop_map(|(newline, ends, dash, gap, head, tail)| Hand { newline, ends, dash, gap, head, tail })
}

/// Entries by the members that are no principal; lines are indented by two.
fn body() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "username: a",
            "username: a # who",
            "username: \"dev:{{SessionName}}\"\n# until May\ngroups:\n- system:masters\n- 'b' # two",
            "username: a\ngroups:\n    - deep\n    # deeper\n    - list",
            "groups: [a, \"b\",\n  c]\nusername: 'it''s'",
            "username: |+\n  a\n\n  b\n\n",
            "username: >-\n  folded\n  text\nunknown: {x: {y: [z]}}",
            "username: n\ngroups: 42\nuserid: AROA",
            "username: ünïcode → 🦀",
        ][..],
    )
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][a-zA-Z0-9_.@:/-]{0,12}",
        prop::sample::select(
            &["y", "NO", "012", "0o7", "1.5", "~", "null", "{{SessionName}}", "a: b", "a #b", "*x", "&x"][..]
        )
        .prop_map(str::to_owned),
        "\\PC{1,12}",
        any::<String>().prop_filter("not empty", |text| !text.is_empty()),
    ]
}

fn entry() -> impl Strategy<Value = EntryText> {
    let principal = prop_oneof![
        Just((Some("arn:aws:iam::111122223333:role/New".to_owned()), None)),
        Just((
            None,
            Some(SsoText {
                permission_set_name: "View".to_owned(),
                account_id: "012345678901".to_owned(),
                partition: "aws".to_owned(),
            })
        )),
    ];
    (principal, name(), prop::collection::vec(name(), 1..4), prop::option::of(name())).prop_map(
        |((role_arn, sso), username, groups, reason)| EntryText {
            role_arn,
            sso,
            username,
            groups,
            reason,
            ..EntryText::default()
        },
    )
}

fn written(hand: &Hand, bodies: &[&str]) -> String {
    let mut lines: Vec<String> = hand.head.split('\n').filter(|_| !hand.head.is_empty()).map(str::to_owned).collect();
    for (number, body) in bodies.iter().enumerate() {
        let first = format!("rolearn: arn:aws:iam::111122223333:role/r{number}");
        for (at, line) in std::iter::once(first.as_str()).chain(body.split('\n')).enumerate() {
            let lead = if at == 0 {
                format!("{}-{}", " ".repeat(hand.dash), " ".repeat(hand.gap - 1))
            } else {
                " ".repeat(hand.dash + hand.gap)
            };
            lines.push(if line.is_empty() { String::new() } else { format!("{lead}{line}") });
        }
    }
    lines.extend(hand.tail.split('\n').filter(|_| !hand.tail.is_empty()).map(str::to_owned));
    let text = lines.join("\n").replace('\n', hand.newline);
    if hand.ends { text + hand.newline } else { text }
}

fn flow(bodies: &[&str], spread: bool) -> String {
    let item = |number: usize| format!("{{rolearn: 'r{number}', username: u}}");
    let items: Vec<String> = (0..bodies.len()).map(item).collect();
    match spread {
        false => format!("[{}]", items.join(", ")),
        true => format!("[ # first\n  {} # last\n]\n", items.join(",\n  ")),
    }
}

fn parsed(text: &str) -> Vec<Value> {
    let document = document::parse("f", text, Format::Yaml).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
    match document.root().to_json() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

fn expected(entry: &EntryText) -> Value {
    let mut value = json!({"username": entry.username, "groups": entry.groups});
    let members = value.as_object_mut().unwrap();
    if let Some(arn) = &entry.role_arn {
        members.insert("rolearn".to_owned(), json!(arn));
    }
    if let Some(sso) = &entry.sso {
        let sso = json!({"permissionSetName": sso.permission_set_name, "accountID": sso.account_id, "partition": sso.partition});
        members.insert("sso".to_owned(), sso);
    }
    if let Some(reason) = &entry.reason {
        members.insert("reason".to_owned(), json!(reason));
    }
    value
}

fn holds(text: &str, entry: &EntryText) -> Result<(), TestCaseError> {
    let new = append_entry("f", Some(text), EntryList::Roles, entry)
        .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
    let mut items = parsed(&new);
    prop_assert_eq!(items.pop(), Some(expected(entry)), "{}", new);
    prop_assert_eq!(items, parsed(text));
    // Bytes: what was there is the new text with one piece, or a comma and a piece, taken out.
    let (text, new) = (text.as_bytes(), new.as_bytes());
    let same = |old: &[u8], new: &[u8]| old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let common = same(text, new);
    let (old, rest) = (&text[common..], &new[common..]);
    let without_comma = rest.strip_prefix(b",").filter(|_| !old.starts_with(b",")).unwrap_or(rest);
    let kept = same(old, without_comma);
    prop_assert!(without_comma.ends_with(&old[kept..]) || new.ends_with(old), "{}", String::from_utf8_lossy(new));
    // The same once more is refused.
    prop_assert!(append_entry("f", str::from_utf8(new).ok(), EntryList::Roles, entry).is_err());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn old_and_new_come_out_and_nothing_else_changes(
        hand in hand(),
        bodies in prop::collection::vec(body(), 1..5),
        entry in entry(),
    ) {
        holds(&written(&hand, &bodies), &entry)?;
    }

    #[test]
    fn a_list_in_brackets_takes_an_entry_too(
        bodies in prop::collection::vec(body(), 1..4),
        spread in any::<bool>(),
        entry in entry(),
    ) {
        holds(&flow(&bodies, spread), &entry)?;
    }

    #[test]
    fn any_text_is_appended_to_or_refused(text in "[-#:{}\\[\\]a'\" \n`~&*|>!,]{0,40}", entry in entry()) {
        if let Ok(new) = append_entry("f", Some(&text), EntryList::Roles, &entry) {
            let mut items = parsed(&new);
            prop_assert_eq!(items.pop(), Some(expected(&entry)));
            let quoted_nothing = ["``", "''", "\"\""].contains(&text.trim());
            prop_assert_eq!(items, if quoted_nothing { Vec::new() } else { parsed(&text) });
        }
    }
}
