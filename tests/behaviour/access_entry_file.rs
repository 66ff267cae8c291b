//! `AccessEntryFile`: followed through every fault of a file system, the last good table kept.

use std::fs;

use iam_bridge::mapping::SourceKind::{AccessEntryFile, MountedFile};
use iam_bridge::sources::SourceSettings;

use super::sources_stage::{Files, Mounted, Stage, modes_text, put};

fn entries(name: &str) -> String {
    format!(
        "apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntryList\nitems:\n- metadata: {{name: dev}}\n  spec: {{principalArn: \"arn:aws:iam::111122223333:role/team/Dev\", username: {name}}}\n"
    )
}

fn settings(files: &Files) -> SourceSettings {
    SourceSettings {
        backend_modes: vec![AccessEntryFile],
        config_file: None,
        backend_mode_file: None,
        access_entry_file: Some(files.at("entries.yaml")),
        ..files.settings()
    }
}

async fn start(text: &str) -> Stage {
    let files = Files::new();
    put(&files.at("entries.yaml"), text);
    let settings = settings(&files);
    Stage::start(files, &settings).await
}

fn stale(stage: &Stage) -> Option<String> {
    stage.metric("iam_bridge_source_stale{source=\"AccessEntryFile\"}")
}

#[tokio::test]
async fn the_file_is_there_when_the_start_returns_and_followed_after() {
    let stage = start(&entries("first")).await;
    assert_eq!(stage.username().as_deref(), Some("first"));
    assert!(stage.sources.state().now().ready());
    put(&stage.files.at("entries.yaml"), &entries("second"));
    stage.until_named("second").await;
    // What the AWS CLI prints takes its place.
    let printed = r#"{"accessEntry": {"clusterName": "c", "principalArn": "arn:aws:iam::111122223333:role/Dev", "kubernetesGroups": [], "username": "printed", "type": "STANDARD"}, "associatedAccessPolicies": []}"#;
    put(&stage.files.at("entries.yaml"), printed);
    stage.until_named("printed").await;
}

#[tokio::test]
async fn whatever_happens_to_the_file_keeps_the_last_good_table() {
    let stage = start(&entries("good")).await;
    let path = stage.files.at("entries.yaml");
    let twice = entries("bad") + &entries("bad").split_once("items:\n").unwrap().1.replace("team/Dev", "DEV");
    let typo = entries("bad").replace("username", "usrname");
    let torn: String = entries("bad").chars().take(100).collect();
    for (text, words) in [
        (twice.as_str(), "duplicate-principal"),
        (typo.as_str(), "usrname"),
        (torn.as_str(), "entries.yaml"),
        ("", "empty-file"),
        ("kind: ConfigMap\napiVersion: v1\n", "other-kind"),
    ] {
        put(&path, text);
        let fault = stage.until_fault(AccessEntryFile, words).await;
        assert_eq!((stage.username().as_deref(), stale(&stage).as_deref()), (Some("good"), Some("1")), "{fault}");
        put(&path, &entries("good"));
        stage.until("no fault", || stage.fault(AccessEntryFile).is_none()).await;
        assert_eq!(stale(&stage).as_deref(), Some("0"));
    }
    fs::remove_file(&path).unwrap();
    stage.until_fault(AccessEntryFile, "unreadable-file").await;
    assert_eq!((stage.username().as_deref(), stale(&stage).as_deref()), (Some("good"), Some("1")), "it is gone");
    fs::create_dir(&path).unwrap();
    stage.until_fault(AccessEntryFile, "not a regular file").await;
    assert_eq!(stage.username().as_deref(), Some("good"), "a directory in its place");
    assert!(stage.sources.state().now().ready(), "a later fault does not end readiness");
    put(&path, &entries("back"));
    stage.until_named("back").await;
    stage.until("no fault", || stage.fault(AccessEntryFile).is_none()).await;
}

#[tokio::test]
async fn a_config_map_mount_swaps_it_and_a_reload_reads_it() {
    let files = Files::new();
    let mounted = Mounted::new(&files.at("entries.yaml"), &entries("one"));
    let settings = settings(&files);
    let stage = Stage::start(files, &settings).await;
    assert_eq!(stage.username().as_deref(), Some("one"));
    for (version, name) in [(1, "two"), (2, "three")] {
        mounted.swap(version, &entries(name));
        stage.sources.reload();
        stage.until_named(name).await;
    }
}

#[tokio::test]
async fn a_file_that_is_missing_at_the_start_leaves_it_not_ready_until_it_comes() {
    let files = Files::new();
    let settings = settings(&files);
    let stage = Stage::start(files, &settings).await;
    assert!(!stage.sources.state().now().ready());
    assert_eq!(stage.username(), None);
    put(&stage.files.at("entries.yaml"), &entries("late"));
    stage.until_named("late").await;
    stage.until("ready", || stage.sources.state().now().ready()).await;
}

#[tokio::test]
async fn a_backend_mode_file_brings_it_in_only_where_it_is_set() {
    let files = Files::new();
    put(&files.config(), &super::sources_stage::config_text("of-the-config"));
    put(&files.at("entries.yaml"), &entries("of-the-entries"));
    put(&files.modes(), &modes_text("MountedFile"));
    let named = SourceSettings { access_entry_file: Some(files.at("entries.yaml")), ..files.settings() };
    let stage = Stage::start(files, &named).await;
    put(&stage.files.modes(), &modes_text("AccessEntryFile MountedFile"));
    stage.until_list(&[AccessEntryFile, MountedFile]).await;
    assert_eq!(stage.username().as_deref(), Some("of-the-entries"));

    let files = Files::new();
    put(&files.config(), &super::sources_stage::config_text("of-the-config"));
    put(&files.modes(), &modes_text("AccessEntryFile MountedFile"));
    let without = files.settings();
    let stage = Stage::start(files, &without).await;
    assert_eq!(stage.list(), [MountedFile]);
    assert!(stage.list_fault().unwrap().contains("no-access-entry-file"));
}
