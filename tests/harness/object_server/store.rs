//! The objects, and every change of them in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use iam_bridge::clock::Clock;
use serde_json::{Map, Value, json};

use super::ROLE_BINDINGS;
use super::selector::Selector;

/// All of it. Versions count up from 1 over all collections.
#[derive(Default)]
pub(super) struct Store {
    collections: BTreeMap<String, BTreeMap<String, Arc<Value>>>,
    changes: Vec<Change>,
    newest: u64,
    /// Changes up to this one are forgotten.
    compacted: u64,
}

/// What a watch is told.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    /// `None` for a bookmark, which every watch gets.
    pub(super) collection: Option<String>,
    /// `ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`.
    pub(super) kind: &'static str,
    pub(super) object: Arc<Value>,
    /// What it was before, if it was there.
    pub(super) before: Option<Arc<Value>>,
}

/// Why a write is not done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    Conflict,
    Exists,
    Invalid,
    NotFound,
    Terminating,
}

impl Store {
    pub(super) fn open(&mut self, collection: &str) {
        self.collections.entry(collection.to_owned()).or_default();
    }

    pub(super) fn has(&self, collection: &str) -> bool {
        self.collections.contains_key(collection)
    }

    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    pub(super) fn objects(&self, collection: &str) -> Vec<Value> {
        self.collections.get(collection).into_iter().flatten().map(|(_, object)| Value::clone(object)).collect()
    }

    pub(super) fn object(&self, collection: &str, name: &str) -> Option<Arc<Value>> {
        self.collections.get(collection)?.get(name).cloned()
    }

    /// Up to `limit` objects behind the name `after`, and whether there are more.
    pub(super) fn page(
        &self,
        collection: &str,
        selector: &Selector,
        after: &str,
        limit: usize,
    ) -> (Vec<Arc<Value>>, bool) {
        let objects = self.collections.get(collection).into_iter().flatten();
        let mut rest = objects
            .filter(|(name, object)| name.as_str() > after && selector.wants(object))
            .map(|(_, object)| Arc::clone(object));
        let page = rest.by_ref().take(limit).collect();
        (page, rest.next().is_some())
    }

    /// Creates or replaces.
    pub(super) fn put(&mut self, collection: &str, mut object: Value) -> Value {
        let name = key_of(collection, &object);
        let old = self.object(collection, &name);
        if let (Some(kept), Some(new)) = (old.as_ref().map(|old| &old["metadata"]), object["metadata"].as_object_mut())
        {
            for key in ["uid", "creationTimestamp"] {
                new.entry(key).or_insert_with(|| kept[key].clone());
            }
        }
        let kind = if old.is_some() { "MODIFIED" } else { "ADDED" };
        self.keep(collection, kind, object)
    }

    /// As `POST` does.
    pub(super) fn create(&mut self, collection: &str, mut object: Value) -> Result<Value, Refusal> {
        if object["metadata"]["name"].is_null() {
            let name = format!("{}{}", object["metadata"]["generateName"].as_str().unwrap(), self.newest);
            object["metadata"]["name"] = Value::from(name);
        }
        match self.object(collection, &key_of(collection, &object)) {
            Some(_) => Err(Refusal::Exists),
            None => Ok(self.keep(collection, "ADDED", object)),
        }
    }

