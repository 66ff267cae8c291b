//! The three sources of access entries through a real API server, alone and before others.

use std::fs;

use serde_json::{Value, json};

use super::entry_rig::{BASE, ENTRIES, EntryRig, entry};
use super::rig::write_aws_auth;
use super::source_rig::{map_role, mounted_role, role_arn, stale};
use crate::harness::webhook_server::WebhookServer;

const UNKNOWN: Result<&str, &str> = Err("not_mapped");

/// Replaces a file of the server's folder by renaming a new one over it.
fn put(server: &WebhookServer, name: &str, text: &str) {
    let new = server.at(&format!("{name}.new"));
    fs::write(&new, text).unwrap();
    fs::rename(new, server.at(name)).unwrap();
}

/// A manifest of entries in a file.
fn list(items: &[Value]) -> String {
    json!({"apiVersion": "iam-bridge.dev/v1alpha1", "kind": "AccessEntryList", "items": items}).to_string()
}

fn spec(role: &str, username: &str, groups: &[&str]) -> Value {
    json!({"principalArn": role_arn(role), "username": username, "kubernetesGroups": groups})
}

fn file_entry(role: &str, username: &str) -> String {
    list(&[entry(&role.to_lowercase(), &spec(role, username, &["people"]))])
}

#[test]
fn e2e_entries_of_a_file_admit_through_the_api_server_and_a_bad_one_leaves_everybody_in() {
    let keys = format!("  accessEntryFile: $DIR/entries.json\n{}", mounted_role("Other", "other"));
    let Some(mut rig) = EntryRig::prepare("AccessEntryFile, MountedFile", &keys) else { return };
    put(&rig.server, "entries.json", &file_entry("Filed", "filed-1"));
    rig.launch(&[]);
    let [filed, other] = ["Filed", "Other"].map(|role| rig.introduce(role, "fred"));
    let user = rig.whoami(&filed);
    assert_eq!(user["username"], "filed-1");
    assert_eq!(user["groups"], json!(["people", "system:authenticated"]));
    assert_eq!(user["extra"]["canonicalArn"], json!([role_arn("Filed")]));
    assert_eq!(rig.whoami(&other)["username"], "other");

    put(&rig.server, "entries.json", &file_entry("Filed", "filed-2"));
    rig.server.until_judged(&filed, Ok("filed-2"));
    for bad in [
        file_entry("Filed", "system:admin"),
        list(&[entry("one", &spec("Filed", "filed-3", &[])), entry("two", &json!({"principalArn": "none"}))]),
        file_entry("Filed", "filed-3").split_at(90).0.to_owned(),
    ] {
        put(&rig.server, "entries.json", &bad);
        rig.server.until_metric(&stale("AccessEntryFile"), 1.0);
        assert_eq!(rig.server.judge(&filed).as_deref(), Ok("filed-2"), "{bad}");
        assert_eq!(rig.server.judge(&other).as_deref(), Ok("other"));
        put(&rig.server, "entries.json", &file_entry("Filed", "filed-2"));
        rig.server.until_metric(&stale("AccessEntryFile"), 0.0);
    }
    fs::remove_file(rig.server.at("entries.json")).unwrap();
    rig.server.until_metric(&stale("AccessEntryFile"), 1.0);
    assert_eq!(rig.server.judge(&filed).as_deref(), Ok("filed-2"), "a file that is gone keeps its last entries");
    put(&rig.server, "entries.json", &list(&[]));
    rig.server.until_judged(&filed, UNKNOWN);
    assert_eq!(rig.server.judge(&other).as_deref(), Ok("other"));
}

