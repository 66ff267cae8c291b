//! 429, 500, slow pages, halves of answers, entries that come and go meanwhile: nobody is lost through them.

use std::time::Duration;

use super::{Ground, NEVER};
use crate::harness::aws::eks_entries::{DENIED, Manner, Operation, SLOW_DOWN, TROUBLE};

const OPERATIONS: [Operation; 4] = [Operation::Cluster, Operation::List, Operation::Entry, Operation::Policies];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_pass_comes_through_throttling_trouble_and_halves_of_answers() {
    let ground = Ground::open().await;
    ground.eks.page(3);
    for number in 0..8 {
        ground.eks.put_role(&format!("Role{number}"), &format!("role{number}"), &[]);
    }
    for operation in OPERATIONS {
        let manners = [SLOW_DOWN, Manner::CutOff];
        ground.eks.next(operation, manners);
    }
    let mirror = ground.follow().await;
    mirror.until_entries(8).await;
    mirror.until_good().await;
    for code in ["throttled", "ok"] {
        let sample = format!("iam_bridge_eks_calls_total{{code=\"{code}\",operation=\"ListAccessEntries\"}}");
        assert!(mirror.metric(&sample) > 0, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_its_last_page_takes_nobody_away() {
    let ground = Ground::open().await;
    ground.eks.page(2);
    for number in 0..5 {
        ground.eks.put_role(&format!("Role{number}"), &format!("role{number}"), &[]);
    }
    let mirror = ground.follow().await;
    mirror.until_entries(5).await;
    let faults = [
        (SLOW_DOWN, "slow down"),
        (TROUBLE, "status 500"),
        (Manner::Answer(200, "{\"nextToken\": null}".to_owned()), "a page without entries"),
        (Manner::Answer(200, "<html>proxy</html>".to_owned()), "cannot be used"),
        (Manner::Answer(200, "{\"accessEntries\": [], \"nextToken\": \"same\"}".to_owned()), "last page"),
        (DENIED, "allow eks:ListAccessEntries"),
    ];
    for (manner, words) in faults {
        ground.eks.always(Operation::List, Some(manner));
        let fault = mirror.until_fault(words).await;
        assert!(!fault.contains("canary"), "{fault}");
        assert_eq!(mirror.entries(), 5, "{words}");
        assert_eq!(mirror.metric("iam_bridge_source_stale{source=\"EKSAccessEntries\"}"), 1);
        ground.eks.always(Operation::List, None);
        mirror.until_good().await;
        assert_eq!(mirror.entries(), 5, "{words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_never_comes_ends_at_the_limit_of_a_call() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    let mirror = ground.follow_with(|mirror| mirror.call_limit = Duration::from_secs(2)).await;
    mirror.until_named("Dev", Some("dev")).await;
    ground.eks.next(Operation::List, [Manner::Hang]);
    mirror.until_fault("in time").await;
    assert_eq!(mirror.username("Dev").as_deref(), Some("dev"));
    mirror.until_good().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_entry_holds_up_no_other() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    let mirror = ground.follow().await;
    mirror.until_named("Dev", Some("dev")).await;
    ground.eks.put_role("Slow", "slow", &[]);
    ground.eks.about("Slow", Some(Manner::Held));
    ground.eks.put_role("Quick", "quick", &[]);
    mirror.until_named("Quick", Some("quick")).await;
    assert_eq!(mirror.username("Slow"), None);
    ground.eks.about("Slow", None);
    ground.eks.release();
    mirror.until_named("Slow", Some("slow")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_deleted_between_list_and_details_is_gone_and_its_successor_is_served() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    ground.eks.put_role("Late", "late", &[]);
    ground.eks.about("Late", Some(Manner::Held));
    let mirror = ground.follow_with(|mirror| mirror.interval = NEVER).await;
    ground.eks.called(Operation::Entry, 2).await;
    ground.eks.delete("Late"); // it is listed, and being described
    ground.eks.release();
    mirror.until_entries(1).await;
    mirror.until_good().await;
    ground.eks.about("Late", None);
    ground.eks.put_role("Late", "later", &[]);
    mirror.miss("Late");
    mirror.until_named("Late", Some("later")).await;
    ground.eks.delete("Late");
    ground.eks.put_role("Late", "latest", &[]); // between two lists: the details tell
    mirror.sources.reload();
    mirror.until_named("Late", Some("latest")).await;
    assert_eq!(mirror.username("Dev").as_deref(), Some("dev"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_cannot_be_read_is_told_and_keeps_no_other_out() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    ground.eks.put_role("Ops", "ops", &[]);
    ground.eks.put_role("Odd", "odd", &[]);
    ground.eks.about("Odd", Some(Manner::Refuse(400, "InvalidRequestException", "no")));
    let mirror = ground.follow().await;
    mirror.until_named("Dev", Some("dev")).await;
    mirror.until_fault("cannot be read").await;
    assert_eq!(mirror.entries(), 2);
    assert_eq!(mirror.metric("iam_bridge_eks_access_entries_skipped{class=\"not_described\"}"), 1);
    ground.eks.about("Odd", None);
    mirror.sources.reload();
    mirror.until_named("Odd", Some("odd")).await;
    mirror.until_good().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_entries_may_not_be_described_serves_nobody_and_says_why() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    ground.eks.always(Operation::Entry, Some(DENIED));
    let mirror = ground.follow().await;
    let fault = mirror.until_fault("allow eks:DescribeAccessEntry").await;
    assert!(!fault.contains("canary"));
    let state = mirror.sources.state().now();
    assert!(!state.ready() && !mirror.table().now().is_read());
    ground.eks.always(Operation::Entry, None);
    mirror.until_named("Dev", Some("dev")).await;
}
