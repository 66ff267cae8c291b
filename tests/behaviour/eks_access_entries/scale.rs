//! Many entries at a bounded pace.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Ground, NEVER};
use crate::harness::aws::eks_entries::{EksEntries, Operation};
use crate::harness::vectors::say;

/// Entries of the test that always runs, and of the one that is asked for.
const SOME: usize = 120;
const MANY: usize = 1_000;

fn fill(eks: &EksEntries, entries: usize) {
    for number in 0..entries {
        eks.put_role(&format!("Role{number:04}"), &format!("role{number}"), &["g"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_keeps_to_its_rate_and_reads_every_entry_once() {
    let ground = Ground::open().await;
    fill(&ground.eks, SOME);
    ground.eks.limit(40, 80);
    ground.eks.latency(Duration::from_millis(20));
    let mirror = ground.follow_with(|mirror| (mirror.qps, mirror.interval) = (38, NEVER)).await;
    mirror.until_entries(SOME).await;
    let asked = ground.eks.asked();
    let of = |operation| asked.iter().filter(move |call| call.operation == operation);
    for operation in [Operation::Entry, Operation::Policies] {
        let principals: BTreeSet<&str> = of(operation).map(|call| call.principal.as_str()).collect();
        // The first may have their next turn already: turns are spread over a period by chance.
        assert!(principals.len() == SOME && of(operation).count() < SOME + SOME / 2, "{operation:?}");
    }
    assert_eq!(of(Operation::List).count(), 2);
    assert_eq!(ground.eks.throttled(), 0, "the service takes more than is asked of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_takes_less_than_is_asked_of_it_is_read_all_the_same() {
    let ground = Ground::open().await;
    fill(&ground.eks, 30);
    ground.eks.limit(20, 10);
    let mirror = ground.follow_with(|mirror| (mirror.qps, mirror.interval) = (200, NEVER)).await;
    mirror.until_entries(30).await;
    mirror.until_good().await;
    assert!(ground.eks.throttled() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes four minutes; prints how long 1 000 entries take at 40 and at 10 calls a second"]
async fn a_thousand_entries_are_mirrored_in_time() {
    for (qps, limit) in [(40, 60), (10, 210)] {
        let ground = Ground::open().await;
        fill(&ground.eks, MANY);
        ground.eks.latency(Duration::from_millis(50));
        let began = Instant::now();
        let mirror = ground.follow_with(|mirror| (mirror.qps, mirror.interval) = (qps, Duration::from_secs(15))).await;
        let mut table = mirror.table();
        let whole = async { while mirror.entries() < MANY && table.changed().await {} };
        tokio::time::timeout(Duration::from_secs(2 * limit), whole).await.expect("an end");
        let took = began.elapsed();
        let lists = ground.eks.calls(Operation::Cluster);
        say(&format!("{MANY} entries at {qps} calls/s: {:.1} s, {lists} lists", took.as_secs_f64()));
        assert!(took < Duration::from_secs(limit), "{qps} calls/s took {took:?}");
    }
}
