//! Asks of users that need a whole cluster: manifests that work as they are shipped, and a start in any order.

use std::fs;
use std::net::TcpListener;

use super::rig::{ACCOUNT, CLUSTER_ID, apply, exec_user};
use super::source_rig::{
    account_kubeconfig, apply_mapping, apply_shipped, assert_nothing_was_refused, canonical_of, dropped, mounted_role,
    role_arn, shipped, source_keys, stale,
};
use crate::harness::cluster::{Cluster, binaries};
use crate::harness::process::{Said, run, run_ok};
use crate::harness::waiting::until;
use crate::harness::webhook_server::WebhookServer;

const UNKNOWN: Result<&str, &str> = Err("not_mapped");

#[test]
fn e2e_u10_the_shipped_manifests_make_the_crd_source_work_on_an_empty_cluster_and_a_bad_object_harms_no_other() {
    let Some(binaries) = binaries() else { return };
    // The API server does not start without the webhook's kubeconfig, nor is there an account before it starts.
    let mut server = WebhookServer::start(CLUSTER_ID, "", &[]);
    let cluster = Cluster::start(&binaries, &server.at("webhook.kubeconfig"));
    apply_shipped(&cluster, &["example.yaml", "iamidentitymapping.yaml", "rbac-crd.yaml"]);
    let kubeconfig = account_kubeconfig(&cluster).display().to_string();
    server.rewrite_config(CLUSTER_ID, &source_keys(&kubeconfig, "CRD", ""));
    server.launch(&[]);
    let principals = ["First", "Second", "Third"].map(|role| server.introduce(ACCOUNT, role, "uma"));
    apply_shipped(&cluster, &["example-iamidentitymapping.yaml"]);
    for (name, role) in [("first", "First"), ("second", "Second"), ("third", "Third")] {
        apply_mapping(&cluster, name, &role_arn(role), name);
    }
    for (principal, name) in principals.iter().zip(["first", "second", "third"]) {
        server.until_judged(principal, Ok(name));
        until("its status is written", super::source_rig::SEEN, || {
            (!canonical_of(&cluster, name).is_empty()).then_some(())
        });
    }

    apply_mapping(&cluster, "second", "arn:aws:s3:::bucket", "second");
    server.until_judged(&principals[1], UNKNOWN);
    server.until_metric(&dropped("CRD"), 1.0);
    apply_mapping(&cluster, "third", &role_arn("Third"), "changed");
    server.until_judged(&principals[2], Ok("changed"));
    assert_eq!(server.judge(&principals[0]).as_deref(), Ok("first"));
    assert_eq!(server.metric(&stale("CRD")), Some(0.0));
    assert_nothing_was_refused(&server);
}

/// Plain processes in the order of a first start: no API server yet, which needs what `init` makes; and it needs us.
#[test]
fn e2e_u12_a_first_start_serves_the_mounted_file_at_once_and_the_objects_when_the_api_server_comes() {
    let Some(binaries) = binaries() else { return };
    let mut server = WebhookServer::prepare(CLUSTER_ID, "");
    let cluster = Cluster::prepare(&binaries, &server.at("webhook.kubeconfig"));
    let kubeconfig = cluster.kubeconfig("bridge").display().to_string();
    let mounted = mounted_role("Operator", "operator");
    server.rewrite_config(CLUSTER_ID, &source_keys(&kubeconfig, "MountedFile, CRD", &mounted));
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    let mut command = server.iam_bridge();
    command.args(["init", "--feature-gates", "ConfiguredInitDirectories=true", "--port", &port, "--config"]);
    run_ok(command.arg(server.at("config.yaml")));
    let made = fs::read(server.at("webhook.kubeconfig")).unwrap();

    server.launch(&["--port", &port, "--kubeconfig-pregenerated"]);
    let (operator, person) =
        (server.introduce(ACCOUNT, "Operator", "otis"), server.introduce(ACCOUNT, "Person", "pam"));
    assert_eq!(server.judge(&operator).as_deref(), Ok("operator"), "served at once");
    assert_eq!(server.judge(&person), Err("not_mapped".to_owned()));

    cluster.start_api_server();
    for (name, principal) in [("otis", &operator), ("pam", &person)] {
        cluster.write_kubeconfig(name, &exec_user(principal, "v1"));
    }
    let whoami = |name: &str| -> Said {
        run(cluster.as_user(name).args(["auth", "whoami", "--output", "jsonpath={.status.userInfo.username}"]))
    };
    let said = whoami("otis");
    assert_eq!(said.stdout, "operator", "through the API server too: {said:?}");
    // The account, its rights, the kind and an object come after us, as they do in a cluster that is being made.
    for manifest in ["example.yaml", "rbac-crd.yaml", "iamidentitymapping.yaml"] {
        apply(&cluster, &fs::read_to_string(shipped(manifest)).unwrap());
    }
    let established = ["wait", "--for=condition=Established", "--timeout=60s"];
    let crd = "crd/iamidentitymappings.iamauthenticator.k8s.aws";
    run_ok(cluster.as_user("admin").args(established).arg(crd));
    apply_mapping(&cluster, "person", &role_arn("Person"), "person");
    server.until_judged(&person, Ok("person"));
    server.until_metric(&stale("CRD"), 0.0);
    until("the API server takes our word", super::source_rig::SEEN, || {
        (whoami("pam").stdout == "person").then_some(())
    });

    assert!(server.is_up(), "{}", server.log());
    assert_eq!(server.log().matches("listening for token reviews").count(), 1, "it was never started again");
    assert_eq!(fs::read(server.at("webhook.kubeconfig")).unwrap(), made, "what init made is used as it is");
}
