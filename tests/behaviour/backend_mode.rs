//! The backend-mode file: it changes the list of sources while requests are answered.

use std::fs;

use iam_bridge::kubernetes::ClusterAccess;
use iam_bridge::mapping::SourceKind::{Crd, DynamicFile, EksConfigMap, MountedFile};
use iam_bridge::sources::SourceSettings;

use super::sources_stage::{Files, NOW, Stage, config_text, dynamic_text, modes_text, modes_text_of, put};

const AGE_COUNT: &str = "aws_iam_authenticator_dynamic_e2e_latency_seconds_count{type=\"dynamic_backend_mode\"}";
const AGE_SUM: &str = "aws_iam_authenticator_dynamic_e2e_latency_seconds_sum{type=\"dynamic_backend_mode\"}";

/// Config file and dynamic file are there, and no cluster.
fn files() -> Files {
    let files = Files::new();
    put(&files.config(), &config_text("of-the-config-file"));
    put(&files.dynamic(), &dynamic_text("of-the-dynamic-file"));
    files
}

fn settings(files: &Files) -> SourceSettings {
    let cluster = ClusterAccess { kubeconfig: Some(files.at("no-kubeconfig")), ..ClusterAccess::default() };
    SourceSettings { cluster, reports: false, ..files.settings() }
}

async fn start(files: Files) -> Stage {
    let settings = settings(&files);
    Stage::start(files, &settings).await
}

/// Which of the two gauges are 1: the dynamic file among others, alone.
fn gauges(stage: &Stage) -> (bool, bool) {
    let is_one =
        |name: &str| stage.metric(&format!("aws_iam_authenticator_dynamic_file_{name}")).as_deref() == Some("1");
    (is_one("enabled"), is_one("only"))
}

#[tokio::test]
async fn a_good_file_at_the_start_decides_and_is_no_change() {
    let files = files();
    put(&files.modes(), &modes_text_of(&(NOW.0 - 500).to_string(), "DynamicFile"));
    let stage = start(files).await;
    assert_eq!(stage.list(), [DynamicFile]);
    assert_eq!(stage.username().as_deref(), Some("of-the-dynamic-file"), "the table of a file is there at once");
    assert_eq!(gauges(&stage), (false, true));
    assert!(stage.sources.state().now().ready());
    assert!(stage.metric(AGE_COUNT).is_none_or(|count| count == "0"));
}

#[tokio::test]
async fn a_bad_file_at_the_start_is_told_and_the_configured_list_is_used() {
    let files = files();
    put(&files.modes(), &modes_text("NoSuchSource"));
    let stage = start(files).await;
    assert_eq!(stage.list(), [MountedFile]);
    assert!(stage.list_fault().unwrap().contains("NoSuchSource"), "{:?}", stage.list_fault());
    assert!(stage.sources.state().now().ready());
    put(&stage.files.modes(), &modes_text("DynamicFile MountedFile"));
    stage.until_list(&[DynamicFile, MountedFile]).await;
    assert_eq!(stage.list_fault(), None);
}

#[tokio::test]
async fn the_list_follows_the_file_and_the_gauges_the_list() {
    let stage = start(files()).await;
    assert_eq!((stage.list(), gauges(&stage)), (vec![MountedFile], (false, false)));
    for (names, list, seen) in [
        ("DynamicFile", vec![DynamicFile], (false, true)),
        ("File DynamicFile", vec![MountedFile, DynamicFile], (true, false)),
        ("MountedFile", vec![MountedFile], (false, false)),
        ("DynamicFile MountedFile", vec![DynamicFile, MountedFile], (true, false)),
    ] {
        put(&stage.files.modes(), &modes_text(names));
        let in_force = || stage.list() == list && gauges(&stage) == seen;
        stage.until(names, in_force).await;
        let name = if list[0] == DynamicFile { "of-the-dynamic-file" } else { "of-the-config-file" };
        assert_eq!(stage.username().as_deref(), Some(name));
        stage.until("ready", || stage.sources.state().now().ready()).await;
    }
    fs::remove_file(stage.files.modes()).unwrap();
    stage.until_list(&[MountedFile]).await;
    stage.until("ended", || stage.line(DynamicFile).is_none() && gauges(&stage) == (false, false)).await;
    assert_eq!(stage.metric("iam_bridge_source_entries{source=\"DynamicFile\"}").as_deref(), Some("0"));
}

