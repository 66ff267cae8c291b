//! `entries convert` on generated identities: who they become before and after is the same, or is told.

use std::collections::{BTreeMap, BTreeSet};

use iam_bridge::clock::UnixSeconds;
use iam_bridge::convert::{How, LineReport, Outcome, Target, Usernames, convert, yaml};
use iam_bridge::diagnostic::Severity;
use iam_bridge::document::Format;
use iam_bridge::iam::{CallerIdentity, Partition, VerifiedIdentity};
use iam_bridge::live::Live;
use iam_bridge::mapping::{Chain, EntryList, MappingTable, NodeNames, RolePaths, SourceKind, TableSettings, choose};
use iam_bridge::sources::keys::{
    AccessEntryFileSettings, KeySettings, aws_auth_of_document, parse_access_entry_file, parse_aws_auth,
};

use super::entries_convert::taken;

const COUNT: usize = 200;
const NOW: UnixSeconds = UnixSeconds(1_900_000_000);
const ACCOUNTS: [&str; 3] = ["111122223333", "000000000042", "444455556666"];

/// Numbers that look like chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// One identity of aws-auth: its list, its ARN, and the lines of its entry.
struct Identity {
    is_role: bool,
    arn: String,
    entry: String,
}

fn identity(dice: &mut Dice, number: usize) -> Identity {
    let account = dice.pick(&ACCOUNTS);
    let is_role = dice.roll(5) != 0;
    // Some names come again, in other letters.
    let number = if dice.roll(8) == 0 { dice.roll(number + 1) } else { number };
    let name = match dice.roll(8) {
        0 => format!("AWSReservedSSO_Set{number}_{number:016x}"),
        1 => format!("DEV.{number}"),
        2 => format!("AWSServiceRoleFor{number}"),
        _ => format!("dev-{number}"),
    };
    let path = if dice.roll(6) == 0 { "team/" } else { "" };
    let kind = if is_role { "role" } else { "user" };
    let arn = match dice.roll(40) {
        0 => format!("arn:aws:iam::{account}:root"),
        1 => format!("arn:aws:sts::{account}:assumed-role/{name}/session"),
        2 => format!("arn:aws:iam::{account}:group/{name}"),
        _ => format!("arn:aws:iam::{account}:{kind}/{path}{name}"),
    };
    let username = match dice.roll(8) {
        0 if is_role => "system:node:{{EC2PrivateDNSName}}".to_owned(),
        1 if is_role => dice.pick(&["system:node:{{SessionName}}", "system:node:{{SessionNameRaw}}"]).to_owned(),
        2 => dice
            .pick(&[
                "system:odd",
                "eks:x",
                "aws:{{SessionName}}",
                "system:anonymous",
                "system:kube-scheduler",
                "iam:{{AccountID}}",
            ])
            .to_owned(),
        3 => dice
            .pick(&["{{SessionName}}", "x{{SessionNameRaw}}", "{{Unknown}}", "{x}", "", " ", "a:{{EC2PrivateDNSName}}"])
            .to_owned(),
        4 => dice
            .pick(&["key:{{AccessKeyID}}", "{{AccountID}}:{{SessionName}}", "a b c", "ü:{{SessionName}}"])
            .to_owned(),
        5 => format!("admin-{number}"),
        _ => format!("dev-{number}:{{{{SessionName}}}}"),
    };
    let mut groups = BTreeSet::new();
    if username.starts_with("system:node:") {
        groups.extend(["system:nodes", "system:bootstrappers"].into_iter().filter(|_| dice.roll(4) != 0));
        groups.extend(["eks:kube-proxy-windows", "system:node-proxier"].into_iter().filter(|_| dice.roll(3) == 0));
    }
    for _ in 0..dice.roll(4) {
        groups.insert(match dice.roll(12) {
            0 => "system:masters",
            1 => dice.pick(&["system:authenticated", "system:discovery", "system:unauthenticated"]),
            2 => dice.pick(&["team-{{AccountID}}", "s:{{SessionName}}", "k-{{AccessKeyID}}", "{{Odd}}"]),
            3 => dice.pick(&["iam-bridge.dev:policy:AmazonEKSClusterAdminPolicy", "", "eks:mine", "a,b", "with space"]),
            _ => dice.pick(&["devs", "ops", "viewers", "team:a", "Über"]),
        });
    }
    let mut entry = format!("- {kind}arn: {arn:?}\n  username: {username:?}\n  groups: {groups:?}\n")
        .replace("{\"", "[\"")
        .replace("\"}", "\"]");
    entry = entry.replace("groups: {}", "groups: []");
    match dice.roll(12) {
        0 => entry.push_str(&format!(
            "  userid: {}\n",
            if is_role { "AROAABCDEFGHIJKLMNOP" } else { "AIDAABCDEFGHIJKLMNOP" }
        )),
        1 => entry.push_str("  notAfter: 2031-01-01T00:00:00Z\n"),
        2 => entry.push_str("  notBefore: 2032-01-01T00:00:00Z\n"),
        3 => entry.push_str("  reason: because\n"),
        _ => {}
    }
    Identity { is_role, arn, entry }
}

