//! P22: whatever EC2 and the callers do, every waiter ends and no id stays in flight.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::{Ground, HANG};
use crate::harness::aws::ACCOUNT;
use crate::harness::aws::ec2::{Manner, dns_name, instance_id};
use crate::harness::desk::eventually;

/// Ids in play; half of them are instances.
const IDS: usize = 8;
const BUDGET: Duration = Duration::from_millis(150);

/// What happens, one after another.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody asks, and hangs up early or not.
    Ask { number: usize, hangs_up: bool },
    /// The next call goes wrong.
    Spoil(Manner),
    /// Time for others.
    Yield,
}

fn step() -> impl Strategy<Value = Step> {
    let ask = (0..IDS, any::<bool>()).prop_map(|(number, hangs_up)| Step::Ask { number, hangs_up });
    let manner = prop_oneof![
        Just(Manner::Hang),
        Just(Manner::Refuse(503, "RequestLimitExceeded")),
        Just(Manner::Refuse(500, "InternalError")),
        Just(Manner::Refuse(403, "UnauthorizedOperation")),
        Just(Manner::Answer(200, "<nonsense/>".to_owned())),
    ];
    prop_oneof![4 => ask, 1 => manner.prop_map(Step::Spoil), 1 => Just(Step::Yield)]
}

async fn play(steps: Vec<Step>) {
    let ground = Ground::open().await;
    ground.ec2.run(IDS / 2);
    let names = ground.names_with(|settings| {
        (settings.qps, settings.burst) = (1_000, 1_000);
        settings.budget = BUDGET;
    });
    let mut asking = JoinSet::new();
    for step in steps {
        match step {
            Step::Ask { number, hangs_up } => {
                let names = Arc::clone(&names);
                let task = asking.spawn(async move { (number, names.name(&instance_id(number), ACCOUNT).await) });
                if hangs_up {
                    tokio::task::yield_now().await;
                    task.abort();
                }
            }
            Step::Spoil(manner) => ground.ec2.next([manner]),
            Step::Yield => tokio::task::yield_now().await,
        }
    }
    let all_end = async {
        while let Some(ended) = asking.join_next().await {
            match ended {
                Ok((number, Ok(name))) => assert!(number < IDS / 2 && name == dns_name(number), "{number}: {name}"),
                Ok((_, Err(_))) => {}
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
    };
    tokio::time::timeout(HANG, all_end).await.expect("every waiter ends");
    eventually("no id is in flight", || names.in_flight() == 0).await;
    // Whatever happened before, the next one is served. What is left of the bad manners is for calls of nobody.
    let answer = tokio::time::timeout(HANG, async {
        loop {
            if let Ok(name) = names.name(&instance_id(0), ACCOUNT).await {
                return name;
            }
        }
    });
    assert_eq!(answer.await.expect("an end"), dns_name(0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p22_every_waiter_ends_and_no_id_stays_in_flight(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(play(steps));
        runtime.shutdown_background();
    }
}

/// The owner goes while somebody waits, as when a server ends: nobody hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p22_when_the_runtime_goes_down_nothing_stays() {
    let ground = Ground::open().await;
    ground.ec2.always(Some(Manner::Hang));
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let names = ground.names();
    let asked = other.spawn({
        let names = Arc::clone(&names);
        async move { names.name(&instance_id(0), ACCOUNT).await }
    });
    ground.ec2.called(1).await;
    // What was spawned for the call ends with the runtime it was spawned on; its ids land on the way.
    other.shutdown_background();
    assert!(tokio::time::timeout(HANG, asked).await.expect("an end").is_err_and(|error| error.is_cancelled()));
    eventually("no id is in flight", || names.in_flight() == 0).await;
    ground.ec2.always(None);
    ground.ec2.run(1);
    let answer = tokio::time::timeout(HANG, names.name(&instance_id(0), ACCOUNT)).await.expect("an end");
    assert_eq!(answer, Ok(dns_name(0)), "and on another runtime it works");
}
