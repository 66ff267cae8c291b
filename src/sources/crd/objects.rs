//! The IAMIdentityMappings as they are known, and the table made of them.
//!
//! Of an object only the mapping is kept. What came with the status is looked at once and forgotten: it is no part of
//! the mapping, so a change of it changes nothing here.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::iam::{CanonicalArn, strip_role_path};
use crate::kubernetes::{IamIdentityMappingSpec, MappingObject, SpecFault};
use crate::mapping::{Entry, EntryList, MappingTable, Origin, RolePaths, TableSettings};
use crate::sources::keys::{self, KeySettings};

/// One object, judged.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: Arc<str>,
    pub(super) uid: Box<str>,
    /// Unix seconds.
    created: i64,
    /// Hash of the spec, under a key of this process.
    spec: u64,
    /// Canonical form of `spec.arn` in lower case: what the status is to say. `None` when it is no principal's ARN.
    pub(super) canonical: Option<Box<str>>,
    pub(super) entry: Result<Entry, Vec<Diagnostic>>,
}

/// What an object that came turned out to be.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) known: Arc<Known>,
    /// Whether it is new, or another mapping than before.
    pub(super) changed: bool,
    /// Its `status.canonicalARN`.
    pub(super) status: Option<String>,
}

/// All objects.
#[derive(Debug)]
pub(super) struct Objects {
    settings: KeySettings,
    hasher: RandomState,
    served: HashMap<Arc<str>, Arc<Known>>,
    /// A list that is not complete yet.
    listed: HashMap<Arc<str>, Arc<Known>>,
    /// Version of the newest change.
    newest: u64,
}

impl Objects {
    pub(super) fn new(settings: KeySettings) -> Self {
        Self { settings, hasher: RandomState::new(), served: HashMap::new(), listed: HashMap::new(), newest: 0 }
    }

    /// A list begins; what is known stays.
    pub(super) fn begin_list(&mut self) {
        self.listed = HashMap::new();
        self.newest = 0;
    }

    /// An object of the list.
    pub(super) fn list(&mut self, object: MappingObject) -> Seen {
        self.newest = self.newest.max(object.version().unwrap_or_default());
        let seen = self.judge(object);
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
    pub(super) fn apply(&mut self, object: MappingObject) -> Option<Seen> {
        if self.is_late(&object) {
            return None;
        }
        let seen = self.judge(object);
        self.served.insert(Arc::clone(&seen.known.name), Arc::clone(&seen.known));
        Some(seen)
    }

    /// An object was deleted. Yields whether it was known.
    pub(super) fn delete(&mut self, object: &MappingObject) -> bool {
        if self.is_late(object) || self.served.get(object.name()).is_none_or(|known| *known.uid != *object.uid()) {
            return false;
        }
        self.served.remove(object.name()).is_some()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.served.contains_key(name)
    }

    pub(super) fn all(&self) -> Vec<Arc<Known>> {
        self.served.values().cloned().collect()
    }

    /// The API server tells changes in the order of their versions; what comes twice or late is no news.
    fn is_late(&mut self, object: &MappingObject) -> bool {
        let Some(version) = object.version() else { return false };
        let late = version <= self.newest;
        self.newest = self.newest.max(version);
        late
    }

    fn judge(&self, mut object: MappingObject) -> Seen {
        let status = object.take_canonical_arn();
        let before = self.served.get(object.name());
        let (name, uid, created) = (object.name().to_owned(), object.uid().to_owned(), object.created());
        let spec = object.into_spec();
        let hash = self.hasher.hash_one(&spec);
        match before {
            Some(before) if *before.uid == *uid && before.spec == hash => {
                Seen { known: Arc::clone(before), changed: false, status }
            }
            _ => {
                let canonical = spec.as_ref().ok().and_then(|spec| canonical(&spec.arn));
                let entry = entry_of(&name, spec, self.settings);
                let (name, uid) = (name.into(), uid.into());
                let known = Known { name, uid, created, spec: hash, canonical, entry };
                Seen { known: Arc::new(known), changed: true, status }
            }
        }
    }
}

impl Known {
    /// The older of two that name the same principal wins.
    fn age(&self) -> (i64, &str) {
        (self.created, &self.name)
    }

