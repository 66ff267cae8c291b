//! Entries and tables: who is chosen, by what, and who is refused.

use iam_bridge::clock::UnixSeconds;
use iam_bridge::iam::{Partition, VerifiedIdentity};
use iam_bridge::live::Live;
use iam_bridge::mapping::{
    self, Chain, Choice, Entry, EntryList, EntryText, KubernetesUser, MappedAccount, MappingError, MappingTable,
    NodeNames, Origin, ReservedName, ReservedPrefixes, RolePaths, ScrubbedAccounts, SourceKind, SsoText, TableSettings,
    repeated_entries,
};

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_935_817_689);

pub(crate) fn role(arn: &str, username: &str, groups: &[&str]) -> EntryText {
    EntryText { role_arn: Some(arn.to_owned()), ..named(username, groups) }
}

pub(crate) fn like(pattern: &str, username: &str) -> EntryText {
    EntryText { role_arn_like: Some(pattern.to_owned()), ..named(username, &[]) }
}

pub(crate) fn user(arn: &str, username: &str) -> EntryText {
    EntryText { user_arn: Some(arn.to_owned()), ..named(username, &[]) }
}

pub(crate) fn sso(set: &str, account: &str, partition: &str, username: &str) -> EntryText {
    let sso = SsoText {
        permission_set_name: set.to_owned(),
        account_id: account.to_owned(),
        partition: partition.to_owned(),
    };
    EntryText { sso: Some(sso), ..named(username, &[]) }
}

fn named(username: &str, groups: &[&str]) -> EntryText {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    EntryText { username: username.to_owned(), groups, ..EntryText::default() }
}

/// Parses an entry that is good; the line of its origin is `line`.
pub(crate) fn parsed(list: EntryList, text: &EntryText, line: u32) -> Entry {
    Entry::parse(list, text, RolePaths::Exact, origin(line)).unwrap_or_else(|errors| panic!("{text:?}: {errors:?}"))
}

pub(crate) fn origin(line: u32) -> Origin {
    let at = iam_bridge::diagnostic::Position { line, column: 1 };
    Origin { place: "config.yaml".into(), at }
}

pub(crate) fn table(source: SourceKind, roles: &[EntryText], users: &[EntryText], accounts: &[&str]) -> MappingTable {
    let parse = |list, texts: &[EntryText]| -> Vec<Entry> {
        (1..).zip(texts).map(|(line, text)| parsed(list, text, line)).collect()
    };
    let accounts = (1..).zip(accounts).map(|(line, id)| MappedAccount { id: (*id).to_owned(), origin: origin(line) });
    let settings = TableSettings { source, partition: Partition::Aws };
    MappingTable::new(settings, parse(EntryList::Roles, roles), parse(EntryList::Users, users), accounts.collect())
}

pub(crate) fn chain(tables: Vec<MappingTable>) -> Chain {
    Chain { tables: tables.into_iter().map(Live::fixed).collect(), ..Chain::default() }
}

/// A chain of one mounted file.
pub(crate) fn file(roles: &[EntryText], users: &[EntryText], accounts: &[&str]) -> Chain {
    chain(vec![table(SourceKind::MountedFile, roles, users, accounts)])
}

/// A caller with unique id `AROAEXAMPLE1`, or that of a user, and the session name of its ARN.
pub(crate) fn caller(arn: &str) -> VerifiedIdentity {
    let (id, session) = match arn.split_once(":assumed-role/") {
        Some((_, rest)) => ("AROAEXAMPLE1", rest.rsplit('/').next().unwrap()),
        None => ("AIDAEXAMPLE1", ""),
    };
    VerifiedIdentity::from_arn(arn, Some(id), Some(session), Some("ASIAEXAMPLE1")).unwrap()
}

pub(crate) fn ask(chain: &Chain, arn: &str) -> Result<KubernetesUser, MappingError> {
    answer(chain, &caller(arn), NOW)
}

