//! The namespaces and the RoleBindings that bear our labels, as the API server has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;

use super::desired::{MANAGED_BY, POLICY_LABEL, SCOPES};
use crate::kubernetes::WatchEvent;

/// Namespace and name of a RoleBinding.
pub(super) type Place = (String, String);

/// What a watch tells of: a list takes the place of what was known when it is complete, not before.
#[derive(Debug)]
pub(super) struct Listing<K, V> {
    known: BTreeMap<K, V>,
    coming: Option<BTreeMap<K, V>>,
    complete: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Whether each namespace stays; those that are being deleted do not.
    pub(super) namespaces: Listing<String, bool>,
    pub(super) bindings: Listing<Place, Arc<RoleBinding>>,
}

/// What happened to a RoleBinding that was known.
pub(super) enum News {
    /// It is there, new or changed; with what was known before.
    Put(Place, Option<Arc<RoleBinding>>),
    Removed(Place, Arc<RoleBinding>),
}

impl Observed {
    /// Takes what the watch of namespaces tells. Yields whether anything is to be looked at.
    pub(super) fn namespace(&mut self, event: WatchEvent<PartialObjectMeta<Namespace>>) -> bool {
        let stays = |namespace: &PartialObjectMeta<Namespace>| namespace.metadata.deletion_timestamp.is_none();
        let all = &mut self.namespaces;
        match event {
            WatchEvent::Init => all.begin(),
            WatchEvent::InitApply(namespace) => all.list(namespace.name_any(), stays(&namespace)),
            WatchEvent::InitDone => return all.end(),
            WatchEvent::Apply(namespace) => {
                let stays = stays(&namespace);
                return all.known.insert(namespace.name_any(), stays) != Some(stays);
            }
            WatchEvent::Delete(namespace) => return all.known.remove(&namespace.name_any()).is_some(),
        }
        false
    }

    /// Takes what the watch of RoleBindings tells. Yields whether a list is complete, and what has happened.
    pub(super) fn binding(&mut self, event: WatchEvent<RoleBinding>) -> (bool, Option<News>) {
        let all = &mut self.bindings;
        match event {
            WatchEvent::Init => all.begin(),
            WatchEvent::InitApply(binding) => all.list(place(&binding), lean(binding)),
            WatchEvent::InitDone => return (all.end(), None),
            WatchEvent::Apply(binding) => {
                let place = place(&binding);
                let before = all.known.get(&place).cloned();
                // An older state than what a write of ours has yielded.
                if before.as_deref().is_some_and(|before| is_newer(before, &binding)) {
                    return (false, None);
                }
                all.known.insert(place.clone(), Arc::new(binding));
                return (false, Some(News::Put(place, before)));
            }
            WatchEvent::Delete(binding) => {
                let place = place(&binding);
                let same = |there: &Arc<RoleBinding>| there.metadata.uid == binding.metadata.uid;
                if all.known.get(&place).is_some_and(same)
                    && let Some(gone) = all.known.remove(&place)
                {
                    return (false, Some(News::Removed(place, gone)));
                }
            }
        }
        (false, None)
    }

    /// A write has yielded this.
    pub(super) fn written(&mut self, binding: RoleBinding) {
        self.bindings.known.insert(place(&binding), lean(binding));
    }

    /// It was deleted, or was not there.
    pub(super) fn deleted(&mut self, binding: &RoleBinding) {
        self.bindings.known.remove(&place(binding));
    }

    /// Whether both have been listed.
    pub(super) const fn is_complete(&self) -> bool {
        self.namespaces.complete && self.bindings.complete
    }

    /// The namespaces that stay.
    pub(super) fn staying(&self) -> impl Iterator<Item = &str> {
        self.namespaces.known.iter().filter(|(_, stays)| **stays).map(|(name, _)| name.as_str())
    }

    /// Whether a namespace is there and stays.
    pub(super) fn stays(&self, namespace: &str) -> bool {
        self.namespaces.known.get(namespace).copied().unwrap_or_default()
    }

    pub(super) const fn known(&self) -> &BTreeMap<Place, Arc<RoleBinding>> {
        &self.bindings.known
    }
}

/// Where a RoleBinding stands.
pub(super) fn place(binding: &RoleBinding) -> Place {
    (binding.namespace().unwrap_or_default(), binding.name_any())
}

/// Whether it bears the labels by which it is ours to change and to delete.
pub(super) fn is_ours(binding: &RoleBinding) -> bool {
    let labels = binding.labels();
    labels.get(MANAGED_BY.0).is_some_and(|value| value == MANAGED_BY.1) && labels.contains_key(POLICY_LABEL)
}

/// Whether it says what is wanted; what others have added to labels and annotations does not count.
pub(super) fn is_as_wanted(there: &RoleBinding, wanted: &RoleBinding) -> bool {
    let has_labels = wanted.labels().iter().all(|(key, value)| there.labels().get(key) == Some(value));
    let scopes = |binding: &RoleBinding| binding.annotations().get(SCOPES).cloned();
    has_labels
        && scopes(there) == scopes(wanted)
        && there.role_ref == wanted.role_ref
        && there.subjects.as_deref().unwrap_or_default() == wanted.subjects.as_deref().unwrap_or_default()
}

/// Who has written it last beside us, as the API server notes it.
pub(super) fn last_author(binding: &RoleBinding) -> &str {
    let entries = binding.metadata.managed_fields.iter().flatten();
    let others = entries.filter(|entry| entry.manager.as_deref() != Some(MANAGED_BY.1));
    let last = others.max_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    last.and_then(|entry| entry.manager.as_deref()).unwrap_or_default()
}

/// Without the notes of who wrote what, which are longer than the rest.
fn lean(mut binding: RoleBinding) -> Arc<RoleBinding> {
    binding.metadata.managed_fields = None;
    Arc::new(binding)
}

/// Versions of objects that are stored alike are numbers that grow.
fn is_newer(this: &RoleBinding, than: &RoleBinding) -> bool {
    let version =
        |one: &RoleBinding| one.metadata.resource_version.as_deref().and_then(|text| text.parse::<u64>().ok());
    matches!((version(this), version(than)), (Some(this), Some(than)) if this > than)
}

impl<K: Ord, V> Listing<K, V> {
    fn begin(&mut self) {
        self.coming = Some(BTreeMap::new());
    }

    fn list(&mut self, key: K, value: V) {
        self.coming.get_or_insert_default().insert(key, value);
    }

    fn end(&mut self) -> bool {
        self.known = self.coming.take().unwrap_or_default();
        self.complete = true;
        true
    }
}

impl<K, V> Default for Listing<K, V> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), coming: None, complete: false }
    }
}