    /// Replaces what `change` makes of an object. A resourceVersion in what it makes must be the object's; what it
    /// leaves as it is changes nothing, and no watch is told.
    pub(super) fn change(
        &mut self,
        collection: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Value, Refusal> {
        let old = self.object(collection, name).ok_or(Refusal::NotFound)?;
        let version = old["metadata"]["resourceVersion"].clone();
        let mut new = Value::clone(&old);
        change(&mut new);
        if !new["metadata"]["resourceVersion"].is_null() && new["metadata"]["resourceVersion"] != version {
            return Err(Refusal::Conflict);
        }
        for key in ["name", "namespace", "uid", "creationTimestamp", "resourceVersion"] {
            if !old["metadata"][key].is_null() {
                new["metadata"][key] = old["metadata"][key].clone();
            }
        }
        if new == *old { Ok(new) } else { Ok(self.keep(collection, "MODIFIED", new)) }
    }

    /// As `DELETE` does with preconditions.
    pub(super) fn delete_if(&mut self, collection: &str, name: &str, preconditions: &Value) -> Result<Value, Refusal> {
        let there = self.object(collection, name).ok_or(Refusal::NotFound)?;
        let holds = |key: &str| preconditions[key].is_null() || preconditions[key] == there["metadata"][key];
        if !holds("uid") || !holds("resourceVersion") {
            return Err(Refusal::Conflict);
        }
        self.delete(collection, name).ok_or(Refusal::NotFound)
    }

    pub(super) fn delete(&mut self, collection: &str, name: &str) -> Option<Value> {
        let mut object = Value::clone(&*self.collections.get_mut(collection)?.remove(name)?);
        object["metadata"]["resourceVersion"] = Value::from((self.newest + 1).to_string());
        self.say(collection, "DELETED", object.clone());
        Some(object)
    }

    /// A change that watches are told, whatever the objects are. A resourceVersion is given to it if it has none.
    pub(super) fn say(&mut self, collection: &str, kind: &'static str, mut object: Value) {
        self.newest += 1;
        if object["metadata"]["resourceVersion"].is_null() {
            object["metadata"]["resourceVersion"] = Value::from(self.newest.to_string());
        }
        self.changes.push(Change {
            version: self.newest,
            collection: Some(collection.to_owned()),
            kind,
            object: Arc::new(object),
            before: None,
        });
    }

    pub(super) fn bookmark(&mut self) {
        self.newest += 1;
        self.changes.push(Change {
            version: self.newest,
            collection: None,
            kind: "BOOKMARK",
            object: Arc::new(json!({"metadata": {"resourceVersion": self.newest.to_string()}})),
            before: None,
        });
    }

    pub(super) fn compact(&mut self) {
        self.compacted = self.newest;
        self.changes.clear();
    }

    /// The changes behind a version, for a watch of the collection; `None` when they are forgotten.
    pub(super) fn since(&self, version: u64, collection: &str) -> Option<Vec<Change>> {
        if version < self.compacted {
            return None;
        }
        let start = self.changes.partition_point(|change| change.version <= version);
        let mine = |change: &&Change| change.collection.as_deref().is_none_or(|one| one == collection);
        Some(self.changes.iter().skip(start).filter(mine).cloned().collect())
    }

    fn keep(&mut self, collection: &str, kind: &'static str, mut object: Value) -> Value {
        self.newest += 1;
        let version = self.newest;
        let metadata = object["metadata"].as_object_mut().expect("an object has metadata");
        metadata.insert("resourceVersion".to_owned(), Value::from(version.to_string()));
        metadata.entry("uid").or_insert_with(|| Value::from(format!("00000000-0000-4000-8000-{version:012}")));
        metadata.entry("creationTimestamp").or_insert_with(|| {
            let seconds = Clock::system().now().0;
            Value::from(jiff::Timestamp::from_second(seconds).unwrap().to_string())
        });
        let kept = Arc::new(object.clone());
        let all = self.collections.entry(collection.to_owned()).or_default();
        let before = all.insert(key_of(collection, &object), Arc::clone(&kept));
        self.changes.push(Change { version, collection: Some(collection.to_owned()), kind, object: kept, before });
        object
    }
}

/// A merge patch, RFC 7396.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().expect("made above").remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

/// The name, behind the namespace where a collection holds objects of all of them.
pub(super) fn key_of(collection: &str, object: &Value) -> String {
    let name = object["metadata"]["name"].as_str().expect("an object has a name");
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) if collection == ROLE_BINDINGS => format!("{namespace}/{name}"),
        _ => name.to_owned(),
    }
}
