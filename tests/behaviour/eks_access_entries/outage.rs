//! EKS is out, or the cluster is gone: what was mirrored serves on, across a restart too, up to `maxStale`.

use std::fs;
use std::time::Duration;

use iam_bridge::mapping::AuthenticationMode;
use iam_bridge::sources::ModeFrom;

use super::{Following, Ground};
use crate::harness::aws::eks_entries::{DENIED, Operation, TROUBLE};

const DAY: u32 = 24 * 3600;

async fn mirrored() -> Ground {
    let ground = Ground::open().await;
    ground.eks.mode(Some("API"));
    ground.eks.put_role("Dev", "dev", &["devs"]);
    ground.eks.associate("Dev", "AmazonEKSViewPolicy", &["dev-*"]);
    let mirror = ground.follow().await;
    mirror.until_good().await;
    ground.until_kept("\"dev\"").await;
    ground
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_during_an_outage_locks_nobody_out() {
    let ground = mirrored().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(ground.snapshot()).unwrap().permissions().mode() & 0o777, 0o600);
    }
    ground.eks.always(Operation::Cluster, Some(TROUBLE));
    let mut settings = ground.settings();
    settings.authentication_mode = ModeFrom::Mirror;
    let mirror = Following::start(&settings).await;
    mirror.until_named("Dev", Some("dev")).await;
    assert_eq!(mirror.groups("Dev"), ["devs", "iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*"]);
    assert_eq!(*mirror.chain.mode.now(), AuthenticationMode::Api, "the mode is kept too");
    mirror.until_fault("status 500").await;
    assert!(mirror.sources.state().now().ready());
    // What vanished meanwhile is gone with the first list.
    ground.eks.delete("Dev");
    ground.eks.put_role("Ops", "ops", &[]);
    ground.eks.always(Operation::Cluster, None);
    mirror.until_named("Dev", None).await;
    mirror.until_named("Ops", Some("ops")).await;
    mirror.until_good().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_not_been_read_for_max_stale_is_served_no_more() {
    let ground = mirrored().await;
    let mirror = ground.follow().await;
    mirror.until_good().await;
    ground.eks.gone(true);
    let fault = mirror.until_fault("no such cluster").await;
    assert!(!fault.contains("maxStale"), "{fault}");
    mirror.hand.advance(DAY - 10);
    ground.eks.called(Operation::Cluster, ground.eks.calls(Operation::Cluster) + 2).await;
    assert_eq!(mirror.username("Dev").as_deref(), Some("dev"));
    mirror.hand.advance(20);
    mirror.until_named("Dev", None).await;
    mirror.until_fault("older than maxStale").await;
    assert!(!mirror.table().now().is_read(), "nothing follows from an empty table");
    ground.eks.gone(false);
    mirror.until_named("Dev", Some("dev")).await;
    mirror.until_good().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_max_stale_of_zero_serves_for_ever() {
    let ground = mirrored().await;
    let mirror = ground.follow_with(|mirror| mirror.max_stale = Duration::ZERO).await;
    mirror.until_good().await;
    ground.eks.always(Operation::Cluster, Some(DENIED));
    mirror.until_fault("allow eks:DescribeCluster").await;
    mirror.hand.advance(DAY * 400);
    ground.eks.called(Operation::Cluster, ground.eks.calls(Operation::Cluster) + 2).await;
    assert_eq!(mirror.username("Dev").as_deref(), Some("dev"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_age_of_a_snapshot_counts() {
    let ground = mirrored().await;
    let text = fs::read_to_string(ground.snapshot()).unwrap();
    let mut snapshot: serde_json::Value = serde_json::from_str(&text).unwrap();
    let listed = snapshot["listedAt"].as_i64().unwrap();
    snapshot["listedAt"] = (listed - i64::from(DAY) - 60).into();
    fs::write(ground.snapshot(), snapshot.to_string()).unwrap();
    ground.eks.always(Operation::Cluster, Some(TROUBLE));
    let mirror = ground.follow().await;
    mirror.until_fault("status 500").await;
    assert_eq!((mirror.username("Dev"), mirror.sources.state().now().ready()), (None, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_is_broken_or_of_another_cluster_is_not_used() {
    let ground = mirrored().await;
    let text = fs::read_to_string(ground.snapshot()).unwrap();
    ground.eks.always(Operation::Cluster, Some(TROUBLE));
    let half: String = text.chars().take(text.len() / 2).collect();
    for text in
        [half, String::new(), text.replace("cluster/prod", "cluster/test"), text.replace("eu-central-1", "us-east-1")]
    {
        fs::write(ground.snapshot(), &text).unwrap();
        let mirror = ground.follow().await;
        mirror.until_fault("status 500").await;
        assert_eq!(mirror.username("Dev"), None, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_the_same_name_in_another_account_ends_the_snapshot() {
    let ground = mirrored().await;
    ground.eks.always(Operation::Cluster, Some(TROUBLE));
    let mirror = ground.follow().await;
    mirror.until_named("Dev", Some("dev")).await;
    ground.eks.account("444455556666");
    ground.eks.clear();
    ground.eks.put_role("Other", "other", &[]);
    ground.eks.always(Operation::Cluster, None);
    mirror.until_named("Dev", None).await;
    mirror.until_named("Other", Some("other")).await;
    ground.until_kept("444455556666").await;
}
