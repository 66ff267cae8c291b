//! What the entries ask for: the grants of all access entries, whatever source they come from.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, select_all};

use crate::clock::UnixSeconds;
use crate::live::Live;
use crate::mapping::{AccessScope, AuthenticationMode, Chain, Entry, Grant, MappingTable, SourceKind};

/// Said in place of a digest where no file of access entries is a source.
const NO_FILE: &str = "none";

/// The chain, and every table of access entries in it.
pub(super) struct Inputs {
    chain: Live<Chain>,
    /// Nothing more can come of the chain.
    chain_ended: bool,
    mode: Option<Live<AuthenticationMode>>,
    /// Those that can still change.
    tables: Vec<Live<MappingTable>>,
}

/// What is asked for at one instant.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// Each policy and scope once; none is over.
    pub(super) grants: Vec<Grant>,
    /// Every source has read its input once: what is not asked for is not wanted.
    pub(super) complete: bool,
    /// When the next of them ends.
    pub(super) next_end: Option<UnixSeconds>,
    /// Of the grants for namespaces of the file of access entries; absent while it has not been read.
    pub(super) file_digest: Option<String>,
}

/// What has changed.
enum Changed {
    Chain(bool),
    Mode(bool),
    Table(usize, bool),
}

impl Inputs {
    pub(super) fn new(chain: Live<Chain>) -> Self {
        let mut inputs = Self { chain, chain_ended: false, mode: None, tables: Vec::new() };
        inputs.follow();
        inputs
    }

    /// Whether any source of the chain yields access entries.
    pub(super) fn has_source(&self) -> bool {
        self.chain.now().tables.iter().any(|table| table.now().source().holds_access_entries())
    }

    /// Waits for a change of what [`Inputs::read`] yields. May be dropped.
    pub(super) async fn changed(&mut self) {
        loop {
            let Self { chain, chain_ended, mode, tables } = self;
            let mut waits: Vec<BoxFuture<'_, Changed>> = Vec::with_capacity(tables.len().saturating_add(2));
            if !*chain_ended {
                waits.push(chain.changed().map(Changed::Chain).boxed());
            }
            if let Some(mode) = mode {
                waits.push(mode.changed().map(Changed::Mode).boxed());
            }
            for (at, table) in tables.iter_mut().enumerate() {
                waits.push(table.changed().map(move |news| Changed::Table(at, news)).boxed());
            }
            if waits.is_empty() {
                return std::future::pending().await;
            }
            let (changed, _, waits) = select_all(waits).await;
            drop(waits);
            match changed {
                Changed::Chain(true) => return self.follow(),
                Changed::Mode(true) | Changed::Table(_, true) => return,
                Changed::Chain(false) => self.chain_ended = true,
                Changed::Mode(false) => self.mode = None,
                Changed::Table(at, false) => drop(self.tables.swap_remove(at)),
            }
        }
    }

    /// What is asked for at `now`. An entry that is not valid yet asks for its bindings already: its group is not sent
    /// before, and then nothing has to be waited for.
    pub(super) fn read(&self, now: UnixSeconds) -> Wishes {
        let chain = self.chain.now();
        let mode = chain.mode.now();
        let mut wanted: BTreeSet<(crate::rbac::AccessPolicy, AccessScope)> = BTreeSet::new();
        let mut wishes = Wishes { complete: true, file_digest: Some(NO_FILE.to_owned()), ..Wishes::default() };
        for table in &chain.tables {
            let table = table.now();
            if !table.source().holds_access_entries() {
                continue;
            }
            wishes.complete &= table.is_read();
            if table.source() == SourceKind::AccessEntryFile {
                wishes.file_digest = table.is_read().then(|| digest_of(table.entries()));
            }
            if !mode.asks(table.source()) {
                continue;
            }
            for entry in table.entries() {
                for grant in entry.grants() {
                    let end = [entry.expires_at(), grant.expires_at].into_iter().flatten().min();
                    if end.is_some_and(|end| end <= now) {
                        continue;
                    }
                    wishes.next_end = wishes.next_end.into_iter().chain(end).min();
                    let (policy, scope) = (grant.policy, &grant.scope);
                    if !matches!(scope, AccessScope::Cluster) && !wanted.contains(&(policy, scope.clone())) {
                        wanted.insert((policy, scope.clone()));
                    }
                }
            }
        }
        let grant = |(policy, scope)| Grant { policy, scope, expires_at: None };
        wishes.grants = wanted.into_iter().map(grant).collect();
        wishes
    }

    fn follow(&mut self) {
        let chain = self.chain.now();
        self.mode = Some(chain.mode.clone());
        self.tables =
            chain.tables.iter().filter(|table| table.now().source().holds_access_entries()).cloned().collect();
    }
}

/// The same for two files that ask for the same in namespaces, in whatever order and for whomever.
fn digest_of(entries: &[Entry]) -> String {
    let of_entry = |entry: &Entry| {
        let line = |grant: &Grant| {
            let end = [entry.expires_at(), grant.expires_at].into_iter().flatten().min();
            let patterns = match &grant.scope {
                AccessScope::Cluster => return None,
                AccessScope::Namespaces(patterns) => {
                    patterns.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(",")
                }
            };
            Some(format!("{} {patterns} {}\n", grant.policy, end.map_or(i64::MAX, |end| end.0)))
        };
        entry.grants().iter().filter_map(line).collect::<Vec<_>>()
    };
    let lines: BTreeSet<String> = entries.iter().flat_map(of_entry).collect();
    let text: String = lines.into_iter().collect();
    let hash: String = digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}
