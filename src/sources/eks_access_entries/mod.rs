//! The access entries of an EKS cluster, mirrored.
//!
//! ```text
//! DescribeCluster, ListAccessEntries ──each interval──▶ Ledger: which entries there are, who is asked about next
//! DescribeAccessEntry, ListAssociatedAccessPolicies ──one by one──▶ Judged ──▶ MappingTable ──▶ Outlet
//!                                                   snapshot ◀── what is served ──┘
//! ```
//!
//! EKS tells of no change, and whether an entry's own time of change moves with its policies is not documented: so both
//! are read, again and again, at a bounded pace. A list counts when all of it has come. A fault keeps what is served, up
//! to `maxStale`.

mod follow;
mod freshness;
mod ledger;
mod mirrored;
mod pins;
mod snapshot;
mod telling;

use std::path::PathBuf;
use std::time::Duration;

use super::fleet::Ground;
use super::outlet::Outlet;
use crate::aws::{AwsSurroundings, EksEntriesSettings};
use follow::Follower;

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

    /// How EKS is asked.
    fn calls(&self) -> EksEntriesSettings {
        EksEntriesSettings {
            cluster_name: self.cluster_name.clone(),
            region: self.region.clone(),
            role_arn: self.role_arn.clone(),
            external_id: self.external_id.clone(),
            endpoint: self.endpoint.clone(),
            qps: self.qps,
            call_limit: self.call_limit,
            surroundings: self.surroundings.clone(),
        }
    }
}

/// `server.eksAccessEntries.pin`: whether entries are pinned to the unique id that IAM knows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pins {
    /// `iam`: `GetRole` and `GetUser` are asked.
    Iam,
    /// `none`
    #[default]
    None,
}

/// Follows it until it is dropped.
pub(super) async fn run(ground: Ground, mut outlet: Outlet) {
    match ground.settings.eks.clone() {
        Some(settings) => Box::pin(Follower::new(ground, outlet, settings).run()).await,
        None => {
            outlet.fail("server.eksAccessEntries is not set; it names the cluster and its region".to_owned());
            std::future::pending::<()>().await;
        }
    }
}
