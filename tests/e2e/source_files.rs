//! Files that change what the server maps while it runs: the dynamic file, and the list of sources.

use std::fs;

use serde_json::json;

use super::rig::{ACCOUNT, Rig};
use super::source_rig::{apply_mapping, delete_mapping, mounted_role, role_arn, stale, start};
use crate::harness::webhook_server::WebhookServer;

const UNKNOWN: Result<&str, &str> = Err("not_mapped");

/// Replaces a file of the server's folder by renaming a new one over it.
fn put(server: &WebhookServer, name: &str, text: &str) {
    let new = server.at(&format!("{name}.new"));
    fs::write(&new, text).unwrap();
    fs::rename(new, server.at(name)).unwrap();
}

#[test]
fn e2e_a_dynamic_file_is_followed_all_or_nothing() {
    let Some(rig) = Rig::get() else { return };
    let server = start(&rig.cluster, "DynamicFile", "  dynamicfilepath: $DIR/dynamic.json\n");
    let admin = server.introduce(ACCOUNT, "DynamicAdmin", "dora");
    let text = |username: &str| {
        let role = json!({"rolearn": role_arn("DynamicAdmin"), "username": username, "groups": ["people"]});
        json!({"Version": "1", "LastUpdatedDateTime": "0", "mapRoles": [role]}).to_string()
    };
    server.until_judged(&admin, UNKNOWN);
    for username in ["admin-1", "admin-2"] {
        put(&server, "dynamic.json", &text(username));
        server.until_judged(&admin, Ok(username));
    }
    let half = text("admin-3");
    put(&server, "dynamic.json", half.split_at(half.len() / 2).0);
    server.until_metric(&stale("DynamicFile"), 1.0);
    assert_eq!(server.judge(&admin).as_deref(), Ok("admin-2"), "the last good mappings stay");
    put(&server, "dynamic.json", &text("admin-4"));
    server.until_judged(&admin, Ok("admin-4"));
    server.until_metric(&stale("DynamicFile"), 0.0);
    fs::remove_file(server.at("dynamic.json")).unwrap();
    server.until_judged(&admin, UNKNOWN);
    put(&server, "dynamic.json", &text("admin-5"));
    server.until_judged(&admin, Ok("admin-5"));
}

#[test]
fn e2e_a_backend_mode_file_changes_the_list_of_sources_while_the_server_runs() {
    let Some(rig) = Rig::get() else { return };
    let keys = format!("  dynamicBackendModePath: $DIR/modes.json\n{}", mounted_role("ModeFile", "of-file"));
    let server = start(&rig.cluster, "MountedFile", &keys);
    apply_mapping(&rig.cluster, "mode-object", &role_arn("ModeObject"), "of-object");
    let of_file = server.introduce(ACCOUNT, "ModeFile", "mia");
    let of_object = server.introduce(ACCOUNT, "ModeObject", "max");
    let list = |modes: &str| {
        put(
            &server,
            "modes.json",
            &json!({"Version": "1", "LastUpdatedDateTime": "0", "backendMode": modes}).to_string(),
        );
    };
    let until = |file: Result<&str, &str>, object: Result<&str, &str>| {
        server.until_judged(&of_file, file);
        server.until_judged(&of_object, object);
    };
    until(Ok("of-file"), UNKNOWN);
    list("MountedFile CRD");
    until(Ok("of-file"), Ok("of-object"));
    list("CRD");
    until(UNKNOWN, Ok("of-object"));
    put(&server, "modes.json", "{\"backendMode\": \"Mounted");
    server.until_metric(&stale("BackendMode"), 1.0);
    until(UNKNOWN, Ok("of-object"));
    list("MountedFile");
    until(Ok("of-file"), UNKNOWN);
    server.until_metric(&stale("BackendMode"), 0.0);
    list("CRD");
    until(UNKNOWN, Ok("of-object"));
    fs::remove_file(server.at("modes.json")).unwrap();
    until(Ok("of-file"), UNKNOWN);
    delete_mapping(&rig.cluster, "mode-object");
}
