//! The cases of `access_entries.json` that EKS sends, by the wire: the mirror reads them as a file of the same is read.

use iam_bridge::mapping::Entry;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Following, Ground, NEVER};
use crate::behaviour::access_entries::{Input, answered};
use crate::harness::vectors::{Outcome, for_each};

#[test]
fn entries_that_eks_sends_answer_as_the_vectors_say() {
    let runtime = Runtime::new().unwrap();
    let ground = runtime.block_on(Ground::open());
    for_each("access_entries.json", 127, |case| {
        let input: Input = case.input();
        let Some((entry, policies)) = input.of_eks() else { return Outcome::Kept };
        let principal_account = entry["principalArn"].as_str().and_then(|arn| arn.split(':').nth(4));
        let account = case.input["cluster"]["accountId"].as_str().or(principal_account);
        let account = account.filter(|account| account.len() == 12).unwrap_or("111122223333");
        let (entries, mirror) = runtime.block_on(mirrored(&ground, entry, policies, account));
        let seen = match entries.is_empty() {
            false => answered(&input, entries),
            true => json!({"invalid": skipped(&mirror)}),
        };
        Outcome::equal(&case.expect, &seen)
    });
}

async fn mirrored(ground: &Ground, entry: &Value, policies: &[Value], account: &str) -> (Vec<Entry>, Following) {
    let state_dir = TempDir::new().unwrap();
    let mut entry = entry.clone();
    let created = entry["createdAt"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    entry["createdAt"] = json!(created.map(jiff::Timestamp::as_second)); // as on the wire
    entry["modifiedAt"] = entry["createdAt"].clone();
    let policies = policies.iter().map(|policy| {
        json!({"policyArn": policy["policyArn"], "accessScope": policy["accessScope"]}) // without times
    });
    ground.eks.clear();
    ground.eks.account(account);
    ground.eks.put(entry, policies.collect());
    let adjust = |mirror: &mut iam_bridge::sources::EksMirror| {
        (mirror.state_dir, mirror.interval) = (state_dir.path().to_owned(), NEVER);
    };
    let mirror = ground.follow_with(adjust).await;
    mirror.until_good().await;
    (mirror.table().now().entries().to_vec(), mirror)
}

/// The class for which the one entry is left out.
fn skipped(mirror: &Following) -> Option<String> {
    let text = mirror.metrics.render();
    let one = |line: &str| {
        let class = line.strip_prefix("iam_bridge_eks_access_entries_skipped{class=\"")?.strip_suffix("\"} 1")?;
        Some(class.to_owned())
    };
    text.lines().find_map(one)
}
