//! The objects as they are known.
//!
//! Of an object only what was made of its `spec` is kept here. What came with the status is looked at and handed on: it
//! decides nothing, so a change of it changes nothing here.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::Kind;
use crate::kubernetes::LeanObject;

/// One object, judged.
#[derive(Debug)]
pub(in crate::sources) struct Known<J> {
    pub(in crate::sources) name: Arc<str>,
    pub(in crate::sources) uid: Box<str>,
    /// Unix seconds.
    created: i64,
    /// Hash of the spec, under a key of this process.
    spec: u64,
    pub(in crate::sources) judged: J,
}

/// What an object that came turned out to be.
#[derive(Debug)]
pub(super) struct Seen<K: Kind> {
    pub(super) known: Arc<Known<K::Judged>>,
    /// Whether it is new, or another than before.
    pub(super) changed: bool,
    pub(super) shown: K::Shown,
}

/// The objects at one moment, in no order.
pub(in crate::sources) type AllKnown<K> = Vec<Arc<Known<<K as Kind>::Judged>>>;

type ByName<K> = HashMap<Arc<str>, Arc<Known<<K as Kind>::Judged>>>;

/// All objects.
#[derive(Debug)]
pub(in crate::sources) struct Objects<K: Kind> {
    hasher: RandomState,
    served: ByName<K>,
    /// A list that is not complete yet.
    listed: ByName<K>,
    /// Version of the newest change.
    newest: u64,
}

impl<K: Kind> Objects<K> {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), served: HashMap::new(), listed: HashMap::new(), newest: 0 }
    }

    /// A list begins; what is known stays.
    pub(super) fn begin_list(&mut self) {
        self.listed = HashMap::new();
        self.newest = 0;
    }

    /// An object of the list.
    pub(super) fn list(&mut self, kind: &K, object: LeanObject<K::Parts>) -> Seen<K> {
        self.newest = self.newest.max(object.version().unwrap_or_default());
        let seen = self.judge(kind, object);
        self.listed.insert(Arc::clone(&seen.known.name), Arc::clone(&seen.known));
        seen
    }

    /// The list is complete, and is what is known. Yields whether it differs from what was known.
    pub(super) fn end_list(&mut self) -> bool {
        let listed = std::mem::take(&mut self.listed);
        let is_known = |(name, known)| self.served.get(name).is_some_and(|served| Arc::ptr_eq(served, known));
        let same = listed.len() == self.served.len() && listed.iter().all(is_known);
        self.served = listed;
        !same
    }

    /// An object was made or changed. `None` when that is older than what is known.
    pub(super) fn apply(&mut self, kind: &K, object: LeanObject<K::Parts>) -> Option<Seen<K>> {
        if self.is_late(&object) {
            return None;
        }
        let seen = self.judge(kind, object);
        self.served.insert(Arc::clone(&seen.known.name), Arc::clone(&seen.known));
        Some(seen)
    }

    /// An object was deleted. Yields whether it was known.
    pub(super) fn delete(&mut self, object: &LeanObject<K::Parts>) -> bool {
        if self.is_late(object) || self.served.get(object.name()).is_none_or(|known| *known.uid != *object.uid()) {
            return false;
        }
        self.served.remove(object.name()).is_some()
    }

    pub(in crate::sources) fn has(&self, name: &str) -> bool {
        self.served.contains_key(name)
    }

    pub(in crate::sources) fn all(&self) -> AllKnown<K> {
        self.served.values().cloned().collect()
    }

    /// The API server tells changes in the order of their versions; what comes twice or late is no news.
    fn is_late(&mut self, object: &LeanObject<K::Parts>) -> bool {
        let Some(version) = object.version() else { return false };
        let late = version <= self.newest;
        self.newest = self.newest.max(version);
        late
    }

    fn judge(&self, kind: &K, object: LeanObject<K::Parts>) -> Seen<K> {
        let before = self.served.get(object.name());
        let (name, uid, created) = (object.name().to_owned(), object.uid().to_owned(), object.created());
        let (text, shown) = K::take(object);
        let hash = self.hasher.hash_one(&text);
        match before {
            Some(before) if *before.uid == *uid && before.spec == hash => {
                Seen { known: Arc::clone(before), changed: false, shown }
            }
            _ => {
                let judged = kind.judge(&name, text);
                let (name, uid) = (name.into(), uid.into());
                Seen { known: Arc::new(Known { name, uid, created, spec: hash, judged }), changed: true, shown }
            }
        }
    }
}

impl<J> Known<J> {
    /// The older of two that name the same principal wins; of two of one age the one whose name is smaller.
    pub(in crate::sources) fn age(&self) -> (i64, &str) {
        (self.created, &self.name)
    }
}