pub(crate) fn answer(
    chain: &Chain,
    identity: &VerifiedIdentity,
    now: UnixSeconds,
) -> Result<KubernetesUser, MappingError> {
    mapping::choose(chain, identity, now)?.render(identity, &NodeNames::Unavailable)
}

fn username(chain: &Chain, arn: &str) -> Option<String> {
    ask(chain, arn).ok().map(|user| user.username)
}

const DEV: &str = "arn:aws:iam::111122223333:role/Dev";
const DEV_ALICE: &str = "arn:aws:sts::111122223333:assumed-role/Dev/alice";

#[test]
fn u2_an_sso_entry_holds_for_its_set_and_its_account_alone() {
    for partition in ["", "aws"] {
        let chain = file(&[sso("AdministratorAccess", "111122223333", partition, "admin")], &[], &[]);
        let arn = |account: &str, role: &str| format!("arn:aws:sts::{account}:assumed-role/{role}/alice");
        for (account, role, allowed) in [
            ("111122223333", "AWSReservedSSO_AdministratorAccess_0123456789abcdef", true),
            ("111122223333", "awsreservedsso_ADMINISTRATORACCESS_0123456789ABCDEF", true),
            ("111122223334", "AWSReservedSSO_AdministratorAccess_0123456789abcdef", false),
            ("111122223333", "AWSReservedSSO_AdministratorAccess_0123456789abcde", false),
            ("111122223333", "AWSReservedSSO_AdministratorAccess_0123456789abcdef0", false),
            ("111122223333", "AWSReservedSSO_AdministratorAccess_0123456789abcdeg", false),
            ("111122223333", "AWSReservedSSO_AdministratorAccess_x", false),
            ("111122223333", "AWSReservedSSO_AdministratorAccess_Only_0123456789abcdef", false),
            ("111122223333", "AdministratorAccess_0123456789abcdef", false),
        ] {
            let expected = allowed.then(|| "admin".to_owned());
            assert_eq!(username(&chain, &arn(account, role)), expected, "{account} {role} partition `{partition}`");
        }
        let other_partition =
            "arn:aws-cn:sts::111122223333:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/alice";
        assert_eq!(username(&chain, other_partition), None);
    }
    let view = file(&[sso("View", "111122223333", "", "view")], &[], &[]);
    let only = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_View_Only_0123456789abcdef/alice";
    assert_eq!(username(&view, only), None, "set View does not hold for set View_Only");
}

#[test]
fn an_exact_role_beats_sso_beats_a_pattern_beats_a_user_beats_the_account() {
    let name = "AWSReservedSSO_View_0123456789abcdef";
    let arn = format!("arn:aws:iam::111122223333:role/{name}");
    let session = format!("arn:aws:sts::111122223333:assumed-role/{name}/alice");
    let mut roles = vec![
        like("arn:aws:iam::111122223333:role/AWS*", "loose"),
        like("arn:aws:iam::111122223333:role/AWSReserved*0*", "more literal characters"),
        like("arn:aws:iam::111122223333:role/AWSReserved*", "longer prefix"),
        sso("View", "111122223333", "", "sso"),
        role(&arn, "exact", &[]),
    ];
    let mut users = vec![user(&arn, "user")];
    for expected in ["exact", "sso", "more literal characters", "longer prefix", "loose", "user", &arn] {
        let seen = username(&file(&roles, &users, &["111122223333"]), &session);
        assert_eq!(seen.as_deref(), Some(expected));
        if roles.iter().all(|entry| entry.username != expected) {
            users.clear();
        }
        roles.retain(|entry| entry.username != expected);
    }
    assert_eq!(ask(&file(&[], &[], &[]), &session), Err(MappingError::NotMapped));
}

