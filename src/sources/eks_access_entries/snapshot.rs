//! `<stateDir>/eks-access-entries.json`: what was mirrored last, so that a restart while EKS is out locks nobody out.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::mirrored::Mirrored;
use crate::clock::UnixSeconds;
use crate::iam::ArnSections;
use crate::mapping::AuthenticationMode;
use crate::private_file;

/// Its name in the state directory.
const NAME: &str = "eks-access-entries.json";
/// The form written here; another one is not read.
const VERSION: u32 = 1;
/// Most bytes that are read: half a million entries do not need more.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// What it holds.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Snapshot {
    version: u32,
    /// ARN of the cluster.
    pub(super) cluster: String,
    /// Its authentication mode, in EKS's words.
    #[serde(default)]
    mode: Option<String>,
    /// When the list was complete, Unix seconds.
    listed_at: i64,
    pub(super) entries: Vec<Kept>,
}

/// One entry.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    /// When it was read, Unix seconds.
    pub(super) read_at: i64,
    #[serde(flatten)]
    pub(super) mirrored: Mirrored,
}

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotFault {
    #[error("it is that of cluster `{found}`, and `{cluster}` in `{region}` is mirrored")]
    Cluster { found: String, cluster: String, region: String },
    #[error(transparent)]
    File(#[from] private_file::Fault),
    #[error("it cannot be parsed: {0}")]
    Json(#[from] serde_json::Error),
    #[error("its version is {0}, not {VERSION}")]
    Version(u32),
}

impl Snapshot {
    pub(super) fn new(
        cluster: String,
        mode: Option<AuthenticationMode>,
        listed_at: UnixSeconds,
        entries: Vec<Kept>,
    ) -> Self {
        Self { version: VERSION, cluster, mode: mode_word(mode), listed_at: listed_at.0, entries }
    }

    /// When the list was complete.
    pub(super) const fn listed_at(&self) -> UnixSeconds {
        UnixSeconds(self.listed_at)
    }

    /// The authentication mode that the cluster had.
    pub(super) fn mode(&self) -> Option<AuthenticationMode> {
        let modes = [AuthenticationMode::Api, AuthenticationMode::ApiAndConfigMap, AuthenticationMode::ConfigMap];
        modes.into_iter().find(|mode| self.mode.as_deref() == Some(mode.as_str()))
    }

    /// That of this cluster; `None` when there is none.
    pub(super) fn load(directory: &Path, cluster: &str, region: &str) -> Result<Option<Self>, SnapshotFault> {
        let Some(bytes) = private_file::read_up_to(&path(directory), MOST_BYTES)? else { return Ok(None) };
        let snapshot: Self = serde_json::from_slice(&bytes)?;
        if snapshot.version != VERSION {
            return Err(SnapshotFault::Version(snapshot.version));
        }
        let names_ours = ArnSections::split(&snapshot.cluster)
            .is_ok_and(|arn| arn.region == region && arn.resource.strip_prefix("cluster/") == Some(cluster));
        if names_ours {
            return Ok(Some(snapshot));
        }
        let (cluster, region) = (cluster.to_owned(), region.to_owned());
        Err(SnapshotFault::Cluster { found: snapshot.cluster, cluster, region })
    }

    /// Puts it in the place of the last one.
    pub(super) fn keep(&self, directory: &Path) -> Result<(), SnapshotFault> {
        Ok(private_file::write(&path(directory), &serde_json::to_vec(self)?)?)
    }
}

/// Where it is.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

fn mode_word(mode: Option<AuthenticationMode>) -> Option<String> {
    mode.map(|mode| mode.as_str().to_owned())
}
