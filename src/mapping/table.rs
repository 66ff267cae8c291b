//! An immutable, indexed table of one source's entries.

use std::collections::HashMap;

use super::arn_index::ArnIndex;
use super::principal::{Principal, caller_key, role_owner_of, sso_key, sso_key_of};
use super::{Entry, EntryList, Origin, SourceKind};
use crate::iam::{CanonicalArn, Partition, VerifiedIdentity};

/// What a table needs beside its entries.
#[derive(Clone, Copy, Debug)]
pub struct TableSettings {
    /// The source it belongs to.
    pub source: SourceKind,
    /// `server.partition`: `mapAccounts` match only in it.
    pub partition: Partition,
}

/// One item of `mapAccounts`: every principal of the account is a user named by its ARN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MappedAccount {
    /// As written; anything but twelve digits never matches.
    pub id: String,
    /// Where it stands.
    pub origin: Origin,
}

/// All entries of one source, indexed; cheap to ask at any size.
#[derive(Debug)]
pub struct MappingTable {
    settings: TableSettings,
    entries: Box<[Entry]>,
    accounts: Box<[MappedAccount]>,
    roles: ArnIndex,
    sso: HashMap<String, usize>,
    /// Best first.
    patterns: HashMap<String, Vec<usize>>,
    users: ArnIndex,
    /// Entries looked up by their unique id.
    role_ids: HashMap<String, usize>,
    user_ids: HashMap<String, usize>,
    account_ids: HashMap<String, usize>,
    unread: bool,
}

/// What in a table knows a principal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hit {
    /// The account list: index among the accounts.
    Account(usize),
    /// An entry: its index, roles first, then users.
    Entry(usize),
}

/// Two entries of one list that name the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RepeatedEntry {
    /// The principal or pattern, as the later entry writes it.
    pub principal: String,
    /// The earlier entry.
    pub first: Origin,
    /// The later entry.
    pub again: Origin,
    /// Which of the two is in force; `None` when the pair is an error (identical `rolearnLike` patterns).
    pub in_force: Option<Origin>,
}

impl MappingTable {
    /// Indexes entries (roles and users in file order; of a repeated ARN the last wins, of a repeated SSO role or
    /// pattern the first) and account ids. What repeats is told by [`repeated_entries`].
    #[must_use]
    pub fn new(settings: TableSettings, roles: Vec<Entry>, users: Vec<Entry>, accounts: Vec<MappedAccount>) -> Self {
        let (role_count, user_count) = (roles.len(), users.len());
        let mut entries = roles;
        entries.extend(users);
        let mut table = Self {
            settings,
            entries: entries.into(),
            roles: ArnIndex::with_capacity(role_count),
            users: ArnIndex::with_capacity(user_count),
            account_ids: accounts.iter().enumerate().map(|(at, account)| (account.id.clone(), at)).collect(),
            accounts: accounts.into(),
            sso: HashMap::new(),
            patterns: HashMap::new(),
            role_ids: HashMap::new(),
            user_ids: HashMap::new(),
            unread: false,
        };
        // An identity always has an account; an empty item of the list (YAML null) must not meet an empty one.
        table.account_ids.remove("");
        for (at, entry) in table.entries.iter().enumerate() {
            let id = || entry.pin().unwrap_or_default().to_owned();
            match (entry.principal(), entry.list()) {
                (Principal::Exact(exact), EntryList::Roles) => {
                    table.roles.replace(exact, at, &table.entries);
                }
                (Principal::Exact(exact), EntryList::Users) => {
                    table.users.replace(exact, at, &table.entries);
                }
                (Principal::UserId(_), EntryList::Roles) => {
                    table.role_ids.insert(id(), at);
                }
                (Principal::UserId(_), EntryList::Users) => {
                    table.user_ids.insert(id(), at);
                }
                (Principal::Sso(sso), _) => {
                    table.sso.entry(sso_key(&sso.1)).or_insert(at);
                }
                (Principal::Pattern(pattern), _) => {
                    let owner = role_owner_of(pattern.0.lowercase()).unwrap_or_default();
                    table.patterns.entry(owner.to_owned()).or_default().push(at);
                }
            }
        }
        let Self { patterns, entries, .. } = &mut table;
        for group in patterns.values_mut() {
            group.sort_by_cached_key(|at| match entries.get(*at).map(Entry::principal) {
                Some(Principal::Pattern(pattern)) => Some(pattern.0.precedence()),
                _ => None,
            });
        }
        table
    }

    /// A table of access entries. Of entries that name the same principal the last wins; sources let it not come to that.
    #[must_use]
    pub fn of_access_entries(source: SourceKind, entries: Vec<Entry>) -> Self {
        // Entries have no account lists, which alone the partition is for.
        let settings = TableSettings { source, partition: Partition::Aws };
        let (roles, users) = entries.into_iter().partition(|entry| entry.list() == EntryList::Roles);
        Self::new(settings, roles, users, Vec::new())
    }

