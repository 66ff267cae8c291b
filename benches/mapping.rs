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
    Chain, DenyEntry, DenyList, DenyText, Entry, EntryList, EntryText, MappingTable, NodeNames, Origin, RolePaths,
    SourceKind, TableSettings, choose,
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
