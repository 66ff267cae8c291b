//! `DynamicFile`: strict ids, all or nothing, deletion, its age, its log.

use std::fs;

use iam_bridge::mapping::SourceKind::{DynamicFile, MountedFile};
use iam_bridge::sources::SourceSettings;

use super::sources_stage::{Files, NOW, Stage, dynamic_text, dynamic_text_of, put};

const AGE_COUNT: &str = "aws_iam_authenticator_dynamic_e2e_latency_seconds_count{type=\"dynamic_file\"}";
const AGE_SUM: &str = "aws_iam_authenticator_dynamic_e2e_latency_seconds_sum{type=\"dynamic_file\"}";

/// The dynamic file alone.
fn settings(files: &Files) -> SourceSettings {
    SourceSettings { backend_modes: vec![DynamicFile], config_file: None, backend_mode_file: None, ..files.settings() }
}

async fn start(text: &str) -> Stage {
    let files = Files::new();
    put(&files.dynamic(), text);
    let settings = settings(&files);
    Stage::start(files, &settings).await
}

#[tokio::test]
async fn the_file_is_there_when_the_start_returns_and_followed_after() {
    let stage = start(&dynamic_text("first")).await;
    assert_eq!(stage.username().as_deref(), Some("first"));
    assert!(stage.sources.state().now().ready());
    put(&stage.files.dynamic(), &dynamic_text("second"));
    stage.until_named("second").await;
    fs::remove_file(stage.files.dynamic()).unwrap();
    stage.until("nobody", || stage.username().is_none()).await;
    assert!(stage.sources.state().now().ready(), "an empty table is a table");
    put(&stage.files.dynamic(), &dynamic_text("second"));
    stage.until_named("second").await;
}

