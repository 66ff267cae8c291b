//! `pin: iam`: who is younger than the entry is refused, as by EKS; others are pinned to the id that IAM knows.

use iam_bridge::authenticator::Denial;
use iam_bridge::iam::VerifiedIdentity;
use iam_bridge::mapping::MappingError;
use iam_bridge::sources::Pins;

use super::{Following, Ground};
use crate::behaviour::following::session_of;
use crate::behaviour::mapping::answer;
use crate::harness::aws::iam::{Iam, Known};

const CREATED: i64 = 1_700_000_000;

fn came(mirror: &Following, role: &str, id: &str) -> Result<String, &'static str> {
    let (arn, key) = (session_of(role), "ASIAEXAMPLE1");
    let identity = VerifiedIdentity::from_arn(&arn, Some(id), Some("alice"), Some(key)).unwrap();
    let now = iam_bridge::clock::UnixSeconds(CREATED);
    let answer: Result<_, MappingError> = answer(&mirror.chain, &identity, now);
    answer.map(|user| user.username).map_err(|error| Denial::from(error).reason().as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_pinned_to_the_principal_that_they_were_made_for() {
    let ground = Ground::open().await;
    let iam = Iam::start(std::sync::Arc::clone(&ground.sts)).await;
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    let (old, young) = ("2020-01-01T00:00:00Z", "2024-06-01T00:00:00Z");
    iam.put(Known::role(&role("path/Dev"), "AROADEVDEVDEVDEV").created(old));
    iam.put(Known::role(&role("Young"), "AROAYOUNGYOUNGYO").created(young));
    for name in ["path/Dev", "Young", "Gone"] {
        ground.eks.put_role(name, &name.to_lowercase(), &[]);
    }
    let foreign = serde_json::json!({
        "principalArn": "arn:aws:iam::444455556666:role/Foreign", "type": "STANDARD", "username": "foreign",
        "kubernetesGroups": [], "createdAt": CREATED,
    });
    ground.eks.put(foreign, Vec::new());
    let mirror = ground.follow_with(|mirror| {
        mirror.pin = Pins::Iam;
        mirror.surroundings.iam_endpoint = Some(iam.url());
        mirror.surroundings.sts_endpoint = Some(iam.url());
    });
    let mirror = mirror.await;
    mirror.until_good().await;
    assert_eq!(came(&mirror, "Dev", "AROADEVDEVDEVDEV"), Ok("path/dev".to_owned()));
    for (name, id) in [("Dev", "AROAOTHEROTHEROT"), ("Young", "AROAYOUNGYOUNGYO"), ("Gone", "AROAGONEGONEGONE")] {
        assert_eq!(came(&mirror, name, id), Err("unique_id_mismatch"), "{name}");
    }
    let foreign = "arn:aws:sts::444455556666:assumed-role/Foreign/alice";
    let user = super::ask(&mirror.chain, foreign).unwrap();
    assert_eq!(user.username, "foreign", "another account's IAM cannot be asked");
}
