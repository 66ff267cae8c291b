//! Properties of choosing: P10 to P16, P28, P33, and that an index answers as a walk over the list would.

use iam_bridge::clock::UnixSeconds;
use iam_bridge::iam::VerifiedIdentity;
use iam_bridge::mapping::{Chain, EntryList, EntryText, KubernetesUser, MappingError, SourceKind, choose};
use proptest::prelude::*;

use super::mapping::{NOW, answer, ask, caller, file, like, parsed, role, sso, user};

const PARTITIONS: [&str; 2] = ["aws", "aws-cn"];
const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
const NAMES: [&str; 6] =
    ["Dev", "dev", "Ops", "Developer", "AWSReservedSSO_View_0123456789abcdef", "AWSReservedSSO_View_x"];
const PATTERNS: [&str; 5] = ["D*", "De?", "*", "d*v*r", "AWSReservedSSO_*_0123456789abcdef"];

/// The ARNs of small world, so that callers and entries meet often.
fn owner() -> impl Strategy<Value = (&'static str, &'static str)> {
    (prop::sample::select(&PARTITIONS[..]), prop::sample::select(&ACCOUNTS[..]))
}

fn caller_arn() -> impl Strategy<Value = String> {
    (owner(), prop::sample::select(&NAMES[..]), 0..5_u8).prop_map(|((partition, account), name, kind)| match kind {
        0 => format!("arn:{partition}:iam::{account}:user/{name}"),
        1 => format!("arn:{partition}:sts::{account}:federated-user/{name}"),
        2 => format!("arn:{partition}:iam::{account}:root"),
        _ => format!("arn:{partition}:sts::{account}:assumed-role/{name}/alice"),
    })
}

fn role_entry() -> impl Strategy<Value = EntryText> {
    let name = prop::sample::select(&NAMES[..]);
    let pattern = prop::sample::select(&PATTERNS[..]);
    (owner(), name, pattern, 0..6_u8, any::<u16>()).prop_map(|((partition, account), name, pattern, kind, id)| {
        let username = format!("u{id}");
        match kind {
            0 => sso("View", account, partition, &username),
            1 => like(&format!("arn:{partition}:iam::{account}:role/{pattern}"), &username),
            2 => role(&format!("arn:{partition}:iam::{account}:role/path/{name}"), &username, &[]),
            3 => role(&format!("arn:{partition}:iam::{account}:root"), &username, &[]),
            _ => role(&format!("arn:{partition}:iam::{account}:role/{name}"), &username, &["g"]),
        }
    })
}

fn user_entry() -> impl Strategy<Value = EntryText> {
    (owner(), prop::sample::select(&NAMES[..]), any::<u16>()).prop_map(|((partition, account), name, id)| {
        user(&format!("arn:{partition}:iam::{account}:user/{name}"), &format!("user{id}"))
    })
}

fn lists() -> impl Strategy<Value = (Vec<EntryText>, Vec<EntryText>)> {
    (prop::collection::vec(role_entry(), 0..12), prop::collection::vec(user_entry(), 0..4))
}

fn named(chain: &Chain, arn: &str) -> Option<String> {
    ask(chain, arn).ok().map(|user| user.username)
}

/// The search order as a walk over the lists: what the reference does for each request.
fn naive(roles: &[EntryText], users: &[EntryText], accounts: &[&str], arn: &str) -> Option<String> {
    let identity = caller(arn);
    let canonical = identity.canonical_arn();
    let names = |list, text: &EntryText| parsed(list, text, 1).names(canonical);
    let roles: Vec<&EntryText> = roles.iter().filter(|text| names(EntryList::Roles, text)).collect();
    let mut patterns: Vec<&EntryText> = roles.iter().copied().filter(|text| text.role_arn_like.is_some()).collect();
    patterns.sort_by_key(|text| {
        let pattern = text.role_arn_like.as_deref().unwrap().to_ascii_lowercase();
        let prefix = pattern.find(['*', '?']).unwrap();
        let literals = pattern.chars().filter(|c| !matches!(c, '*' | '?')).count();
        (std::cmp::Reverse(prefix), std::cmp::Reverse(literals), pattern)
    });
    let exact = roles.iter().copied().rfind(|text| text.role_arn.is_some());
    let sso = || roles.iter().copied().find(|text| text.sso.is_some());
    let user = || users.iter().rfind(|text| names(EntryList::Users, text));
    let in_list = accounts.contains(&identity.account_id()) && arn.starts_with("arn:aws:");
    let text = exact.or_else(sso).or_else(|| patterns.first().copied()).or_else(user);
    text.map(|text| text.username.clone()).or_else(|| in_list.then(|| canonical.as_str().to_owned()))
}