#[tokio::test]
async fn one_bad_entry_refuses_the_whole_file() {
    let stage = start(&dynamic_text("good")).await;
    let dev = r#"{"rolearn": "arn:aws:iam::111122223333:role/Dev", "username": "bad"}"#;
    for text in [
        format!(r#"{{"mapRoles": [{dev}, {{"username": "no arn"}}]}}"#),
        format!(r#"{{"mapRoles": [{dev}], "mapUsers": "x"}}"#),
        format!(r#"{{"mapRoles": [{dev}]}} trailing"#),
        format!(r#"{{"mapRoles": [{dev}], "mapAccounts": [1]}}"#),
        "mapRoles: []\n".to_owned(),
    ] {
        put(&stage.files.dynamic(), &text);
        let fault = stage.until_fault(DynamicFile, "dynamic.json").await;
        assert_eq!(stage.username().as_deref(), Some("good"), "{fault}");
        assert_eq!(stage.metric("iam_bridge_source_stale{source=\"DynamicFile\"}").as_deref(), Some("1"));
        put(&stage.files.dynamic(), &dynamic_text("good"));
        stage.until("no fault", || stage.fault(DynamicFile).is_none()).await;
        assert_eq!(stage.metric("iam_bridge_source_stale{source=\"DynamicFile\"}").as_deref(), Some("0"));
    }
    assert_eq!(
        stage.metric("iam_bridge_source_loads_total{result=\"ok\",source=\"DynamicFile\"}").as_deref(),
        Some("1"),
        "what was served all along is not loaded again"
    );
}

#[tokio::test]
async fn half_a_million_entries_are_read_and_one_more_is_refused() {
    let entries = |count: usize| {
        let entry = |number| format!(r#"{{"userarn": "arn:aws:iam::111122223333:user/u{number}", "username": "u"}}"#);
        format!(r#"{{"mapUsers": [{}]}}"#, (0..count).map(entry).collect::<Vec<_>>().join(","))
    };
    let stage = start(&entries(500_000)).await;
    assert_eq!(stage.fault(DynamicFile), None);
    let last = "arn:aws:iam::111122223333:user/u499999";
    assert_eq!(stage.username_of(last).as_deref(), Some("u"));
    put(&stage.files.dynamic(), &entries(500_001));
    stage.until_fault(DynamicFile, "too-many-entries").await;
    assert_eq!(stage.username_of(last).as_deref(), Some("u"), "the last good table stays");
}

#[tokio::test]
async fn a_strict_file_is_asked_by_user_id() {
    let files = Files::new();
    let text = |id: &str| format!(r#"{{"mapRoles": [{{"userid": "{id}", "username": "by-id"}}]}}"#);
    put(&files.dynamic(), &text("AROAEXAMPLE1"));
    let settings = SourceSettings { dynamic_user_id_strict: true, ..settings(&files) };
    let stage = Stage::start(files, &settings).await;
    assert_eq!(stage.username().as_deref(), Some("by-id"));
    put(&stage.files.dynamic(), &text("AROAOTHER"));
    stage.until("nobody", || stage.username().is_none()).await;
    put(&stage.files.dynamic(), &dynamic_text("an entry without its userid"));
    stage.until_fault(DynamicFile, "userid").await;
}

#[tokio::test]
async fn its_age_is_observed_for_every_load_but_the_first_and_never_for_a_stamp_that_lies_ahead() {
    let stage = start(&dynamic_text_of(&(NOW.0 - 1_000).to_string(), "first")).await;
    let ages = |count: &str, sum: &str| {
        let seen = (stage.metric(AGE_COUNT), stage.metric(AGE_SUM));
        let as_given = (Some(count.to_owned()), Some(sum.to_owned()));
        assert!(seen == as_given || count == "0" && seen == (None, None), "{seen:?}");
    };
    ages("0", "0");
    stage.hand.advance(7);
    put(&stage.files.dynamic(), &dynamic_text("seven"));
    stage.until_named("seven").await;
    ages("1", "7");
    for (stamp, name) in
        [((NOW.0 + 100).to_string(), "ahead"), ("yesterday".to_owned(), "words"), (String::new(), "none")]
    {
        put(&stage.files.dynamic(), &dynamic_text_of(&stamp, name));
        stage.until_named(name).await;
        ages("1", "7");
    }
    fs::remove_file(stage.files.dynamic()).unwrap();
    stage.until("nobody", || stage.username().is_none()).await;
    stage.hand.advance(3);
    put(&stage.files.dynamic(), &dynamic_text("back"));
    stage.until_named("back").await;
    ages("2", "17");
}

#[tokio::test]
async fn a_folder_that_does_not_exist_yet_is_polled_and_then_watched() {
    let files = Files::new();
    let folder = files.at("later");
    let path = folder.join("dynamic.json");
    let settings = SourceSettings { dynamic_file: Some(path.clone()), ..settings(&files) };
    let stage = Stage::start(files, &settings).await;
    let polled = || stage.metric("iam_bridge_source_polled{source=\"DynamicFile\"}");
    assert_eq!(polled().as_deref(), Some("1"));
    fs::create_dir(&folder).unwrap();
    put(&path, &dynamic_text("late"));
    stage.until_named("late").await;
    assert_eq!(polled().as_deref(), Some("0"));
    assert_eq!(stage.metric("aws_iam_authenticator_dynamicfile_failures_total").as_deref(), Some("0"));
}

#[tokio::test]
async fn it_stands_behind_or_before_other_sources_as_the_list_says() {
    for (list, expected) in
        [([DynamicFile, MountedFile], "of-the-dynamic-file"), ([MountedFile, DynamicFile], "of-the-config-file")]
    {
        let files = Files::new();
        put(&files.config(), &super::sources_stage::config_text("of-the-config-file"));
        put(&files.dynamic(), &dynamic_text("of-the-dynamic-file"));
        let settings = SourceSettings { backend_modes: list.to_vec(), backend_mode_file: None, ..files.settings() };
        let stage = Stage::start(files, &settings).await;
        assert_eq!(stage.username().as_deref(), Some(expected));
        assert_eq!(stage.metric("aws_iam_authenticator_dynamic_file_enabled").as_deref(), Some("1"));
        assert_eq!(stage.metric("aws_iam_authenticator_dynamic_file_only").as_deref(), Some("0"));
    }
}