    /// A table without entries.
    #[must_use]
    pub fn empty(settings: TableSettings) -> Self {
        Self::new(settings, Vec::new(), Vec::new(), Vec::new())
    }

    /// The table of a source that has not read its input yet: empty, and nothing follows from that.
    #[must_use]
    pub fn unread(settings: TableSettings) -> Self {
        Self { unread: true, ..Self::empty(settings) }
    }

    /// Whether its source has read its input.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        !self.unread
    }

    /// Number of entries, account ids included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len().saturating_add(self.accounts.len())
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The source it belongs to.
    #[must_use]
    pub const fn source(&self) -> SourceKind {
        self.settings.source
    }

    /// The partition its account list holds in.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        self.settings.partition
    }

    /// Every entry, roles first, then users, each in file order; those that never win included.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// `mapAccounts`, in file order.
    #[must_use]
    pub fn accounts(&self) -> &[MappedAccount] {
        &self.accounts
    }

    /// The entry of a hit; absent for the account list.
    #[must_use]
    pub fn entry(&self, hit: Hit) -> Option<&Entry> {
        match hit {
            Hit::Account(_) => None,
            Hit::Entry(at) => self.entries.get(at),
        }
    }

    /// Where what hit stands.
    #[must_use]
    pub fn origin(&self, hit: Hit) -> Option<&Origin> {
        match hit {
            Hit::Account(at) => self.accounts.get(at).map(|account| &account.origin),
            Hit::Entry(at) => self.entries.get(at).map(Entry::origin),
        }
    }

    /// All that knows a principal, in the order it is asked: exact role, SSO, `rolearnLike` best first, user, account.
    /// Entries that are looked up by their unique id stand where those with an ARN do.
    ///
    /// Lazy: who takes the first pays for the first.
    pub fn hits(&self, identity: &VerifiedIdentity) -> impl Iterator<Item = Hit> {
        let (arn, account) = (identity.canonical_arn(), identity.account_id());
        let key = arn.lowercase();
        let role_key = if self.source().holds_access_entries() { caller_key(arn) } else { key.into() };
        let exact = self.roles.find(&role_key, &self.entries).or_else(|| by_id(&self.role_ids, identity));
        let sso = || sso_key_of(key).and_then(|key| self.sso.get(key)).copied();
        let user = move || self.users.find(key, &self.entries).or_else(|| by_id(&self.user_ids, identity));
        let in_account = arn.partition() == self.settings.partition;
        let account = move || self.account_ids.get(account).copied().filter(|_| in_account);
        let by_role = exact.into_iter().chain(lazily(sso)).chain(self.patterns_naming(arn));
        by_role.chain(lazily(user)).map(Hit::Entry).chain(lazily(account).map(Hit::Account))
    }

    fn patterns_naming(&self, arn: &CanonicalArn) -> impl Iterator<Item = usize> {
        let group = || (!self.patterns.is_empty()).then(|| role_owner_of(arn.lowercase())).flatten();
        let candidates = lazily(group).filter_map(|owner| self.patterns.get(owner)).flatten().copied();
        candidates.filter(move |at| self.entries.get(*at).is_some_and(|entry| entry.names(arn)))
    }
}

/// The pairs of entries of one list that name the same principal, in file order.
#[must_use]
pub fn repeated_entries(entries: &[Entry]) -> Vec<RepeatedEntry> {
    let mut exact = ArnIndex::with_capacity(entries.len());
    let mut others: HashMap<String, usize> = HashMap::new();
    let mut repeated = Vec::new();
    for (at, again) in entries.iter().enumerate() {
        let (first, in_force) = match again.principal() {
            Principal::Exact(arn) if arn.is_never() => (None, None),
            Principal::Exact(arn) => (exact.replace(arn, at, entries), Some(at)),
            Principal::Sso(sso) => {
                let first = *others.entry(sso_key(&sso.1)).or_insert(at);
                (Some(first).filter(|first| *first != at), Some(first))
            }
            Principal::UserId(_) => {
                let id = format!("userid {}", again.pin().unwrap_or_default());
                (others.insert(id, at), Some(at))
            }
            Principal::Pattern(pattern) => {
                let first = *others.entry(pattern.0.lowercase().to_owned()).or_insert(at);
                (Some(first).filter(|first| *first != at), None)
            }
        };
        if let Some(first) = first.and_then(|first| entries.get(first)) {
            repeated.push(RepeatedEntry {
                principal: again.principal_text(),
                first: first.origin().clone(),
                again: again.origin().clone(),
                in_force: in_force.and_then(|at| entries.get(at)).map(|entry| entry.origin().clone()),
            });
        }
    }
    repeated
}

/// A caller without a unique id is in no such index.
fn by_id(index: &HashMap<String, usize>, identity: &VerifiedIdentity) -> Option<usize> {
    if index.is_empty() { None } else { index.get(identity.user_id()?).copied() }
}

fn lazily<T>(ask: impl FnOnce() -> Option<T>) -> impl Iterator<Item = T> {
    std::iter::once_with(ask).flatten()
}
