//! From an instance id to the name of its node: `DescribeInstances`, batched, verified and bounded.
//!
//! ```text
//! id ──recall──▶ known? ──gather──▶ ids of 100 ms ──ask──▶ one signed call ──verify──▶ Node ──remember──▶ name
//! ```
//!
//! A name is given only for an instance that exists, belongs to the caller's account, is pending or running, has a
//! configured profile where some are configured, and has a name of DNS shape. Nobody waits on another's id, and nobody
//! waits longer than 5 s. Nothing is loaded or connected before the first look-up.

mod answer;
mod batch;
mod describe;
mod fault;
mod flights;
mod memory;
mod settings;
mod verify;

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};

pub use settings::{Ec2Settings, Ec2SettingsError, HostForm, NodeName};

use batch::{Desk, Parts};
use describe::Describe;
use memory::{Finding, Memory};
use verify::{NO_ID, Requirements, is_instance_id};

use crate::aws::pace::Pace;
use crate::clock::Clock;
use crate::iam::Partition;
use crate::live::Live;
use crate::telemetry::Metrics;

/// Why there is no name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NodeError {
    /// EC2 says that this is no instance the caller can be.
    #[error("{0}")]
    NotVerified(&'static str),
    /// EC2 does not say.
    #[error("{0}")]
    Unavailable(String),
}

/// Looks names up, and remembers them for a while. Dropping it ends all look-ups.
pub struct Ec2Names {
    memory: Arc<Memory>,
    desk: Arc<Desk>,
    metrics: Arc<Metrics>,
    _end: DropGuard,
}

impl Ec2Names {
    /// Nothing is loaded or connected before the first look-up.
    #[must_use]
    pub fn new(
        settings: Ec2Settings,
        partition: Partition,
        region: Live<Option<String>>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let memory = Arc::new(Memory::new(clock.clone()));
        let pace = Arc::new(Pace::new(settings.qps, settings.burst));
        let end = CancellationToken::new();
        let parts = Parts {
            memory: Arc::clone(&memory),
            describe: Describe::new(&settings, partition, Arc::clone(&pace), clock, Arc::clone(&metrics)),
            pace,
            budget: settings.budget,
            requirements: Requirements { instance_profiles: settings.instance_profiles, node_name: settings.node_name },
            region,
            metrics: Arc::clone(&metrics),
        };
        Self { memory, desk: Arc::new(Desk::new(parts, end.clone())), metrics, _end: end.drop_guard() }
    }

    /// The name of the node that instance `id` of `account` is. Ends within 5 s, whatever EC2 does.
    ///
    /// # Errors
    /// [`NodeError`]. The same for a moment, when EC2 has said no; a new attempt, when it could not be asked.
    pub async fn name(&self, id: &str, account: &str) -> Result<String, NodeError> {
        let finding = self.find(id).await;
        let name = finding.and_then(|node| node.name_for(account).map_err(NodeError::NotVerified));
        self.metrics.node_looked_up(match &name {
            Ok(_) => "named",
            Err(NodeError::NotVerified(_)) => "not_verified",
            Err(NodeError::Unavailable(_)) => "unavailable",
        });
        name
    }

    /// Ids being looked up now: none when nobody waits and no call is under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.desk.in_flight()
    }

    async fn find(&self, id: &str) -> Finding {
        if !is_instance_id(id) {
            return Err(NodeError::NotVerified(NO_ID)); // EC2 is not asked
        }
        match self.memory.recall(id) {
            Some(known) => known,
            None => self.desk.ask(id).await, // gather, ask, verify, remember
        }
    }
}

impl fmt::Debug for Ec2Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ec2Names").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}
