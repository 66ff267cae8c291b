//! What a decision costs at any size of table, and what loading one costs.
//!
//! `cargo bench --bench mapping`. The figures of `choose` should not grow with the number of entries.
#![expect(clippy::expect_used, reason = "a bench whose own input is bad has nothing to measure")]

use divan::{Bencher, black_box};
use iam_bridge::clock::UnixSeconds;
use iam_bridge::diagnostic::Position;
use iam_bridge::iam::{Partition, VerifiedIdentity};
use iam_bridge::live::Live;
use iam_bridge::mapping::{
    AccessEntry, AccessEntryForm, AccessEntryRules, AccessEntryText, AssociationText, Chain, DenyEntry, DenyList,
    DenyText, Entry, EntryList, EntryText, MappingTable, NodeNames, Origin, RolePaths, SourceKind, TableSettings,
    choose,
};

const SIZES: [u32; 3] = [10, 1_000, 100_000];
const NOW: UnixSeconds = UnixSeconds(1_935_817_689);

fn main() {
    divan::main();
}

/// A role in the middle of the table.
#[divan::bench(args = SIZES)]
fn choose_a_role(bencher: Bencher<'_, '_>, size: u32) {
    let chain = chain(size, 0);
    let identity = caller(&format!("Role{}", size / 2));
    bencher.bench_local(|| choose(black_box(&chain), black_box(&identity), NOW).is_ok());
}

/// Nobody knows the caller.
#[divan::bench(args = SIZES)]
fn choose_a_stranger(bencher: Bencher<'_, '_>, size: u32) {
    let chain = chain(size, 0);
    let identity = caller("Stranger");
    bencher.bench_local(|| choose(black_box(&chain), black_box(&identity), NOW).is_err());
}

/// With a deny list of keys, accounts and patterns in front.
#[divan::bench(args = [10, 300])]
fn choose_past_a_deny_list(bencher: Bencher<'_, '_>, denied: u32) {
    let chain = chain(1_000, denied);
    let identity = caller("Role500");
    bencher.bench_local(|| choose(black_box(&chain), black_box(&identity), NOW).is_ok());
}

/// The whole way from identity to Kubernetes user.
#[divan::bench(args = SIZES)]
fn choose_and_render(bencher: Bencher<'_, '_>, size: u32) {
    let chain = chain(size, 0);
    let identity = caller(&format!("Role{}", size / 2));
    bencher.bench_local(|| {
        let choice = choose(black_box(&chain), black_box(&identity), NOW);
        choice.and_then(|choice| choice.render(&identity, &NodeNames::Unavailable)).is_ok()
    });
}

/// A caller of an access entry with policies, from identity to groups: 10 000 entries cost what 10 do.
#[divan::bench(args = [10, 10_000])]
fn choose_and_render_an_access_entry(bencher: Bencher<'_, '_>, size: u32) {
    let chain = entries(size);
    let identity = caller(&format!("Role{}", size / 2));
    bencher.bench_local(|| {
        let choice = choose(black_box(&chain), black_box(&identity), NOW);
        choice.and_then(|choice| choice.render(&identity, &NodeNames::Unavailable)).is_ok()
    });
}

/// Nobody knows the caller, and the entries are asked before aws-auth.
#[divan::bench(args = [10, 10_000])]
fn choose_a_stranger_past_access_entries(bencher: Bencher<'_, '_>, size: u32) {
    let mut chain = entries(size);
    let texts: Vec<EntryText> = (0..10).map(text).collect();
    chain.tables.push(Live::fixed(table(&texts)));
    let identity = caller("Stranger");
    bencher.bench_local(|| choose(black_box(&chain), black_box(&identity), NOW).is_err());
}

/// From members to a table.
#[divan::bench(args = SIZES, sample_count = 10)]
fn load(bencher: Bencher<'_, '_>, size: u32) {
    let texts: Vec<EntryText> = (0..size).map(text).collect();
    bencher.bench_local(|| table(black_box(&texts)).len());
}

fn chain(size: u32, denied: u32) -> Chain {
    let texts: Vec<EntryText> = (0..size).map(text).collect();
    Chain {
        deny: Live::fixed(DenyList::new((0..denied).filter_map(deny).collect())),
        tables: vec![Live::fixed(table(&texts))],
        ..Chain::default()
    }
}

/// Access entries with a policy for the cluster and one for namespaces each.
fn entries(size: u32) -> Chain {
    let rules = AccessEntryRules { form: AccessEntryForm::Object, cluster_account: None };
    let association = |policy: &str, namespaces: Vec<String>| AssociationText {
        policy: policy.to_owned(),
        scope_type: if namespaces.is_empty() { "cluster" } else { "namespace" }.to_owned(),
        namespaces,
        expires_at: None,
    };
    let parsed = (0..size).map(|number| {
        let text = AccessEntryText {
            principal_arn: format!("arn:aws:iam::{:012}:role/path/Role{number}", number % 50),
            username: Some("team:{{SessionName}}".to_owned()),
            kubernetes_groups: vec!["developers".to_owned(), format!("team-{}", number % 100)],
            associations: vec![
                association("AmazonEKSViewPolicy", Vec::new()),
                association("AmazonEKSEditPolicy", vec![format!("team-{}", number % 100), "dev-*".to_owned()]),
            ],
            ..AccessEntryText::default()
        };
        AccessEntry::parse(&text, &rules, Origin::default()).expect("the entry is good").entry
    });
    let settings = TableSettings { source: SourceKind::AccessEntry, partition: Partition::Aws };
    let table = MappingTable::new(settings, parsed.collect(), Vec::new(), Vec::new());
    assert_eq!(table.len(), usize::try_from(size).unwrap_or_default(), "no entry hides another");
    Chain { tables: vec![Live::fixed(table)], ..Chain::default() }
}

fn table(texts: &[EntryText]) -> MappingTable {
    let place = "config.yaml".into();
    let origin = |line| Origin { place: std::sync::Arc::clone(&place), at: Position { line, column: 1 } };
    let entries = (1..).zip(texts);
    let roles =
        entries.filter_map(|(line, text)| Entry::parse(EntryList::Roles, text, RolePaths::Exact, origin(line)).ok());
    let settings = TableSettings { source: SourceKind::MountedFile, partition: Partition::Aws };
    MappingTable::new(settings, roles.collect(), Vec::new(), Vec::new())
}

fn text(number: u32) -> EntryText {
    EntryText {
        role_arn: Some(format!("arn:aws:iam::{:012}:role/Role{number}", number % 50)),
        username: "team:{{SessionName}}".to_owned(),
        groups: vec!["developers".to_owned(), format!("team-{}", number % 100)],
        ..EntryText::default()
    }
}

fn deny(number: u32) -> Option<DenyEntry> {
    let text = match number % 3 {
        0 => DenyText { access_key_id: Some(format!("ASIA{number:012}")), ..DenyText::default() },
        1 => DenyText { account: Some(format!("9{number:011}")), ..DenyText::default() },
        _ => DenyText { arn_like: Some(format!("arn:aws:iam::*:role/left-{number}-*")), ..DenyText::default() },
    };
    DenyEntry::parse(&text, Origin::default()).ok()
}

fn caller(role: &str) -> VerifiedIdentity {
    let number: u32 = role.trim_start_matches(char::is_alphabetic).parse().unwrap_or(0);
    let arn = format!("arn:aws:sts::{:012}:assumed-role/{role}/alice@example.com", number % 50);
    VerifiedIdentity::from_arn(&arn, Some("AROAEXAMPLE1"), Some("alice@example.com"), Some("ASIAEXAMPLE12345"))
        .expect("the ARN is well formed")
}