proptest! {
    #[test]
    fn an_index_answers_as_a_walk_over_the_list((roles, users) in lists(), listed in any::<bool>(), arn in caller_arn()) {
        let accounts: &[&str] = if listed { &["111122223333"] } else { &[] };
        prop_assert_eq!(named(&file(&roles, &users, accounts), &arn), naive(&roles, &users, accounts, &arn));
    }

    /// P10: the answer depends on nothing but identity, tables and clock; the order of unlike entries is none of them.
    #[test]
    fn p10_the_answer_is_a_function((roles, users) in lists(), arn in caller_arn(), turn in 0..12_usize) {
        let mut unlike: Vec<EntryText> = Vec::new();
        for text in roles {
            let key = |text: &EntryText| {
                let sso = text.sso.as_ref().map(|sso| (sso.account_id.clone(), sso.partition.clone()));
                let lower = |arn: &Option<String>| arn.as_deref().map(str::to_ascii_lowercase);
                (lower(&text.role_arn), lower(&text.role_arn_like), sso)
            };
            if unlike.iter().all(|other| key(other) != key(&text)) {
                unlike.push(text);
            }
        }
        let first = ask(&file(&unlike, &users, &[]), &arn);
        let turn = turn.min(unlike.len());
        unlike.rotate_left(turn);
        prop_assert_eq!(&named(&file(&unlike, &users, &[]), &arn), &first.as_ref().ok().map(|user| user.username.clone()));
        unlike.reverse();
        let chain = file(&unlike, &users, &[]);
        for _ in 0..8 {
            prop_assert_eq!(&named(&chain, &arn), &first.as_ref().ok().map(|user| user.username.clone()));
        }
    }

    /// P11: an entry changes the answer of those alone whom it names.
    #[test]
    fn p11_an_entry_concerns_those_it_names((roles, users) in lists(), added in role_entry(), arn in caller_arn()) {
        let before = named(&file(&roles, &users, &[]), &arn);
        let names = parsed(EntryList::Roles, &added, 1).names(caller(&arn).canonical_arn());
        let more: Vec<EntryText> = roles.into_iter().chain([added]).collect();
        let after = named(&file(&more, &users, &[]), &arn);
        prop_assert!(names || before == after);
    }

    /// P12: another account or partition keeps access through an entry that names it alone.
    #[test]
    fn p12_access_never_crosses_accounts((roles, users) in lists(), arn in caller_arn()) {
        let own = |text: &&EntryText| {
            let entry = parsed(if text.user_arn.is_some() { EntryList::Users } else { EntryList::Roles }, text, 1);
            let (principal, sections) = (entry.principal_text(), arn.splitn(6, ':').collect::<Vec<_>>());
            principal.starts_with(&format!("arn:{}:iam::{}:", sections[1], sections[4]))
        };
        let roles_of_own: Vec<EntryText> = roles.iter().filter(own).cloned().collect();
        let users_of_own: Vec<EntryText> = users.iter().filter(own).cloned().collect();
        prop_assert_eq!(named(&file(&roles, &users, &[]), &arn), named(&file(&roles_of_own, &users_of_own, &[]), &arn));
    }

    /// P13: kinds of principals never meet each other's entries.
    #[test]
    fn p13_kinds_are_apart(account in prop::sample::select(&ACCOUNTS[..]), name in "[A-Za-z]{1,8}") {
        let entries = [
            format!("arn:aws:iam::{account}:role/{name}"),
            format!("arn:aws:iam::{account}:user/{name}"),
            format!("arn:aws:iam::{account}:root"),
            format!("arn:aws:sts::{account}:federated-user/{name}"),
        ];
        let callers = [format!("arn:aws:sts::{account}:assumed-role/{name}/{name}")];
        let callers: Vec<&String> = callers.iter().chain(&entries[1..]).collect();
        for (at, arn) in callers.iter().enumerate() {
            for (own, entry) in entries.iter().enumerate() {
                let chain = file(&[role(entry, "r", &[])], &[user(entry, "u")], &[]);
                prop_assert_eq!(named(&chain, arn).is_some(), at == own, "{} {}", arn, entry);
            }
        }
    }

    /// P15, P16: what comes out is no empty name, holds no control character, and no value made it a reserved one.
    #[test]
    fn p15_p16_no_value_makes_a_bad_name(
        username in "(system:)?(kube-)?(\\{\\{SessionNameRaw\\}\\}|a|:|serviceaccount){0,3}",
        group in "(system:)?(\\{\\{SessionNameRaw\\}\\}|g){0,2}(masters)?",
        session in "(sys)?(system:)?(kube-|masters|anonymous|serviceaccounts?:|unauthenticated|tem:|\u{0}|\n|\u{85}|x){0,2}",
    ) {
        let chain = file(&[role("arn:aws:iam::111122223333:role/Dev", &username, &[&group])], &[], &[]);
        let arn = "arn:aws:sts::111122223333:assumed-role/Dev/x";
        let identity = VerifiedIdentity::from_arn(arn, Some("AROA1"), Some(&session), Some("")).unwrap();
        if let Ok(KubernetesUser { username: name, groups, .. }) = answer(&chain, &identity, NOW) {
            for name in groups.iter().chain([&name]) {
                prop_assert!(!name.is_empty() && !name.chars().any(char::is_control), "{:?}", name);
            }
            prop_assert!(name != "system:anonymous" && name != "system:apiserver");
            prop_assert!(!name.starts_with("system:kube-") && !name.starts_with("system:serviceaccount:"));
            prop_assert!(!name.starts_with("system:") || username.starts_with("system:"));
            for name in &groups {
                prop_assert!(name != "system:unauthenticated" && !name.starts_with("system:serviceaccounts"));
                prop_assert!(name != "system:masters" || group == "system:masters");
                prop_assert!(!name.starts_with("system:") || group.starts_with("system:"));
            }
        }
    }

    /// P28: a wider window never takes access away, a narrower one never gives it.
    #[test]
    fn p28_windows_are_monotone(start in -100_i64..100, end in -100_i64..100, wider in (0_i64..50, 0_i64..50), now in -150_i64..150) {
        prop_assume!(start < end);
        let admitted = |start: i64, end: i64| {
            let text = |seconds: i64| Some(jiff::Timestamp::from_second(NOW.0 + seconds).unwrap().to_string());
            let entry = EntryText {
                not_before: text(start),
                not_after: text(end),
                ..role("arn:aws:iam::111122223333:role/Dev", "dev", &[])
            };
            let identity = caller("arn:aws:sts::111122223333:assumed-role/Dev/x");
            choose(&file(&[entry], &[], &[]), &identity, UnixSeconds(NOW.0 + now)).is_ok()
        };
        prop_assert_eq!(admitted(start, end), start <= now && now < end);
        prop_assert!(!admitted(start, end) || admitted(start - wider.0, end + wider.1));
    }

    /// P33: a pinned entry never answers anybody without that unique id, and nothing behind it does.
    #[test]
    fn p33_a_pin_holds(pin in "[A-Z]{4}[A-Z0-9]{2}", id in prop::option::of("[A-Za-z]{4}[A-Z0-9]{2}"), same in any::<bool>()) {
        let id = if same { Some(pin.clone()) } else { id };
        let entry = EntryText { user_id: Some(pin.clone()), ..role("arn:aws:iam::111122223333:role/Dev", "dev", &[]) };
        let open = super::mapping::table(SourceKind::EksConfigMap, &[], &[], &["111122223333"]);
        let first = super::mapping::table(SourceKind::MountedFile, &[entry], &[], &["111122223333"]);
        let chain = super::mapping::chain(vec![first, open]);
        let arn = "arn:aws:sts::111122223333:assumed-role/Dev/x";
        let identity = VerifiedIdentity::from_arn(arn, id.as_deref(), Some("x"), Some("")).unwrap();
        match answer(&chain, &identity, NOW) {
            Ok(user) => prop_assert!(user.username == "dev" && id.as_deref() == Some(pin.as_str())),
            Err(error) => {
                prop_assert!(matches!(error, MappingError::UniqueIdMismatch(_)));
                prop_assert!(id.as_deref() != Some(pin.as_str()));
            }
        }
    }
}
