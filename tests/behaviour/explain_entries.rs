//! Why an access entry decides, and what it gives.

use iam_bridge::explain::{self, Decision, Explanation, Outcome, Principal};
use iam_bridge::iam::Partition;
use iam_bridge::live::Live;
use iam_bridge::mapping::{
    AccessPolicyMode, AuthenticationMode, Chain, MappingTable, NodeNames, SourceKind, TableSettings,
};
use iam_bridge::sources::keys::{AccessEntryFileSettings, parse_access_entry_file};

use super::mapping::{NOW, role, table};

const ALICE: &str = "arn:aws:sts::111122223333:assumed-role/Dev/alice@example.com";
const FILE: &str = "kind: AccessEntryList
items:
- spec:
    principalArn: arn:aws:iam::111122223333:role/team/Dev
    username: \"dev:{{SessionName}}\"
    kubernetesGroups: [devs]
    principalId: AROADEV1111111111111
    expiresAt: \"2099-01-01T00:00:00Z\"
    policyAssociations:
    - {policy: AmazonEKSViewPolicy, accessScope: {type: namespace, namespaces: ['dev-*']}, expiresAt: \"2098-01-01T00:00:00Z\"}
    - {policy: AmazonEKSAdminViewPolicy, accessScope: {type: cluster}, expiresAt: \"2001-01-01T00:00:00Z\"}
";

fn entries() -> MappingTable {
    let settings = AccessEntryFileSettings { cluster_account: None, unknown: iam_bridge::diagnostic::Severity::Error };
    let read = parse_access_entry_file("entries.yaml", FILE, iam_bridge::document::Format::Yaml, &settings).unwrap();
    let entries = read.entries.into_iter().map(|read| read.entry).collect();
    let settings = TableSettings { source: SourceKind::AccessEntryFile, partition: Partition::Aws };
    MappingTable::new(settings, entries, Vec::new(), Vec::new())
}

fn chain() -> Chain {
    let aws_auth =
        table(SourceKind::EksConfigMap, &[role("arn:aws:iam::111122223333:role/Dev", "old", &["g"])], &[], &[]);
    Chain { tables: vec![Live::fixed(entries()), Live::fixed(aws_auth)], ..Chain::default() }
}

fn explained(chain: &Chain, arn: &str, id: &str) -> Explanation {
    let (identity, _) = explain::caller(&Principal { arn, user_id: Some(id), ..Principal::default() }).unwrap();
    explain::explain(chain, &identity, NOW, &NodeNames::Unavailable)
}

#[test]
fn key_pin_placeholders_and_each_policy_are_told_and_who_is_hidden() {
    let explanation = explained(&chain(), ALICE, "AROADEV1111111111111");
    assert_eq!(explanation.decision, Decision::Allowed);
    let entry = explanation.entry.clone().unwrap();
    assert_eq!(
        (entry.source, entry.r#type, entry.pin_holds, entry.window),
        ("AccessEntryFile", "STANDARD", Some(true), Some("within"))
    );
    assert_eq!(entry.key, "arn:aws:iam::111122223333:role/dev");
    let told: Vec<_> = explanation.policies.iter().map(|policy| (policy.policy, policy.scope, policy.given)).collect();
    assert_eq!(told, [("AmazonEKSViewPolicy", "namespace", true), ("AmazonEKSAdminViewPolicy", "cluster", false)]);
    assert_eq!(explanation.policies[1].left_out.as_deref(), Some("it ended at 2001-01-01T00:00:00Z"));
    assert_eq!(explanation.user.as_ref().unwrap().groups, ["devs", "iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*"]);
    let step = explanation.steps.iter().find(|step| step.source == "EKSConfigMap").unwrap();
    assert_eq!(step.outcome, Outcome::NotAsked);
    let text = explanation.render();
    for words in [
        "matched by     arn:aws:iam::111122223333:role/dev",
        "`{{SessionName}}` is `alice-example.com`",
        "AmazonEKSViewPolicy in namespaces dev-* until 2098-01-01T00:00:00Z → group `iam-bridge.dev:policy:AmazonEKSViewPolicy:dev-*`",
        "AmazonEKSAdminViewPolicy in the whole cluster → nothing: it ended at 2001-01-01T00:00:00Z",
        "names the caller too; an earlier step decides",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["entry"]["pinHolds"], true);
    assert_eq!(json["policies"][0]["namespaces"][0], "dev-*");
}

#[test]
fn with_policies_off_the_groups_are_left_out_and_a_mode_leaves_sources_out() {
    let off = Chain { policies: AccessPolicyMode::Off, ..chain() };
    let explanation = explained(&off, ALICE, "AROADEV1111111111111");
    assert_eq!(explanation.user.as_ref().unwrap().groups, ["devs"]);
    assert_eq!(explanation.policies[0].left_out.as_deref(), Some("server.accessPolicies.mode is off"));

    let old = Chain { mode: Live::fixed(AuthenticationMode::ConfigMap), ..chain() };
    let explanation = explained(&old, ALICE, "AROADEV1111111111111");
    assert_eq!((explanation.user.as_ref().unwrap().username.as_str(), explanation.entry.is_none()), ("old", true));
    let step = explanation.steps.iter().find(|step| step.source == "AccessEntryFile").unwrap();
    assert!(step.note.as_ref().unwrap().contains("CONFIG_MAP"), "{step:?}");
}

#[test]
fn a_pin_that_is_anothers_ends_the_walk_and_says_which_member_to_mend() {
    let explanation = explained(&chain(), ALICE, "AROANEW1111111111111");
    assert_eq!((explanation.decision, explanation.reason), (Decision::Refused, Some("unique_id_mismatch")));
    assert_eq!(explanation.entry.as_ref().unwrap().pin_holds, Some(false));
    assert!(
        explanation.remedy.as_ref().unwrap().contains("write principalId `AROANEW1111111111111`"),
        "{explanation:?}"
    );
    assert!(explanation.render().contains("which is not the caller's id"));
}

#[test]
fn nobody_is_told_the_nearest_entry_and_the_member_that_entries_have() {
    let alone = Chain { tables: vec![Live::fixed(entries())], ..Chain::default() };
    let other = explained(&alone, &ALICE.replace("3333:", "3334:"), "AROANEW1111111111111");
    assert_eq!(other.hints, ["account_differs"]);
    assert!(other.remedy.as_ref().unwrap().contains("principalArn: arn:aws:iam::111122223334:role/Dev"), "{other:?}");
    let nobody = explained(&alone, "arn:aws:iam::111122223333:user/zoe", "AIDAZOE1111111111111");
    assert!(nobody.remedy.as_ref().unwrap().contains("principalArn: arn:aws:iam::111122223333:user/zoe"), "{nobody:?}");
}