#[test]
fn of_a_repeated_arn_the_last_wins_and_repetition_is_told() {
    let roles = [role(DEV, "first", &[]), role(&DEV.replace("Dev", "DEV"), "last", &[])];
    assert_eq!(username(&file(&roles, &[], &[]), DEV_ALICE).as_deref(), Some("last"));

    let texts = [
        roles[0].clone(),
        roles[1].clone(),
        like("arn:aws:iam::111122223333:role/a*", "x"),
        like("arn:aws:iam::111122223333:role/A*", "y"),
        sso("View", "111122223333", "", "x"),
        sso("VIEW", "111122223333", "aws", "y"),
    ];
    let entries: Vec<Entry> = (1..).zip(&texts).map(|(line, text)| parsed(EntryList::Roles, text, line)).collect();
    let told: Vec<(u32, u32, Option<u32>)> = repeated_entries(&entries)
        .into_iter()
        .map(|pair| (pair.first.at.line, pair.again.at.line, pair.in_force.map(|origin| origin.at.line)))
        .collect();
    assert_eq!(told, [(1, 2, Some(2)), (3, 4, None), (5, 6, Some(5))]);
}

#[test]
fn a_hit_is_final() {
    let pinned = EntryText { user_id: Some("AROAOTHER".to_owned()), ..role(DEV, "pinned", &[]) };
    let ended = EntryText { not_after: Some("2020-01-01T00:00:00Z".to_owned()), ..role(DEV, "ended", &[]) };
    let to_come = EntryText { not_before: Some("2040-01-01T00:00:00+01:00".to_owned()), ..role(DEV, "later", &[]) };
    let node = role(DEV, "system:node:{{EC2PrivateDNSName}}", &[]);
    let open = || table(SourceKind::EksConfigMap, &[role(DEV, "open", &[])], &[], &["111122223333"]);
    let refusal = |entry: EntryText| {
        let first = table(SourceKind::MountedFile, &[entry], &[], &["111122223333"]);
        ask(&chain(vec![first, open()]), DEV_ALICE).unwrap_err()
    };
    assert!(matches!(refusal(pinned), MappingError::UniqueIdMismatch(_)));
    assert!(matches!(refusal(ended), MappingError::ExpiredEntry(_)));
    assert!(matches!(refusal(to_come), MappingError::NotYetValid(_)));
    assert!(matches!(refusal(node), MappingError::Template { .. }));
    assert!(matches!(refusal(role(DEV, "", &[])), MappingError::EmptyUsername(_)));
    assert!(matches!(refusal(role(DEV, "system:anonymous", &[])), MappingError::Reserved { .. }));
    let missed = chain(vec![table(SourceKind::MountedFile, &[], &[], &[]), open()]);
    assert_eq!(username(&missed, DEV_ALICE).as_deref(), Some("open"), "a miss goes on");
}

#[test]
fn an_account_list_names_callers_by_their_arn_in_its_partition_alone() {
    let chain = file(&[], &[], &["111122223333", "", "12"]);
    let user = ask(&chain, "arn:aws:sts::111122223333:assumed-role/Dev/Alice").unwrap();
    assert_eq!((user.username.as_str(), user.groups.len()), (DEV, 0));
    for other in ["arn:aws-cn:sts::111122223333:assumed-role/Dev/a", "arn:aws:iam:::user/x", "arn:aws:iam::1:user/x"] {
        assert_eq!(username(&chain, other), None, "{other}");
    }
    let mut reserved = chain;
    reserved.reserved =
        Live::fixed(ReservedPrefixes([(SourceKind::MountedFile, vec![String::new(), "arn:".to_owned()])].into()));
    assert!(matches!(
        ask(&reserved, DEV_ALICE),
        Err(MappingError::Reserved { source: ReservedName::Prefix { .. }, .. })
    ));
}

