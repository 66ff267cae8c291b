//! Two servers of one cluster: one keeps the RoleBindings, the other takes over, and both at once do no harm.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::entry_rig::{BASE, ENTRIES, EntryRig, POLICIES, VIEW, group, with_policy};
use super::source_rig::{apply_shipped, assert_nothing_was_refused};
use crate::harness::process::{Server, run, say_aloud};
use crate::harness::webhook_server::WebhookServer;

const LEASE: [&str; 4] = ["lease", "iam-bridge-access-policies", "--namespace", "kube-system"];

/// What became of the RoleBindings since it was begun.
struct Watched {
    kubectl: Server,
}

impl Watched {
    fn begin(rig: &EntryRig) -> Self {
        let mut command = rig.cluster.as_user("admin");
        command.args(["get", "rolebindings", "--all-namespaces", "--watch", "--output-watch-events"]);
        command.args(["--selector", "app.kubernetes.io/managed-by=iam-bridge", "--output", "json"]);
        Self { kubectl: Server::start(&command, rig.server.at("watch.log")) }
    }

    /// Type of the event, namespace, version of the object.
    fn events(&self) -> Vec<(String, String)> {
        let log = self.kubectl.log();
        let events = serde_json::Deserializer::from_str(&log).into_iter::<Value>().map_while(Result::ok);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events.map(|event| (text(&event["type"]), text(&event["object"]["metadata"]["namespace"]))).collect()
    }

    /// Waits until it has seen the binding of a namespace; whatever was done before that has been seen then.
    fn until_seen(&self, rig: &EntryRig, namespace: &str) {
        rig.until(&format!("the binding of {namespace} is watched"), || {
            let events = self.events();
            if events.iter().any(|(_, of)| of == namespace) { Ok(()) } else { Err(format!("{events:?}")) }
        });
    }

    fn assert_nothing_was_deleted(&self) {
        let events = self.events();
        let deleted: Vec<_> = events.iter().filter(|(what, _)| what == "DELETED").collect();
        assert!(deleted.is_empty(), "{deleted:?} of {events:?}");
    }
}

fn holder(rig: &EntryRig) -> Option<String> {
    rig.object(&LEASE)["spec"]["holderIdentity"].as_str().map(str::to_owned)
}

/// Two servers, of which the one that no API server asks leads.
fn two_servers() -> Option<(EntryRig, WebhookServer, String)> {
    let mut rig = EntryRig::prepare("AccessEntry", "")?;
    let manifests = [[BASE].as_slice(), &ENTRIES, &POLICIES].concat();
    apply_shipped(&rig.cluster, &manifests);
    let leader = rig.another_server("AccessEntry", "");
    let first = rig.until("one leads", || holder(&rig).ok_or_else(|| leader.quiet_log()));
    rig.launch(&[]);
    Some((rig, leader, first))
}

#[test]
fn e2e_when_the_leader_is_killed_the_other_takes_over_and_no_binding_is_deleted_meanwhile() {
    let Some((rig, leader, first)) = two_servers() else { return };
    rig.namespaces(&["dev-a"]);
    let vera = rig.introduce("Viewer", "vera");
    rig.apply_entry("viewer", &with_policy("Viewer", "AmazonEKSViewPolicy", &["dev-*"]));
    rig.until_may(&vera, &["get", "pods", "--namespace", "dev-a"]);
    let watched = Watched::begin(&rig);
    watched.until_seen(&rig, "dev-a");
    assert_eq!(holder(&rig), Some(first.clone()), "the one that came later waits");

    drop(leader);
    let ended = Instant::now();
    // What changes meanwhile waits for the next leader, and nothing of it is lost.
    rig.namespaces(&["dev-b"]);
    rig.until("another leads", || match holder(&rig) {
        Some(now) if now != first => Ok(()),
        now => Err(format!("{now:?}")),
    });
    rig.until_may(&vera, &["get", "pods", "--namespace", "dev-b"]);
    say_aloud(&format!("the other server had taken over after {} ms", ended.elapsed().as_millis()));
    rig.until_may(&vera, &["get", "pods", "--namespace", "dev-a"]);
    watched.until_seen(&rig, "dev-b");
    watched.assert_nothing_was_deleted();
    assert_nothing_was_refused(&rig.server);
}

/// A Lease that is deleted again and again makes each take itself for the leader.
#[test]
fn e2e_two_that_both_take_themselves_for_the_leader_do_no_harm() {
    let Some((rig, other, _)) = two_servers() else { return };
    let vera = rig.introduce("Viewer", "vera");
    rig.namespaces(&["dev-0"]);
    rig.apply_entry("viewer", &with_policy("Viewer", "AmazonEKSViewPolicy", &["dev-*"]));
    rig.until_may(&vera, &["get", "pods", "--namespace", "dev-0"]);
    let watched = Watched::begin(&rig);
    watched.until_seen(&rig, "dev-0");
    let scoped = group("AmazonEKSViewPolicy", "dev-*");
    let mut holders = std::collections::BTreeSet::new();
    let began = Instant::now();
    let mut number = 0;
    while holders.len() < 2 || number < 8 {
        number += 1;
        let deleted = run(rig.cluster.as_user("admin").arg("delete").args(LEASE).arg("--ignore-not-found"));
        assert_eq!(deleted.code, Some(0), "{deleted:?}");
        let namespace = format!("dev-{number}");
        rig.namespaces(&[&namespace]);
        rig.until_bound(&namespace, VIEW, Some(&[&scoped]));
        holders.extend(holder(&rig));
        assert!(began.elapsed() < Duration::from_secs(120), "only {holders:?} ever led");
    }
    watched.until_seen(&rig, &format!("dev-{number}"));
    watched.assert_nothing_was_deleted();
    for number in 0..=number {
        assert_eq!(rig.bound(&format!("dev-{number}"), VIEW), Some(vec![scoped.clone()]));
    }
    // A change that both see: each prunes and binds, and what one did the other need not undo.
    rig.apply_entry("viewer", &with_policy("Viewer", "AmazonEKSViewPolicy", &["dev-1"]));
    let narrow = group("AmazonEKSViewPolicy", "dev-1");
    rig.until_bound("dev-1", VIEW, Some(&[&narrow]));
    rig.until_bound("dev-0", VIEW, None);
    for server in [&rig.server, &other] {
        assert_nothing_was_refused(server);
    }
}