#[test]
fn e2e_an_entry_before_aws_auth_wins_wholly_and_one_behind_it_does_not() {
    let manifests = [[BASE, "rbac-eksconfigmap.yaml"].as_slice(), &ENTRIES].concat();
    let Some(mut rig) = EntryRig::start(&manifests, "AccessEntry, EKSConfigMap", "") else { return };
    let [both, mapped] = ["Both", "Mapped"].map(|role| rig.introduce(role, "bea"));
    let map = [map_role("Both", "of-map"), map_role("Mapped", "of-map-too")].concat();
    write_aws_auth(&rig.cluster, &json!({"mapRoles": map}));
    rig.server.until_judged(&both, Ok("of-map"));
    rig.apply_entry("both", &spec("Both", "of-entry", &[]));
    rig.server.until_judged(&both, Ok("of-entry"));
    assert_eq!(rig.whoami(&both)["groups"], json!(["system:authenticated"]), "nothing of aws-auth is added");
    assert_eq!(rig.server.judge(&mapped).as_deref(), Ok("of-map-too"));

    let pinned =
        json!({"principalArn": role_arn("Both"), "username": "of-entry", "principalId": "AROAANOTHERONE123456"});
    rig.apply_entry("both", &pinned);
    rig.server.until_judged(&both, Err("unique_id_mismatch"));
    rig.delete_entry("both");
    rig.server.until_judged(&both, Ok("of-map"));

    rig.apply_entry("both", &spec("Both", "of-entry", &[]));
    rig.configure("EKSConfigMap, AccessEntry", "");
    rig.launch(&[]);
    rig.server.until_judged(&both, Ok("of-map"));
    assert!(rig.server.log().contains("behind EKSConfigMap"), "{}", rig.server.quiet_log());
}

/// Nobody gets in any more: the entries were deleted by mistake. The administrator of the host has what was saved.
#[test]
fn e2e_a_lock_out_is_repaired_by_pointing_the_file_source_at_saved_manifests() {
    let manifests = [[BASE].as_slice(), &ENTRIES].concat();
    let keys = "  accessEntryFile: $DIR/entries.yaml\n";
    let Some(mut rig) = EntryRig::prepare("AccessEntry", "") else { return };
    super::source_rig::apply_shipped(&rig.cluster, &manifests);
    rig.launch(&[]);
    let admin = rig.introduce("Admin", "ada");
    rig.apply_entry("admin", &spec("Admin", "admin", &["people"]));
    rig.apply_entry(
        "other",
        &json!({"principalArn": role_arn("Other"), "policyAssociations": [
            super::entry_rig::association("AmazonEKSViewPolicy", &[])
        ]}),
    );
    rig.server.until_judged(&admin, Ok("admin"));
    rig.until_condition("admin", "Accepted", "True", "Valid");
    // As kubectl writes it: a list with statuses, uids and resource versions.
    let saved = rig.admin(&["get", "accessentries.iam-bridge.dev", "--output", "yaml"]);
    rig.admin(&["delete", "accessentries.iam-bridge.dev", "--all"]);
    rig.server.until_judged(&admin, UNKNOWN);

    put(&rig.server, "entries.yaml", &saved);
    rig.configure("AccessEntryFile, AccessEntry", keys);
    rig.cluster.end_api_server();
    rig.launch(&[]);
    rig.server.until_judged(&admin, Ok("admin"));
    rig.cluster.start_api_server();
    assert_eq!(rig.whoami(&admin)["groups"], json!(["people", "system:authenticated"]));
}

/// A source that breaks costs its own callers nothing they had, and others nothing at all.
#[test]
fn e2e_a_kind_that_is_removed_leaves_the_other_sources_serving() {
    let manifests = [[BASE].as_slice(), &ENTRIES].concat();
    let keys = mounted_role("Operator", "operator");
    let Some(rig) = EntryRig::start(&manifests, "AccessEntry, MountedFile", &keys) else { return };
    let [person, operator] = ["Person", "Operator"].map(|role| rig.introduce(role, "pam"));
    rig.apply_entry("person", &spec("Person", "person", &[]));
    rig.server.until_judged(&person, Ok("person"));
    assert_eq!(rig.server.judge(&operator).as_deref(), Ok("operator"));

    rig.admin(&["delete", "crd", "accessentries.iam-bridge.dev"]);
    rig.server.until_metric(&stale("AccessEntry"), 1.0);
    assert_eq!(rig.server.judge(&operator).as_deref(), Ok("operator"));
    assert_eq!(rig.whoami(&operator)["username"], "operator");
    rig.until("what to apply is said", || {
        let log = rig.server.log();
        if log.contains("deploy/accessentry.yaml") { Ok(()) } else { Err(String::new()) }
    });

    let kind = fs::read_to_string(super::source_rig::shipped("accessentry.yaml")).unwrap();
    super::rig::apply(&rig.cluster, &kind);
    rig.admin(&["wait", "--for=condition=Established", "--timeout=60s", "crd/accessentries.iam-bridge.dev"]);
    rig.apply_entry("person", &spec("Person", "person-2", &[]));
    rig.server.until_judged(&person, Ok("person-2"));
    rig.server.until_metric(&stale("AccessEntry"), 0.0);
}