#[tokio::test]
async fn what_cannot_be_a_list_keeps_the_one_in_force() {
    let files = files();
    put(&files.modes(), &modes_text("DynamicFile MountedFile"));
    let stage = start(files).await;
    for (text, told) in [
        (modes_text(""), "backendMode"),
        (modes_text("MountedFile NoSuchSource"), "NoSuchSource"),
        (modes_text("MountedFile AccessEntryFile"), "AccessEntryFile"),
        (r#"{"Version": "v1"}"#.to_owned(), "backendMode"),
        (r#"{"backendMode": 5}"#.to_owned(), "backendMode"),
        ("backendMode: MountedFile\n".to_owned(), "json"),
    ] {
        put(&stage.files.modes(), &text);
        let fault = || stage.list_fault().is_some_and(|fault| fault.contains(told));
        stage.until(told, fault).await;
        assert_eq!(stage.list(), [DynamicFile, MountedFile], "{text}");
        assert_eq!(stage.metric("iam_bridge_source_stale{source=\"BackendMode\"}").as_deref(), Some("1"));
        put(&stage.files.modes(), &modes_text("DynamicFile MountedFile"));
        stage.until("good", || stage.list_fault().is_none()).await;
        assert_eq!(stage.metric("iam_bridge_source_stale{source=\"BackendMode\"}").as_deref(), Some("0"));
    }
    assert_eq!(
        stage.metric("iam_bridge_source_loads_total{result=\"ok\",source=\"DynamicFile\"}").as_deref(),
        Some("1"),
        "no source was started anew"
    );
}

#[tokio::test]
async fn a_list_with_the_dynamic_file_needs_its_path() {
    let files = files();
    let settings = SourceSettings { dynamic_file: None, ..settings(&files) };
    let stage = Stage::start(files, &settings).await;
    put(&stage.files.modes(), &modes_text("DynamicFile MountedFile"));
    stage.until("fault", || stage.list_fault().is_some_and(|fault| fault.contains("dynamicfilepath"))).await;
    assert_eq!(stage.list(), [MountedFile]);
}

#[tokio::test]
async fn a_change_is_in_force_once_the_new_sources_have_tables_and_not_before() {
    let files = files();
    let path = files.dynamic();
    fs::remove_file(&path).unwrap();
    let stage = start(files).await;
    put(&stage.files.modes(), &modes_text("DynamicFile"));
    let waiting = || stage.line(DynamicFile).is_some_and(|line| !line.asked && !line.published && line.fault.is_some());
    stage.until("the dynamic file is waited for", waiting).await;
    assert_eq!(stage.list(), [MountedFile]);
    assert_eq!(stage.username().as_deref(), Some("of-the-config-file"));
    assert!(stage.sources.state().now().ready(), "the list in force is ready");
    put(&path, &dynamic_text("late"));
    stage.until_list(&[DynamicFile]).await;
    assert_eq!(stage.username().as_deref(), Some("late"));
    stage.until("the config file is asked no more", || stage.line(MountedFile).is_some_and(|line| !line.asked)).await;
    // Its deny list still counts, and so does its table once it is asked again.
    put(&stage.files.config(), &config_text("newer"));
    put(&stage.files.modes(), &modes_text("MountedFile"));
    stage.until_named("newer").await;
    assert!(stage.sources.state().now().ready());
}

#[tokio::test]
async fn a_newer_file_replaces_a_change_that_waits_and_what_was_begun_in_vain_ends() {
    let stage = start(files()).await;
    let began = |kind| stage.line(kind).is_some_and(|line| !line.asked && line.fault.is_some());
    put(&stage.files.modes(), &modes_text("EKSConfigMap CRD MountedFile"));
    stage.until("both wait for a cluster", || began(EksConfigMap) && began(Crd)).await;
    // A file that is no list takes nothing back.
    put(&stage.files.modes(), "{");
    stage.until("fault", || stage.list_fault().is_some()).await;
    assert!(began(EksConfigMap) && began(Crd));
    // One source of it stays, the other is waited for no more.
    put(&stage.files.modes(), &modes_text("CRD DynamicFile"));
    stage.until("aws-auth has ended", || stage.line(EksConfigMap).is_none() && stage.line(DynamicFile).is_some()).await;
    assert!(began(Crd));
    assert_eq!(stage.list(), [MountedFile]);
    // What is in force already is a wish too.
    put(&stage.files.modes(), &modes_text("MountedFile"));
    let alone = || stage.sources.state().now().sources.iter().map(|line| line.kind).eq([MountedFile]);
    stage.until("only the config file", alone).await;
    put(&stage.files.modes(), &modes_text("DynamicFile"));
    stage.until_list(&[DynamicFile]).await;
    for kind in ["EKSConfigMap", "CRD"] {
        let stale = stage.metric(&format!("iam_bridge_source_stale{{source=\"{kind}\"}}"));
        assert_eq!(stale.as_deref(), Some("0"), "{kind} ended");
    }
}

#[tokio::test]
async fn its_age_is_observed_when_its_list_is_in_force() {
    let files = files();
    put(&files.modes(), &modes_text_of(&(NOW.0 - 500).to_string(), "MountedFile"));
    let stage = start(files).await;
    let seen = || (stage.metric(AGE_COUNT), stage.metric(AGE_SUM));
    let given = |count: &str, sum: &str| (Some(count.to_owned()), Some(sum.to_owned()));
    stage.hand.advance(4);
    put(&stage.files.modes(), &modes_text("DynamicFile"));
    stage.until_list(&[DynamicFile]).await;
    // The fault is seen after what came before it.
    let settle = async |text: &str| {
        put(&stage.files.modes(), text);
        stage.until("fault", || stage.list_fault().is_some()).await;
    };
    settle("{").await;
    assert_eq!(seen(), given("1", "4"));
    put(&stage.files.modes(), &modes_text_of(&(NOW.0 + 60).to_string(), "MountedFile"));
    stage.until_list(&[MountedFile]).await;
    settle("{").await;
    assert_eq!(seen(), given("1", "4"), "a stamp that lies ahead is not observed");
    fs::remove_file(stage.files.modes()).unwrap();
    stage.until("no fault", || stage.list_fault().is_none()).await;
    assert_eq!(seen(), given("1", "4"), "what is gone has no age");
}

#[tokio::test]
async fn without_a_config_file_the_mounted_file_is_empty_and_ready() {
    let files = files();
    let settings = SourceSettings { config_file: None, backend_modes: vec![DynamicFile], ..settings(&files) };
    let stage = Stage::start(files, &settings).await;
    assert_eq!(stage.list(), [DynamicFile]);
    put(&stage.files.modes(), &modes_text("MountedFile"));
    stage.until_list(&[MountedFile]).await;
    assert_eq!(stage.username(), None);
    stage.until("ready", || stage.sources.state().now().ready()).await;
}
