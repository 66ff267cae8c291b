//! FS-1, FS-2 and FS-7: whatever happens to a file that is followed, for each of the three.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use iam_bridge::mapping::SourceKind::{DynamicFile, MountedFile};
use tempfile::TempDir;

use super::sources_stage::{Files, Mounted, Stage, config_text, dynamic_text, modes_text, put};

/// A file that is followed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Subject {
    Config,
    Dynamic,
    Modes,
}

const ALL: [Subject; 3] = [Subject::Config, Subject::Dynamic, Subject::Modes];

impl Subject {
    fn path(self, files: &Files) -> PathBuf {
        match self {
            Self::Config => files.config(),
            Self::Dynamic => files.dynamic(),
            Self::Modes => files.modes(),
        }
    }

    /// Good content; those of one length differ by their number.
    fn text(self, number: usize) -> String {
        match self {
            Self::Config => config_text(&self.name(number)),
            Self::Dynamic => dynamic_text(&self.name(number)),
            Self::Modes if number.is_multiple_of(2) => modes_text("DynamicFile MountedFile"),
            Self::Modes => modes_text("MountedFile DynamicFile"),
        }
    }

    /// What alice is called while that content is used.
    fn name(self, number: usize) -> String {
        match self {
            Self::Config | Self::Dynamic => format!("edition-{number:03}"),
            Self::Modes if number.is_multiple_of(2) => "of-the-dynamic-file".to_owned(),
            Self::Modes => "of-the-config-file".to_owned(),
        }
    }

    /// All three files good, this one with content 0.
    fn files(self) -> Files {
        let files = Files::new();
        put(&files.config(), &config_text("of-the-config-file"));
        put(&files.dynamic(), &dynamic_text("of-the-dynamic-file"));
        put(&self.path(&files), &self.text(0));
        files
    }

    async fn start(self, files: Files) -> Stage {
        let mut settings = files.settings();
        settings.backend_modes = match self {
            Self::Config => vec![MountedFile, DynamicFile],
            Self::Dynamic | Self::Modes => vec![DynamicFile, MountedFile],
        };
        if self != Self::Modes {
            settings.backend_mode_file = None;
        }
        Stage::start(files, &settings).await
    }

    fn fault(self, stage: &Stage) -> Option<String> {
        match self {
            Self::Config => stage.fault(MountedFile),
            Self::Dynamic => stage.fault(DynamicFile),
            Self::Modes => stage.list_fault(),
        }
    }

    async fn until_fault(self, stage: &Stage, words: &str) -> String {
        let has = || self.fault(stage).is_some_and(|fault| fault.contains(words));
        stage.until(&format!("{self:?}: {words}"), has).await;
        self.fault(stage).unwrap_or_default()
    }

    async fn until_good(self, stage: &Stage, number: usize) {
        let good = || self.fault(stage).is_none() && stage.username().as_ref() == Some(&self.name(number));
        stage.until(&format!("{self:?} {number}"), good).await;
    }

    fn is_stale(self, stage: &Stage) -> bool {
        let label = match self {
            Self::Config => "MountedFile",
            Self::Dynamic => "DynamicFile",
            Self::Modes => "BackendMode",
        };
        stage.metric(&format!("iam_bridge_source_stale{{source=\"{label}\"}}")).as_deref() == Some("1")
    }
}

/// Puts something in the place of a file.
type Make = Box<dyn Fn(&Path)>;

/// What may stand in the place of a good file, and the words that tell of it.
fn bad_files(good: &str) -> Vec<(&'static str, Make)> {
    let text = |text: String| -> Make { Box::new(move |path: &Path| put(path, &text)) };
    let half: String = good.chars().take(good.len() / 2).collect();
    // In the place of the file without a moment in which nothing is there.
    let made = |make: fn(&Path, &Path)| -> Make {
        Box::new(move |path: &Path| {
            let fresh = path.with_extension("bad");
            make(&fresh, path);
            fs::rename(&fresh, path).unwrap();
        })
    };
    vec![
        ("", text(String::new())),
        ("", text(half)),
        ("", text("- a\n".to_owned())),
        ("not a regular file", made(|fresh, path| symlink(path.parent().unwrap(), fresh).unwrap())),
        ("not a regular file", made(|fresh, _| assert!(Command::new("mkfifo").arg(fresh).status().unwrap().success()))),
        ("symbolic link", made(|fresh, path| symlink(path, fresh).unwrap())),
        // 64 MiB and one byte, of which the disk holds none.
        ("more than", made(|fresh, _| File::create(fresh).unwrap().set_len(64 * 1024 * 1024 + 1).unwrap())),
    ]
}

