//! From an instance id to the name of its node, at a fake EC2 that checks every signature.

mod crowd;
mod faults;
mod properties;
mod roles;
mod server;
mod settings;
mod verified;

use std::sync::Arc;
use std::time::Duration;

use iam_bridge::aws::{Ec2Names, Ec2Settings, NodeError};
use iam_bridge::clock::Clock;
use iam_bridge::demo::sts::{Principal, Sts};
use iam_bridge::iam::Partition;
use iam_bridge::live::Live;
use iam_bridge::telemetry::Metrics;

use crate::harness::aws::ACCOUNT;
use crate::harness::aws::ec2::Ec2;

/// The region of all these tests.
const REGION: &str = "eu-central-1";
/// Short, so that tests which wait for its end are; the default is five seconds.
const BUDGET: Duration = Duration::from_millis(1_500);
/// When something hangs that should end.
const HANG: Duration = Duration::from_secs(60);

/// EC2, and the server's own keys for it.
struct Ground {
    sts: Arc<Sts>,
    ec2: Ec2,
    keys: Principal,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Ground {
    async fn open() -> Self {
        Self::at(Clock::system()).await
    }

    /// Under another clock.
    async fn at(clock: Clock) -> Self {
        let sts = Arc::new(Sts::start_with(clock.clone()).await.unwrap());
        let keys = Principal::role_session(ACCOUNT, "Server", "control-plane").unwrap();
        sts.add(keys.clone());
        let ec2 = Ec2::start(Arc::clone(&sts)).await;
        Self { sts, ec2, keys, clock, metrics: Arc::new(Metrics::new().unwrap()) }
    }

    fn settings(&self) -> Ec2Settings {
        Ec2Settings {
            region: Some(REGION.to_owned()),
            endpoint: Some(self.ec2.url()),
            environment_keys: Some(self.keys.credentials()),
            ..Ec2Settings::default()
        }
    }

    fn names(&self) -> Arc<Ec2Names> {
        self.names_with(|_| {})
    }

    /// Patience of [`BUDGET`] only.
    fn hasty(&self) -> Arc<Ec2Names> {
        self.names_with(|settings| settings.budget = BUDGET)
    }

    fn names_with(&self, adjust: impl FnOnce(&mut Ec2Settings)) -> Arc<Ec2Names> {
        let mut settings = self.settings();
        adjust(&mut settings);
        let region = Live::fixed(settings.region.clone());
        let (clock, metrics) = (self.clock.clone(), Arc::clone(&self.metrics));
        Arc::new(Ec2Names::new(settings, Partition::Aws, region, clock, metrics))
    }
}

/// The answer to a caller of [`ACCOUNT`].
async fn name(names: &Ec2Names, id: impl AsRef<str>) -> Result<String, NodeError> {
    tokio::time::timeout(HANG, names.name(id.as_ref(), ACCOUNT)).await.expect("an end")
}

fn word(answer: Result<String, NodeError>) -> &'static str {
    match answer {
        Err(NodeError::NotVerified(word)) => word,
        other => panic!("{other:?}"),
    }
}

fn trouble(answer: Result<String, NodeError>) -> String {
    match answer {
        Err(NodeError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}
