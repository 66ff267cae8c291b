//! `explain` against a real API server, under the rights of the server and no others.

use std::path::Path;

use serde_json::{Value, json};

use super::rig::{ACCOUNT, Rig, apply};
use super::source_rig::{
    MANIFESTS, SEEN, account_kubeconfig, apply_mapping, apply_shipped, delete_mapping, map_role, role_arn,
};
use crate::harness::process::{Said, iam_bridge, run, run_ok};
use crate::harness::waiting::until;

fn ask(kubeconfig: &Path, role: &str) -> (Said, Value) {
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/sue");
    let mut command = iam_bridge();
    let said = run(command.args(["explain", &arn, "-o", "json", "--kubeconfig"]).arg(kubeconfig));
    let answer = serde_json::from_str(&said.stdout).unwrap_or_default();
    (said, answer)
}

#[test]
fn e2e_explain_reads_what_the_cluster_holds_with_the_rights_of_the_server() {
    let Some(rig) = Rig::get() else { return };
    let aws_auth = rig.aws_auth();
    apply_shipped(&rig.cluster, &MANIFESTS);
    aws_auth.write(&json!({"mapRoles": map_role("ExplainedMap", "by-map")}));
    apply_mapping(&rig.cluster, "explained", &role_arn("ExplainedObject"), "by-object");
    let account = account_kubeconfig(&rig.cluster);
    // Rights that were just given may take a moment.
    let first = until("the account may read", SEEN, || {
        let (said, answer) = ask(&account, "ExplainedMap");
        (said.code == Some(0)).then_some(answer)
    });
    assert_eq!(first["user"]["username"], "by-map");
    assert_eq!(first["steps"][2]["place"], "kube-system/aws-auth/mapRoles:1");
    let (said, answer) = ask(&account, "ExplainedObject");
    assert_eq!((said.code, &answer["user"]["username"]), (Some(0), &json!("by-object")), "{said:?}");
    let (said, answer) = ask(&account, "Unexplained");
    assert_eq!((said.code, &answer["reason"]), (Some(1), &json!("not_mapped")), "{said:?}");

    let nobody = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "explain-nobody", "namespace": "default"}});
    apply(&rig.cluster, &nobody.to_string());
    let token =
        run_ok(rig.cluster.as_user("admin").args(["create", "token", "explain-nobody", "--namespace", "default"]));
    rig.cluster.write_kubeconfig("explain-nobody", &format!("    token: {}\n", token.trim()));
    let (said, _) = ask(&rig.cluster.kubeconfig("explain-nobody"), "ExplainedMap");
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    for source in ["EKSConfigMap", "CRD"] {
        assert!(said.stderr.contains(&format!("source {source} cannot be read: ")), "{said:?}");
    }
    assert!(said.stderr.contains("(403)") && said.stderr.contains("hint: "), "{said:?}");
    delete_mapping(&rig.cluster, "explained");
}
