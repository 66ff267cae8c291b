//! The API server ends and starts again while token reviews go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use iam_bridge::clock::Clock;
use serde_json::json;

use super::rig::{ACCOUNT, CLUSTER_ID, write_aws_auth};
use super::source_rig::{
    MANIFESTS, apply_mapping, apply_shipped, map_role, mounted_role, role_arn, source_keys, stale,
};
use crate::harness::bridge::token;
use crate::harness::cluster::{Cluster, binaries};
use crate::harness::waiting::until;
use crate::harness::webhook_server::WebhookServer;

#[test]
fn e2e_no_review_fails_while_the_api_server_ends_and_starts_again() {
    let Some(binaries) = binaries() else { return };
    let mut server = WebhookServer::prepare(CLUSTER_ID, "");
    let cluster = Cluster::prepare(&binaries, &server.at("webhook.kubeconfig"));
    let kubeconfig = cluster.kubeconfig("bridge").display().to_string();
    let keys = source_keys(&kubeconfig, "MountedFile, EKSConfigMap, CRD", &mounted_role("OutageFile", "of-file"));
    server.rewrite_config(CLUSTER_ID, &keys);
    server.launch(&[]);
    cluster.start_api_server();
    apply_shipped(&cluster, &MANIFESTS);
    write_aws_auth(&cluster, &json!({"mapRoles": map_role("OutageMap", "of-map")}));
    apply_mapping(&cluster, "outage", &role_arn("OutageObject"), "of-object");
    let [of_file, of_map, of_object] =
        ["OutageFile", "OutageMap", "OutageObject"].map(|role| server.introduce(ACCOUNT, role, "ola"));
    let everybody = [(&of_file, "of-file"), (&of_map, "of-map"), (&of_object, "of-object")];
    for (principal, username) in everybody {
        server.until_judged(principal, Ok(username));
    }

    // A stream of reviews on one connection, as the API server has one, until the test says that it has seen enough.
    let (enough, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let stream = {
        let (enough, answered) = (Arc::clone(&enough), Arc::clone(&answered));
        let asked: Vec<_> = everybody.map(|(principal, username)| (principal.clone(), username)).into();
        let connection = server.connect();
        let mut webhook = server.block_on(connection);
        server.spawn(async move {
            while !enough.load(Ordering::Relaxed) {
                for (principal, username) in &asked {
                    let token = token(principal, CLUSTER_ID, Clock::system().now());
                    let answer = webhook.review(&token).await.unwrap();
                    assert_eq!(answer.text("/status/user/username").as_deref(), Some(*username), "{answer:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    let goes_on = |what: &str| {
        let before = answered.load(Ordering::Relaxed);
        until(&format!("reviews go on: {what}"), super::source_rig::SEEN, || {
            assert!(!stream.is_finished(), "a review failed: {what}\n{}", server.log());
            (answered.load(Ordering::Relaxed) >= before + 100).then_some(())
        });
    };
    goes_on("before");
    for _ in 0..2 {
        cluster.end_api_server();
        for source in ["EKSConfigMap", "CRD"] {
            server.until_metric(&stale(source), 1.0);
        }
        goes_on("while it is away");
        cluster.start_api_server();
        for source in ["EKSConfigMap", "CRD"] {
            server.until_metric(&stale(source), 0.0);
        }
        goes_on("after it came back");
    }
    enough.store(true, Ordering::Relaxed);
    server.block_on(stream).unwrap();
    write_aws_auth(&cluster, &json!({"mapRoles": map_role("OutageMap", "changed")}));
    server.until_judged(&of_map, Ok("changed"));
    apply_mapping(&cluster, "outage", &role_arn("OutageObject"), "changed");
    server.until_judged(&of_object, Ok("changed"));
    assert!(server.is_up(), "{}", server.log());
}
