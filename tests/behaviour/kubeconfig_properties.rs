//! Random kubeconfigs in odd styles, random changes: whatever is not meant stays byte for byte.

use iam_bridge::kubeconfig::{Change, Kind, Kubeconfig, edit};
use proptest::prelude::*;

use super::kubeconfig_edit::exec;

/// How a file is written.
#[derive(Clone, Debug)]
struct Hand {
    newline: &'static str,
    ends: bool,
    dash: usize,
    gap: usize,
    step: usize,
    order: usize,
}

/// Pieces of a file; those of entries with kind and name.
type Piece = (Option<(Kind, String)>, String);

fn hand() -> impl Strategy<Value = Hand> {
    let newline = prop::sample::select(&["\n", "\r\n"][..]);
    let choice = |from: &'static [usize]| prop::sample::select(from);
    (newline, any::<bool>(), choice(&[0, 2, 4]), choice(&[2, 4]), choice(&[1, 2, 4]), 0..6_usize)
        .prop_map(|(newline, ends, dash, gap, step, order)| Hand { newline, ends, dash, gap, step, order })
}

fn bodies(kind: Kind) -> impl Strategy<Value = &'static str> {
    prop::sample::select(match kind {
        Kind::Cluster => &[
            "cluster: {server: 'https://a'}",
            "cluster:\n  server: \"https://a\" # here\n  proxy-url: socks5://b\n  x: [1,\n    2]",
            "cluster:\n  certificate-authority-data: |+\n    abc\n\n  server: https://a",
            "cluster:\n  insecure-skip-tls-verify: true\n  # loud\n  server: >-\n    https://a",
        ][..],
        Kind::Context => &[
            "context: {cluster: a, user: b}",
            "context:\n  # whose\n  user: 'b'\n  cluster: a\n  namespace: yes-please   # why",
            "context:\n  extensions:\n    - {name: m, extension: {k: v}}\n  cluster: a\n  user: b",
        ][..],
        Kind::User => &[
            "user: {}",
            "user:",
            "user: ~ # nobody",
            "user: {token: 'x: y', as: root}",
            "user:\n  token: |+\n    abc\n\n",
            "user:\n  client-key-data: \"a#b\"\n  username: >-\n    folded\n    text",
            "user:\n  exec:\n    command: aws # old\n    args:\n    - eks\n\n    # which\n    - get-token\n    env: null\n    apiVersion: v1",
            "user:\n  exec: {command: aws, args: [eks,\n    get-token]}\n  as: \"r\"",
        ][..],
    })
}