#[test]
fn what_is_reserved_is_refused_whatever_the_source() {
    let session = "arn:aws:sts::111122223333:assumed-role/Dev/anonymous";
    let user = |username: &str, group: &str| ask(&file(&[role(DEV, username, &[group])], &[], &[]), session);
    for name in [
        "system:anonymous",
        "system:apiserver",
        "system:kube-scheduler",
        "system:kube-",
        "system:serviceaccount:a:b",
        "system:{{SessionName}}",
        "a\u{7}b",
        "a\nb",
        "x\u{85}",
    ] {
        assert!(matches!(user(name, "g"), Err(MappingError::Reserved { .. })), "username {name:?}");
    }
    for name in ["", " "] {
        assert!(matches!(user(name, "g"), Err(MappingError::EmptyUsername(_))), "username {name:?}");
    }
    for name in [
        "system:unauthenticated",
        "system:serviceaccounts",
        "system:serviceaccounts:x",
        "iam-bridge.dev:view",
        "",
        "a\tb",
    ] {
        assert!(matches!(user("u", name), Err(MappingError::Reserved { .. })), "group {name:?}");
    }
    for (username, group) in [
        ("system:node:x", "system:masters"),
        ("system:kub", "system:nodes"),
        ("System:anonymous", "iam-bridge.dev"),
        ("eks:{{SessionName}}", "{{SessionName}}"),
    ] {
        assert!(user(username, group).is_ok(), "{username} {group}");
    }
    let masters = file(&[role(DEV, "u", &["system:{{SessionName}}"])], &[], &[]);
    let completed = ask(&masters, "arn:aws:sts::111122223333:assumed-role/Dev/masters");
    assert!(matches!(completed, Err(MappingError::Reserved { .. })), "a value completes no system:masters");
}

#[test]
fn uid_and_extra_are_the_references() {
    let chain = file(&[role(DEV, "dev", &["a", "b"])], &[], &[]);
    let identity = VerifiedIdentity::from_arn(DEV_ALICE, Some("AROA1"), Some(""), Some("")).unwrap();
    let user = answer(&chain, &identity, NOW).unwrap();
    assert_eq!(user.uid, "aws-iam-authenticator:111122223333:AROA1");
    assert_eq!(user.groups, ["a", "b"]);
    let extra: Vec<(&str, &str)> = user.extra.iter().map(|(key, value)| (*key, value.as_str())).collect();
    assert_eq!(
        extra,
        [
            ("accessKeyId", ""),
            ("arn", DEV_ALICE),
            ("canonicalArn", DEV),
            ("principalId", "AROA1"),
            ("sessionName", ""),
            ("sigs.k8s.io/aws-iam-authenticator/principalId", "AROA1"),
        ]
    );
    let scrubbed = Chain { scrubbed: ScrubbedAccounts(["111122223333".to_owned()].into()), ..chain };
    let user = answer(&scrubbed, &identity, NOW).unwrap();
    assert_eq!((user.uid.as_str(), user.extra.len()), ("aws-iam-authenticator:administrative:dev", 0));
    assert!(user.scrubbed);
}

#[test]
fn role_paths_never_match_unless_they_are_ignored() {
    let text = role("arn:aws:iam::111122223333:role/team/Dev", "dev", &[]);
    let pattern = like("arn:aws:iam::111122223333:role/team/D*", "dev");
    for text in [text, pattern] {
        let choose = |paths| {
            let entry = Entry::parse(EntryList::Roles, &text, paths, origin(1)).unwrap();
            assert_eq!(entry.text(), text, "the text stays as written");
            let warned = entry.warnings().iter().any(|warning| warning.code == "role-path-never-matches");
            let settings = TableSettings { source: SourceKind::MountedFile, partition: Partition::Aws };
            let chain = chain(vec![MappingTable::new(settings, vec![entry], Vec::new(), Vec::new())]);
            (warned, mapping::choose(&chain, &caller(DEV_ALICE), NOW).as_ref().map(Choice::source).ok())
        };
        assert_eq!(choose(RolePaths::Exact), (true, None));
        assert_eq!(choose(RolePaths::Ignore), (false, Some(SourceKind::MountedFile)));
    }
}