fn aws_auth(identities: &[Identity]) -> String {
    let list = |wanted: bool| -> String {
        let lines = identities.iter().filter(|one| one.is_role == wanted).flat_map(|one| one.entry.lines());
        lines.map(|line| format!("    {line}\n")).collect()
    };
    format!(
        "metadata: {{name: aws-auth}}\nkind: ConfigMap\ndata:\n  mapRoles: |\n{}  mapUsers: |\n{}",
        list(true),
        list(false)
    )
}

/// Sessions of whom an ARN names, as STS would tell of them.
fn callers(arn: &str) -> Vec<VerifiedIdentity> {
    let sections: Vec<&str> = arn.splitn(6, ':').collect();
    let (account, resource) = (sections[4], sections[5]);
    let name = match resource.split_once('/') {
        Some(("assumed-role", rest)) => rest.split('/').next().unwrap(),
        _ => resource.rsplit('/').next().unwrap(),
    };
    let ids = |prefix: &str| [format!("{prefix}ABCDEFGHIJKLMNOP"), format!("{prefix}QRSTUVWXYZABCDEF")];
    let mut callers = Vec::new();
    let mut add = |arn: String, user_id: String| {
        let answer = CallerIdentity { account: account.to_owned(), arn, user_id };
        callers.push(VerifiedIdentity::from_sts(&answer, "AKIAIOSFODNN7EXAMPLE", "").unwrap());
    };
    match resource.split('/').next().unwrap() {
        "role" | "assumed-role" => {
            for id in ids("AROA") {
                for session in ["bob@example.com", "i-0aaaabbbbccccdddd", "plain"] {
                    add(format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"), format!("{id}:{session}"));
                }
            }
        }
        "root" => add(arn.to_owned(), account.to_owned()),
        "user" => ids("AIDA").into_iter().for_each(|id| add(arn.to_owned(), id)),
        _ => {}
    }
    callers
}

/// Account, kind and name: what a path or a session does not change.
fn key_of(arn: &str) -> String {
    let lower = arn.to_lowercase();
    let sections: Vec<&str> = lower.splitn(6, ':').collect();
    let pieces: Vec<&str> = sections[5].split('/').collect();
    match pieces.as_slice() {
        ["assumed-role", name, ..] => format!("{} role {name}", sections[4]),
        [kind, .., name] => format!("{} {kind} {name}", sections[4]),
        _ => format!("{} {}", sections[4], sections[5]),
    }
}

type Names = Option<(String, BTreeSet<String>)>;

fn becomes(chain: &Chain, caller: &VerifiedIdentity, now: UnixSeconds) -> Names {
    let nodes = NodeNames::Known(BTreeMap::from([("i-0aaaabbbbccccdddd".to_owned(), "ip-1.internal".to_owned())]));
    let user = choose(chain, caller, now).and_then(|choice| choice.render(caller, &nodes)).ok()?;
    // The API server gives this one to everybody.
    let groups = user.groups.into_iter().filter(|group| group != "system:authenticated");
    Some((user.username, groups.collect()))
}

fn table(source: SourceKind, entries: Vec<iam_bridge::mapping::Entry>) -> Chain {
    let (roles, users) = entries.into_iter().partition(|entry| entry.list() == EntryList::Roles);
    let settings = TableSettings { source, partition: Partition::Aws };
    Chain { tables: vec![Live::fixed(MappingTable::new(settings, roles, users, Vec::new()))], ..Chain::default() }
}

/// As the source reads it, not as `convert` does.
fn before(text: &str) -> (Chain, usize) {
    let document = iam_bridge::document::parse("aws-auth.yaml", text, Format::Yaml).unwrap();
    let settings = KeySettings {
        partition: Partition::Aws,
        role_paths: RolePaths::Exact,
        sso_roles: true,
        unknown: Severity::Warning,
    };
    let read = parse_aws_auth(&aws_auth_of_document("aws-auth.yaml", text, &document).unwrap(), settings);
    let entries: Vec<_> = [read.roles.items.unwrap(), read.users.items.unwrap()].concat();
    let count = entries.len();
    (table(SourceKind::EksConfigMap, entries), count)
}

/// What changed is told by its name.
fn is_told(line: &LineReport, old: &(String, BTreeSet<String>), new: &(String, BTreeSet<String>)) -> bool {
    let told = |name: &str| line.changes.iter().chain(&line.notes).any(|change| change.contains(&format!("`{name}`")));
    let renamed = old.0 == new.0 || line.changes.iter().any(|change| change.starts_with("username `"));
    renamed && old.1.difference(&new.1).all(|group| told(group))
}

#[test]
fn generated_identities_become_the_same_users_or_their_lines_say_why_not() {
    const POLICY: &str = "iam-bridge.dev:policy:AmazonEKSClusterAdminPolicy";
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (seed, usernames) in [(1, Usernames::Drop), (2, Usernames::Colon), (3, Usernames::Refuse), (4, Usernames::Drop)]
    {
        let mut dice = Dice(seed);
        let identities: Vec<Identity> = (0..COUNT).map(|number| identity(&mut dice, number)).collect();
        let text = aws_auth(&identities);
        let intake = taken(&[("aws-auth.yaml", &text)]);
        let errors: Vec<_> = intake.faults.iter().filter(|fault| fault.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let (before, count) = before(&text);
        assert_eq!((count, intake.lines.len()), (COUNT, COUNT), "every identity is a line");
        let conversion = convert(&intake, How { target: Target::Yaml, usernames }, None, NOW);
        let made = yaml(&conversion.entries);
        let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
        let file = parse_access_entry_file("made.yaml", &made, Format::Yaml, &settings).unwrap();
        let after = table(SourceKind::AccessEntryFile, file.entries.into_iter().map(|entry| entry.entry).collect());
        assert_eq!(conversion.lines.len(), COUNT);
        let mut asked = 0;
        for one in &identities {
            let lines: Vec<&LineReport> =
                conversion.lines.iter().filter(|line| key_of(&line.principal) == key_of(&one.arn)).collect();
            assert!(!lines.is_empty(), "{} is in no line", one.arn);
            let is_listed = lines.iter().any(|line| line.outcome == Outcome::NotCarried);
            // Within and without the windows that are given.
            for now in [NOW, UnixSeconds(1_930_000_000), UnixSeconds(1_990_000_000)] {
                for caller in callers(&one.arn) {
                    asked += 1;
                    let (old, new) = (becomes(&before, &caller, now), becomes(&after, &caller, now));
                    let place =
                        || format!("seed {seed}: {}\n{}: {old:?} -> {new:?}\n{lines:#?}", one.entry, caller.arn());
                    match (&old, &new) {
                        _ if old == new && old.is_some() => *seen.entry("same").or_default() += 1,
                        (Some(_), None) => {
                            assert!(is_listed, "lost in silence: {}", place());
                            *seen.entry("not carried").or_default() += 1;
                        }
                        (None, Some(_)) => panic!("let in: {}", place()),
                        (Some(old), Some(new)) => {
                            assert!(new.1.iter().all(|group| old.1.contains(group) || group == POLICY), "{}", place());
                            let told =
                                lines.iter().any(|line| line.outcome == Outcome::Changed && is_told(line, old, new));
                            assert!(told, "changed in silence: {}", place());
                            assert!(!new.1.contains(POLICY) || old.1.contains("system:masters"), "{}", place());
                            *seen.entry("changed").or_default() += 1;
                        }
                        (None, None) => {}
                    }
                }
            }
        }
        assert!(asked > COUNT * 3, "{asked} callers");
        for (word, outcome) in [("converted", Outcome::Converted), ("kept out", Outcome::NotCarried)] {
            *seen.entry(word).or_default() += conversion.lines.iter().filter(|line| line.outcome == outcome).count();
        }
        assert!(conversion.lines.iter().all(|line| (line.outcome == Outcome::NotCarried) == line.cure.is_some()));
    }
    for word in ["same", "not carried", "changed", "converted", "kept out"] {
        assert!(seen.get(word).is_some_and(|count| *count > 50), "{word}: {seen:?}");
    }
}