fn lists() -> impl Strategy<Value = Vec<(Kind, Vec<(bool, &'static str)>)>> {
    let list = |kind| prop::collection::vec((any::<bool>(), bodies(kind)), 0..4).prop_map(move |list| (kind, list));
    (list(Kind::Cluster), list(Kind::Context), list(Kind::User)).prop_map(|(a, b, c)| vec![a, b, c])
}

fn indented(text: &str, first: &str, by: usize, step: usize, newline: &str) -> String {
    let mut lines = text.split('\n').enumerate().map(|(number, line)| {
        let blanks = line.len() - line.trim_start().len();
        match number {
            0 => format!("{first}{line}{newline}"),
            _ if line.trim().is_empty() => newline.to_owned(),
            _ => format!("{}{}{newline}", " ".repeat(by + blanks / 2 * step), line.trim_start()),
        }
    });
    lines.by_ref().collect()
}

fn pieces(hand: &Hand, lists: &[(Kind, Vec<(bool, &'static str)>)], empty: usize) -> Vec<Piece> {
    let newline = hand.newline;
    let mut pieces: Vec<Piece> = vec![(None, format!("# mine{newline}kind: Config{newline}"))];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (kind, entries) in orders[hand.order].iter().map(|number| &lists[*number]) {
        let list = match kind {
            Kind::Cluster => "clusters",
            Kind::Context => "contexts",
            Kind::User => "users",
        };
        if entries.is_empty() {
            // What an empty list is written as makes way for entries.
            let empty = ["", ": []", ": null", ": {}", ":"][empty];
            if !empty.is_empty() {
                pieces.push((None, String::new()));
                pieces.push((Some((*kind, String::new())), format!("{list}{empty}{newline}")));
            }
            continue;
        }
        pieces.push((None, format!("{list}:{newline}")));
        for (number, (name_first, body)) in entries.iter().enumerate() {
            let name = format!("{}{number}", kind.word());
            let entry =
                if *name_first { format!("name: '{name}' # it\n{body}") } else { format!("{body}\nname: {name}") };
            let (dash, at) = (" ".repeat(hand.dash), hand.dash + hand.gap);
            let lead = format!("{dash}-{}", " ".repeat(hand.gap - 1));
            pieces.push((None, format!("{dash}# before {name}{newline}")));
            pieces.push((Some((*kind, name)), indented(&entry, &lead, at, hand.step, newline)));
        }
    }
    pieces.push((None, format!("x-own: {{a: [b, c]}} # own{newline}preferences: {{}}")));
    if hand.ends {
        pieces.push((None, newline.to_owned()));
    }
    pieces
}

fn change() -> impl Strategy<Value = Change> {
    (0..3_u8, 0..5_u8).prop_map(|(kind, number)| match kind {
        0 => Change::Cluster {
            name: format!("cluster{number}"),
            server: "https://new".to_owned(),
            certificate_authority_data: (number % 2 == 0).then(|| "Q0E=".to_owned()),
        },
        1 => Change::Context {
            name: format!("context{number}"),
            cluster: "c".to_owned(),
            user: "u".to_owned(),
            namespace: (number % 2 == 0).then(|| "n".to_owned()),
        },
        _ => Change::User { name: format!("user{number}"), exec: exec("p") },
    })
}

const fn touches(change: &Change) -> (Kind, &String) {
    match change {
        Change::Cluster { name, .. } => (Kind::Cluster, name),
        Change::Context { name, .. } => (Kind::Context, name),
        Change::Convert { name, .. }
        | Change::Revert { name }
        | Change::User { name, .. }
        | Change::UseContext(name) => (Kind::User, name),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_meant_stays_byte_for_byte(
        hand in hand(),
        lists in lists(),
        empty in 0..5_usize,
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let pieces = pieces(&hand, &lists, empty);
        let text: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
        let before = Kubeconfig::parse("f", &text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let new = edit("f", &text, &changes).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let after = Kubeconfig::parse("f", &new).unwrap();

        // Bytes.
        let mut rest = new.as_str();
        for (entry, piece) in &pieces {
            let is_touched = entry.as_ref().is_some_and(|(kind, name)| {
                changes.iter().map(touches).any(|(touched, other)| touched == *kind && (name.is_empty() || name == other))
            });
            if !is_touched {
                let after = rest.split_once(piece.as_str());
                prop_assert!(after.is_some(), "lost: {piece:?}\nof:\n{text}\nin:\n{new}");
                rest = after.unwrap().1;
            }
        }
        prop_assert_eq!(new.ends_with('\n'), hand.ends);
        prop_assert_eq!(new.matches('\n').count(), new.matches(hand.newline).count());

        // Meaning.
        for kind in [Kind::Cluster, Kind::Context, Kind::User] {
            let touched = |name: &String| changes.iter().any(|change| touches(change) == (kind, name));
            let kept = before.names(kind);
            let names = after.names(kind);
            prop_assert_eq!(&names[..kept.len()], &kept[..]);
            prop_assert!(names[kept.len()..].iter().all(touched));
            for name in names.iter().filter(|name| !touched(name)) {
                prop_assert_eq!(before.context(name), after.context(name));
                prop_assert_eq!(before.exec(name), after.exec(name));
                prop_assert_eq!(before.server(name), after.server(name));
            }
        }
        for change in &changes {
            match change {
                Change::Cluster { name, server, .. } => prop_assert_eq!(after.server(name), Some(server.clone())),
                Change::Context { name, .. } => prop_assert_eq!(after.context(name).unwrap().cluster, "c"),
                Change::User { name, exec } => prop_assert_eq!(after.exec(name).unwrap().args, exec.args.clone()),
                Change::Convert { .. } | Change::Revert { .. } | Change::UseContext(_) => {}
            }
        }
        prop_assert_eq!(edit("f", &new, &changes).unwrap(), new);
    }

    #[test]
    fn what_is_converted_is_reverted_byte_for_byte(hand in hand(), lists in lists()) {
        let text: String = pieces(&hand, &lists, 1).iter().map(|(_, text)| text.as_str()).collect();
        let before = Kubeconfig::parse("f", &text).unwrap();
        for name in before.names(Kind::User).into_iter().filter(|name| before.exec(name).is_some()) {
            let changes = [Change::Convert { name: name.clone(), exec: exec("p"), remembers: true }];
            let new = edit("f", &text, &changes).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(Kubeconfig::parse("f", &new).unwrap().exec(&name).unwrap().args, exec("p").args);
            let back = edit("f", &new, &[Change::Revert { name }]).unwrap();
            prop_assert_eq!(back, text.clone(), "by way of:\n{}", new);
        }
    }
}
