//! An object of a CRD as it comes, whatever somebody has put into it.
//!
//! Made for lists of many thousands: nothing is kept that nobody reads, and nothing an object holds can keep the list it
//! stands in from being read.

use std::borrow::Cow;
use std::fmt::Debug;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use kube::core::{ClusterResourceScope, ObjectMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// What is read of a kind beside its metadata. The parts must be readable from whatever stands there.
pub trait LeanParts: Clone + Debug + Send + Sync + 'static {
    /// The kind, which has the group, the version and the names.
    type Named: Resource<DynamicType = (), Scope = ClusterResourceScope>;
    /// `spec`
    type Spec: Clone + Debug + Default + DeserializeOwned + Send + Sync;
    /// `status`
    type Status: Clone + Debug + Default + DeserializeOwned + Send + Sync;
}

/// One object of the whole cluster: of its metadata only name, uid, version, generation and age; `spec` and `status` as
/// they stand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(bound = "")]
pub struct LeanObject<P: LeanParts> {
    #[serde(default, deserialize_with = "lean")]
    metadata: ObjectMeta,
    #[serde(default)]
    pub(super) spec: P::Spec,
    #[serde(default)]
    pub(super) status: P::Status,
}

impl<P: LeanParts> LeanObject<P> {
    /// `metadata.name`; empty if the API server sent none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// `metadata.uid`; empty if the API server sent none.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// `metadata.resourceVersion`, where it is a number, as that of every object of a CRD.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.metadata.resource_version.as_deref()?.parse().ok()
    }

    /// `metadata.generation`, which counts the changes of the spec.
    #[must_use]
    pub const fn generation(&self) -> Option<i64> {
        self.metadata.generation
    }

    /// `metadata.creationTimestamp` in Unix seconds; 0 if the API server sent none.
    #[must_use]
    pub fn created(&self) -> i64 {
        self.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second())
    }

    /// What names an object of this kind in an Event.
    #[must_use]
    pub fn reference(name: &str, uid: &str) -> ObjectReference {
        ObjectReference {
            api_version: Some(P::Named::api_version(&()).into_owned()),
            kind: Some(P::Named::kind(&()).into_owned()),
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        }
    }
}

/// The metadata that counts; managed fields and annotations are often longer than the rest of the object.
fn lean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Lean {
        name: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        generation: Option<i64>,
        creation_timestamp: Option<String>,
    }
    let Lean { name, uid, resource_version, generation, creation_timestamp } = Lean::deserialize(deserializer)?;
    let creation_timestamp = creation_timestamp.and_then(|text| text.parse::<Timestamp>().ok()).map(Time);
    Ok(ObjectMeta { name, uid, resource_version, generation, creation_timestamp, ..ObjectMeta::default() })
}

impl<P: LeanParts> Resource for LeanObject<P> {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        P::Named::kind(&())
    }

    fn group(_: &()) -> Cow<'_, str> {
        P::Named::group(&())
    }

    fn version(_: &()) -> Cow<'_, str> {
        P::Named::version(&())
    }

    fn plural(_: &()) -> Cow<'_, str> {
        P::Named::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