    /// What is wrong with it, in one line.
    pub(super) fn fault(&self) -> Option<String> {
        let faults = self.entry.as_ref().err()?;
        let line = |fault: &Diagnostic| format!("{}: {}; {}", fault.key, fault.what, fault.cure);
        Some(faults.iter().map(line).collect::<Vec<_>>().join(" | "))
    }
}

/// The table of all good objects, and what is to be told of the others.
pub(super) fn table_of(
    mut objects: Vec<Arc<Known>>,
    paths: RolePaths,
    settings: TableSettings,
) -> (MappingTable, Vec<Diagnostic>) {
    objects.sort_unstable_by(|one, other| one.age().cmp(&other.age()));
    let (mut roles, mut told) = (Vec::with_capacity(objects.len()), Vec::new());
    let mut names: HashMap<String, &str> = HashMap::with_capacity(objects.len());
    for object in &objects {
        let (entry, key) = match (&object.entry, &object.canonical) {
            (Ok(entry), Some(canonical)) => (entry, key(canonical, paths)),
            (Ok(_), None) => continue,
            (Err(faults), _) => {
                // One object is one that is dropped, whatever number of faults it has.
                let severity = |at| if at == 0 { Severity::Error } else { Severity::Warning };
                told.extend(
                    faults.iter().enumerate().map(|(at, one)| Diagnostic { severity: severity(at), ..one.clone() }),
                );
                continue;
            }
        };
        if let Some(older) = names.get(&key) {
            told.push(repeated(object, &key, older));
        } else {
            names.insert(key, &object.name);
            roles.push(entry.clone());
        }
    }
    // The two lists of a table differ in the order they are asked, and users of one name are no roles.
    let users = roles.extract_if(.., |entry| entry.list() == EntryList::Users).collect();
    (MappingTable::new(settings, roles, users, Vec::new()), told)
}

/// What a caller's ARN is compared with.
fn key(canonical: &str, paths: RolePaths) -> String {
    match paths {
        RolePaths::Exact => canonical.to_owned(),
        RolePaths::Ignore => strip_role_path(canonical).unwrap_or_else(|_| canonical.to_owned()),
    }
}

fn canonical(arn: &str) -> Option<Box<str>> {
    CanonicalArn::parse(&arn.to_ascii_lowercase()).ok().map(|arn| arn.lowercase().into())
}

fn entry_of(
    name: &str,
    spec: Result<IamIdentityMappingSpec, Vec<SpecFault>>,
    settings: KeySettings,
) -> Result<Entry, Vec<Diagnostic>> {
    let place: Arc<str> = format!("iamidentitymapping/{name}").into();
    let file: Box<str> = place.as_ref().into();
    let fault = |SpecFault { key, what, wrong }| {
        let (code, cure) =
            if wrong { ("bad-type", "write what belongs there") } else { ("missing", "write its value") };
        let (severity, file, cure) = (Severity::Error, Some(file.clone()), cure.to_owned());
        Diagnostic { severity, code, file, at: None, key, what, cure }
    };
    let spec = spec.map_err(|faults| faults.into_iter().map(fault).collect::<Vec<_>>())?;
    keys::parse_iam_identity_mapping(&spec, settings, Origin { place, at: Position::default() })
}

fn repeated(object: &Known, arn: &str, older: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        code: "repeated-entry",
        file: Some(format!("iamidentitymapping/{}", object.name).into()),
        at: None,
        key: "spec.arn".to_owned(),
        what: format!("`{arn}` is mapped by iamidentitymapping/{older} too, which is older and in force"),
        cure: "remove one of the two".to_owned(),
    }
}
