//! The role that is assumed before EKS is asked, and where EKS is.

use super::Ground;
use crate::harness::aws::closed_port_url;
use crate::harness::aws::eks_entries::Operation;

const ROLE: &str = "arn:aws:iam::444455556666:role/Mirror";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eks_is_asked_with_the_keys_of_the_role_whose_external_id_is_given() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    let ca = ground.state_dir.path().join("ca.pem");
    std::fs::write(&ca, ground.sts.ca_pem()).unwrap();
    // The fake STS speaks TLS under the name `localhost`.
    let sts = format!("https://localhost:{}", ground.sts.address().port());
    let mirror = ground.follow_with(|mirror| {
        (mirror.role_arn, mirror.external_id) = (Some(ROLE.to_owned()), Some("shared-word".to_owned()));
        (mirror.surroundings.sts_endpoint, mirror.surroundings.ca_bundle) = (Some(sts), Some(ca));
    });
    let mirror = mirror.await;
    mirror.until_named("Dev", Some("dev")).await;
    let requests = ground.sts.requests();
    assert_eq!(requests.len(), 1, "the keys are kept");
    let form = String::from_utf8_lossy(&requests[0].body).into_owned();
    for pair in ["Action=AssumeRole", "ExternalId=shared-word", "RoleSessionName=iam-bridge"] {
        assert!(form.split('&').any(|seen| seen == pair), "{pair}: {form}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoint_of_the_config_wins_over_that_of_the_environment() {
    let ground = Ground::open().await;
    ground.eks.put_role("Dev", "dev", &[]);
    let by_key = ground.follow_with(|mirror| mirror.surroundings.eks_endpoint = Some(closed_port_url())).await;
    by_key.until_named("Dev", Some("dev")).await;
    let url = ground.eks.url();
    let by_environment = ground.follow_with(|mirror| {
        (mirror.endpoint, mirror.surroundings.eks_endpoint) = (None, Some(url));
    });
    let by_environment = by_environment.await;
    ground.eks.called(Operation::List, ground.eks.calls(Operation::List) + 2).await;
    by_environment.until_good().await;
}
