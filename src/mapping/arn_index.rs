//! Entries by the ARN they name, without a copy of it: five bytes and a bit for each.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::Entry;
use super::principal::{ExactArn, Principal};

/// Numbers of entries, found by the lower-case canonical ARN that stands in the entry.
#[derive(Debug, Default)]
pub(super) struct ArnIndex {
    hasher: RandomState,
    numbers: HashTable<usize>,
}

impl ArnIndex {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { hasher: RandomState::new(), numbers: HashTable::with_capacity(capacity) }
    }

    /// Puts an entry in; an earlier one with the same ARN gives place, and its number is told.
    pub(super) fn replace(&mut self, exact: &ExactArn, number: usize, entries: &[Entry]) -> Option<usize> {
        let key = exact.key();
        let hash = self.hasher.hash_one(&key);
        match self.numbers.find_mut(hash, |known| names(entries, *known, &key)) {
            Some(known) => Some(std::mem::replace(known, number)),
            None => {
                let rehash = |known: &usize| self.hasher.hash_one(key_of(entries, *known));
                self.numbers.insert_unique(hash, number, rehash);
                None
            }
        }
    }

    pub(super) fn find(&self, lowercase: &str, entries: &[Entry]) -> Option<usize> {
        let hash = self.hasher.hash_one(lowercase);
        self.numbers.find(hash, |known| names(entries, *known, lowercase)).copied()
    }
}

fn names(entries: &[Entry], number: usize, lowercase: &str) -> bool {
    matches!(entries.get(number).map(Entry::principal), Some(Principal::Exact(exact)) if exact.is(lowercase))
}

fn key_of(entries: &[Entry], number: usize) -> String {
    match entries.get(number).map(Entry::principal) {
        Some(Principal::Exact(exact)) => exact.key(),
        _ => String::new(),
    }
}