#[tokio::test]
async fn fs_1_what_is_no_good_file_is_told_and_the_last_good_one_stays() {
    for subject in ALL {
        let stage = subject.start(subject.files()).await;
        let path = subject.path(&stage.files);
        subject.until_good(&stage, 0).await;
        let mut number = 0;
        for (words, make_bad) in bad_files(&subject.text(0)) {
            make_bad(&path);
            let fault = subject.until_fault(&stage, words).await;
            assert!(fault.contains(path.to_str().unwrap()), "{fault}");
            assert!(subject.is_stale(&stage), "{subject:?}: {fault}");
            assert_eq!(stage.username(), Some(subject.name(number)), "{subject:?}: {fault}");
            assert!(stage.sources.state().now().ready(), "a later fault does not end readiness");
            number += 1;
            put(&path, &subject.text(number));
            subject.until_good(&stage, number).await;
            assert!(!subject.is_stale(&stage), "{subject:?}: {fault}");
        }
    }
}

#[tokio::test]
async fn fs_1_a_missing_file_keeps_the_config_empties_the_dynamic_file_and_leads_back_to_the_configured_list() {
    for subject in ALL {
        let stage = subject.start(subject.files()).await;
        let path = subject.path(&stage.files);
        put(&path, &subject.text(1));
        subject.until_good(&stage, 1).await;
        fs::remove_file(&path).unwrap();
        match subject {
            Subject::Config => {
                subject.until_fault(&stage, "unreadable-file").await;
                assert_eq!(stage.username(), Some(subject.name(1)));
            }
            Subject::Dynamic => {
                stage.until_named("of-the-config-file").await;
                assert_eq!(stage.fault(DynamicFile), None);
                assert_eq!(stage.metric("iam_bridge_source_entries{source=\"DynamicFile\"}").as_deref(), Some("0"));
            }
            Subject::Modes => stage.until_list(&[DynamicFile, MountedFile]).await,
        }
        put(&path, &subject.text(1));
        subject.until_good(&stage, 1).await;
    }
}

#[tokio::test]
async fn fs_1_a_file_that_is_missing_at_the_start_is_not_waited_for() {
    for subject in ALL {
        let files = subject.files();
        let path = subject.path(&files);
        fs::remove_file(&path).unwrap();
        let stage = subject.start(files).await;
        let ready = stage.sources.state().now().ready();
        assert_eq!(ready, subject == Subject::Modes, "{subject:?}");
        match subject {
            Subject::Config | Subject::Dynamic => {
                assert!(subject.fault(&stage).unwrap().contains("unreadable-file"), "{subject:?}");
            }
            Subject::Modes => assert_eq!(stage.list(), [DynamicFile, MountedFile]),
        }
        assert!(stage.username().is_some(), "the other file serves");
        put(&path, &subject.text(1));
        subject.until_good(&stage, 1).await;
        stage.until("ready", || stage.sources.state().now().ready()).await;
    }
}

#[tokio::test]
async fn fs_2_every_way_to_change_a_file_is_seen() {
    for subject in ALL {
        let files = subject.files();
        let path = subject.path(&files);
        fs::remove_file(&path).unwrap();
        let mounted = Mounted::new(&path, &subject.text(0));
        let stage = subject.start(files).await;
        subject.until_good(&stage, 0).await;
        for number in 1..20 {
            mounted.swap(number, &subject.text(number));
            subject.until_good(&stage, number).await;
        }
        put(&path, &subject.text(20));
        subject.until_good(&stage, 20).await;
        fs::write(&path, subject.text(21)).unwrap();
        subject.until_good(&stage, 21).await;

        // The same length and the same time of change.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, subject.text(22)).unwrap();
        let written = File::options().write(true).open(&path).unwrap();
        written.set_times(FileTimes::new().set_modified(modified)).unwrap();
        drop(written);
        subject.until_good(&stage, 22).await;

        // Behind a link into another folder no event tells; the poll sees it.
        let elsewhere = TempDir::new().unwrap();
        let target = elsewhere.path().join("real");
        fs::write(&target, subject.text(23)).unwrap();
        let link = path.with_extension("link");
        symlink(&target, &link).unwrap();
        fs::rename(&link, &path).unwrap();
        subject.until_good(&stage, 23).await;
        fs::write(&target, subject.text(24)).unwrap();
        subject.until_good(&stage, 24).await;
    }
}

#[tokio::test]
async fn fs_7_bombs_and_deep_nesting_are_refused_and_the_last_good_one_stays() {
    let json = |before: &str| format!("{before}{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let mut bomb = "clusterID: c1\nserver:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..30 {
        bomb += &format!("  a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
    }
    for subject in ALL {
        let stage = subject.start(subject.files()).await;
        let path = subject.path(&stage.files);
        let cases = match subject {
            Subject::Config => vec![(bomb.clone(), "yaml-alias-budget"), (json(""), "too-deep")],
            Subject::Dynamic => vec![(json(""), "too-deep"), (json("{\"mapRoles\": ") + "}", "too-deep")],
            Subject::Modes => vec![(json(""), "too-deep"), (json("{\"backendMode\": ") + "}", "too-deep")],
        };
        for (text, code) in cases {
            put(&path, &text);
            subject.until_fault(&stage, code).await;
            assert_eq!(stage.username(), Some(subject.name(0)), "{subject:?}");
            put(&path, &subject.text(0));
            subject.until_good(&stage, 0).await;
        }
    }
}
