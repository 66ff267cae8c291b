//! The entries of an EKS cluster, mirrored by the real server, through a real API server.

use std::sync::Arc;

use iam_bridge::demo::sts::Principal;
use secrecy::ExposeSecret;
use serde_json::json;

use super::entry_rig::{BASE, EntryRig, POLICIES, VIEW, group};
use super::rig::write_aws_auth;
use super::source_rig::{apply_shipped, assert_nothing_was_refused, map_role, stale};
use crate::harness::aws::Aws;
use crate::harness::aws::eks_entries::{CLUSTER, EksEntries, Operation, TROUBLE};

/// The server's environment: where EKS is, and keys that it takes.
fn environment<'e>(url: &'e str, keys: &'e Principal) -> [(&'e str, &'e str); 3] {
    [
        ("AWS_ENDPOINT_URL_EKS", url),
        ("AWS_ACCESS_KEY_ID", keys.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key.expose_secret()),
    ]
}

#[test]
fn e2e_entries_of_an_eks_cluster_admit_through_the_api_server_and_outlive_eks() {
    let keys = format!("  eksAccessEntries: {{clusterName: {CLUSTER}, region: eu-central-1, interval: 1s, qps: 50}}\n");
    let Some(mut rig) = EntryRig::prepare("EKSAccessEntries, EKSConfigMap", &keys) else { return };
    apply_shipped(&rig.cluster, &[[BASE, "rbac-eksconfigmap.yaml"].as_slice(), &POLICIES].concat());
    let aws = Aws::start();
    let eks = aws.block_on(EksEntries::start(Arc::clone(&aws.sts)));
    let bridge = aws.user("bridge");
    eks.put_role("Both", "people:{{SessionName}}", &["people"]);
    eks.associate("Both", "AmazonEKSViewPolicy", &["dev-*"]);
    eks.associate("Both", "AmazonEMRJobPolicy", &[]);
    let map = [map_role("Both", "of-map"), map_role("Mapped", "mapped")].concat();
    rig.namespaces(&["dev-a"]);
    write_aws_auth(&rig.cluster, &json!({"mapRoles": map}));
    let url = eks.url();
    rig.launch(&environment(&url, &bridge));

    let [both, mapped, late] = ["Both", "Mapped", "Late"].map(|role| rig.introduce(role, "eve@example.com"));
    rig.server.until_judged(&both, Ok("people:eve-example.com"));
    rig.server.until_judged(&mapped, Ok("mapped"));
    rig.until_may(&both, &["get", "pods", "--namespace", "dev-a"]);
    let user = rig.whoami(&both);
    let scoped = group("AmazonEKSViewPolicy", "dev-*");
    assert_eq!(
        user["groups"],
        json!(["people", scoped, "system:authenticated"]),
        "nothing of aws-auth, nothing unknown"
    );
    rig.server.until_metric("iam_bridge_access_policy_unsupported{policy=\"AmazonEMRJobPolicy\"}", 1.0);

    // A change is seen by a later poll, and one who was just missed is asked for first.
    assert_eq!(rig.server.judge(&late), Err("not_mapped".to_owned()));
    eks.put_role("Late", "late", &[]);
    rig.server.until_judged(&late, Ok("late"));
    rig.until("the snapshot holds it too", || {
        let snapshot = std::fs::read_to_string(rig.server.at("eks-access-entries.json")).unwrap_or_default();
        if snapshot.contains("role/Late") { Ok(()) } else { Err(format!("{} bytes", snapshot.len())) }
    });

    // EKS is in trouble, then the server starts anew without it: what it knew last counts.
    for operation in [Operation::Cluster, Operation::List, Operation::Entry, Operation::Policies] {
        eks.always(operation, Some(TROUBLE));
    }
    rig.server.until_metric(&stale("EKSAccessEntries"), 1.0);
    assert_eq!(rig.server.judge(&both).as_deref(), Ok("people:eve-example.com"));
    rig.launch(&environment(&url, &bridge));
    rig.server.until_judged(&both, Ok("people:eve-example.com"));
    rig.server.until_judged(&late, Ok("late"));
    rig.server.until_judged(&mapped, Ok("mapped"));
    assert_eq!(rig.bound("dev-a", VIEW), Some(vec![scoped]));

    for operation in [Operation::Cluster, Operation::List, Operation::Entry, Operation::Policies] {
        eks.always(operation, None);
    }
    eks.delete("Late");
    rig.server.until_judged(&late, Err("not_mapped"));
    eks.delete("Both");
    rig.server.until_judged(&both, Ok("of-map"));
    rig.until_bound("dev-a", VIEW, None);
    assert_nothing_was_refused(&rig.server);
}
