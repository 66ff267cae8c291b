//! The config file while it runs: swaps, renames, writes and everything that can be wrong with it.
//!
//! Nothing here sleeps to synchronise: a test awaits the next published value. The bound on a wait only ends a test that
//! would hang.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use iam_bridge::clock::Clock;
use iam_bridge::live::Live;
use iam_bridge::mapping::{Chain, MappingError};
use iam_bridge::sources::{self, SourceError, SourceSettings, Sources, SourcesState};
use iam_bridge::telemetry::Metrics;
use proptest::prelude::*;
use tempfile::TempDir;

use super::mapping::ask;
use super::sources_stage::{DEV, HANG, Mounted, config_text as edition, open_below};
use crate::harness::waiting;

/// A config file that a source follows.
struct Followed {
    folder: TempDir,
    path: PathBuf,
    chain: Chain,
    sources: Sources,
    metrics: Arc<Metrics>,
}

impl Followed {
    async fn start(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config.yaml");
        fs::write(&path, text).unwrap();
        Self::follow(folder, path).await
    }

    async fn follow(folder: TempDir, path: PathBuf) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let settings = SourceSettings::mounted_file(path.clone());
        let (chain, sources) = sources::start(&settings, Arc::clone(&metrics), Clock::system()).await.unwrap();
        let chain = (*chain.now()).clone();
        Self { folder, path, chain, sources, metrics }
    }

    fn username(&self) -> Option<String> {
        ask(&self.chain, DEV).ok().map(|user| user.username)
    }

    /// Waits until `alice` is called so.
    async fn until_named(&self, name: &str) {
        let mut table = self.chain.tables[0].clone();
        until(&mut table, || self.username().as_deref() == Some(name), name).await;
    }

    async fn until_state(&self, what: &str, wanted: impl Fn(&SourcesState) -> bool) -> SourcesState {
        let state = self.sources.state();
        until(&mut state.clone(), || wanted(&state.now()), what).await;
        (*state.now()).clone()
    }

    async fn until_fault(&self, words: &str) -> String {
        let has = |state: &SourcesState| state.sources[0].fault.as_deref().is_some_and(|fault| fault.contains(words));
        self.until_state(words, has).await.sources[0].fault.clone().unwrap()
    }

    async fn until_good(&self) {
        self.until_state("no fault", |state| state.sources[0].fault.is_none()).await;
    }

    fn stale(&self) -> bool {
        self.metrics.render().contains("iam_bridge_source_stale{source=\"MountedFile\"} 1")
    }

    /// Puts a complete file in place of the old one.
    fn rename_over(&self, text: &str) {
        let fresh = self.folder.path().join("fresh");
        fs::write(&fresh, text).unwrap();
        fs::rename(&fresh, &self.path).unwrap();
    }
}

/// Awaits published values until `wanted`.
async fn until<T>(live: &mut Live<T>, wanted: impl Fn() -> bool, what: &str) {
    let waits = async {
        while !wanted() {
            assert!(live.changed().await, "nothing more can come, and `{what}` has not");
        }
    };
    tokio::time::timeout(HANG, waits).await.unwrap_or_else(|_| panic!("`{what}` did not come"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u6_a_thousand_symlink_swaps_show_no_mixture_and_leak_no_descriptor() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.yaml");
    let mounted = Mounted::new(&path, &edition("v0"));
    let followed = Followed::follow(folder, path).await;
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (chain, done, asked) = (followed.chain.clone(), Arc::clone(&done), Arc::clone(&asked));
            std::thread::spawn(move || {
                let mut seen = BTreeSet::new();
                while !done.load(Ordering::Acquire) {
                    let user = ask(&chain, DEV).expect("no question fails");
                    let name = user.username;
                    assert_eq!(user.groups, [format!("a-{name}"), format!("b-{name}")], "one edition, whole");
                    seen.insert(name);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                seen.len()
            })
        })
        .collect();
    for version in 1..=1_000 {
        mounted.swap(version, &edition(&format!("v{version}")));
        followed.until_named(&format!("v{version}")).await;
    }
    done.store(true, Ordering::Release);
    let seen: Vec<usize> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    assert!(seen.iter().any(|editions| *editions > 1), "the readers saw editions change: {seen:?}");
    assert!(asked.load(Ordering::Relaxed) > 1_000);
    // A look may be under way; one that is over leaves nothing open.
    waiting::until("no descriptor of the file is open", HANG, || {
        (open_below(followed.folder.path()) == 0).then_some(())
    });
    followed.until_good().await;
}

#[tokio::test]
async fn fs_2_every_way_to_change_the_file_is_seen() {
    let followed = Followed::start(&edition("first")).await;
    followed.rename_over(&edition("renamed"));
    followed.until_named("renamed").await;
    fs::write(&followed.path, edition("in-place")).unwrap();
    followed.until_named("in-place").await;

    // The same length and the same time of change.
    let modified = fs::metadata(&followed.path).unwrap().modified().unwrap();
    fs::write(&followed.path, edition("in_place")).unwrap();
    File::options()
        .write(true)
        .open(&followed.path)
        .unwrap()
        .set_times(FileTimes::new().set_modified(modified))
        .unwrap();
    followed.until_named("in_place").await;

    fs::remove_file(&followed.path).unwrap();
    fs::write(&followed.path, edition("made-anew")).unwrap();
    followed.until_named("made-anew").await;

    // Behind a link into another folder no event tells; the poll sees it.
    let elsewhere = TempDir::new().unwrap();
    let target = elsewhere.path().join("real.yaml");
    fs::write(&target, edition("linked")).unwrap();
    fs::remove_file(&followed.path).unwrap();
    symlink(&target, &followed.path).unwrap();
    followed.until_named("linked").await;
    fs::write(&target, edition("behind-the-link")).unwrap();
    followed.until_named("behind-the-link").await;

    // The whole folder is replaced, and its watch with it.
    let folder = followed.path.parent().unwrap();
    let (away, fresh) = (folder.with_extension("away"), folder.with_extension("fresh"));
    fs::create_dir(&fresh).unwrap();
    fs::write(fresh.join("config.yaml"), edition("new-folder")).unwrap();
    fs::rename(folder, &away).unwrap();
    fs::rename(&fresh, folder).unwrap();
    followed.until_named("new-folder").await;
    followed.rename_over(&edition("watched-again"));
    followed.until_named("watched-again").await;
    fs::remove_dir_all(away).unwrap();
}

/// A document that is whole and has faults, too.
#[tokio::test]
async fn fs_1_a_bad_file_keeps_the_last_good_mappings() {
    let followed = Followed::start(&edition("good")).await;
    assert!(!followed.stale());
    let mut edits = 0;
    for (text, told) in [
        ("", "empty"),
        ("clusterID: c1\nserver:\n\tport: 1\n", "config.yaml:3:"),
        ("clusterID: c1\nserver: half", "server"),
        ("server:\n  mapRoles: []\n", "clusterID is gone"),
        ("- a\n", "list"),
        (
            "clusterID: c1\nserver:\n  mapRoles:\n  - rolearn: nonsense\n",
            "config.yaml:4:14: bad-role-arn: server.mapRoles[0].rolearn",
        ),
        ("clusterID: c1\nserver:\n  deny:\n  - acount: '111122223333'\n", "config.yaml:4:5: unknown-key"),
        ("clusterID: c1\nclusterid: c2\n", "duplicate-key"),
    ] {
        followed.rename_over(text);
        let fault = followed.until_fault(told).await;
        assert!(fault.contains("config.yaml"), "{fault}");
        assert!(followed.stale(), "{text:?}");
        assert!(followed.sources.state().now().ready(), "a later fault does not end readiness");
        assert_eq!(followed.username().as_deref(), Some("good"), "{text:?}");
        // Good again, with content that is new or that was served all along.
        edits += 1;
        followed.rename_over(&edition("good"));
        followed.until_good().await;
        assert!(!followed.stale());
    }
    assert_eq!(edits, 8);
}

/// Kinds of files that must not be read, or waited for.
#[tokio::test]
async fn fs_1_what_is_no_file_is_told_and_never_waited_for() {
    let followed = Followed::start(&edition("good")).await;
    let path = &followed.path;
    let make_pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    fs::remove_file(path).unwrap();
    followed.until_fault("No such file").await;
    make_pipe(path);
    followed.until_fault("not a regular file").await;
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
    followed.until_fault("not a regular file").await;
    fs::remove_dir(path).unwrap();
    symlink(path, path).unwrap();
    followed.until_fault("symbolic link").await;
    fs::remove_file(path).unwrap();
    // 64 MiB and one byte, of which the disk holds none.
    let large = followed.folder.path().join("large");
    File::create(&large).unwrap().set_len(64 * 1024 * 1024 + 1).unwrap();
    fs::rename(&large, path).unwrap();
    followed.until_fault("more than").await;
    assert_eq!(followed.username().as_deref(), Some("good"));
    followed.rename_over(&edition("better"));
    followed.until_named("better").await;
    followed.until_good().await;
}

#[tokio::test]
async fn fs_1_a_file_that_is_missing_at_the_start_makes_the_source_not_ready() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.yaml");
    let followed = Followed::follow(folder, path).await;
    let state = followed.sources.state().now();
    assert!(!state.ready());
    assert!(state.sources[0].fault.as_deref().unwrap().contains("unreadable-file"), "{state:?}");
    assert!(matches!(ask(&followed.chain, DEV), Err(MappingError::NotMapped)));
    followed.rename_over(&edition("late"));
    followed.until_named("late").await;
    followed.until_state("ready", SourcesState::ready).await;
}

#[tokio::test]
async fn a_bad_file_at_the_start_is_refused_with_all_its_faults() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, "server:\n  mapRoles: [{rolearn: a}, {rolearn: b}]\n  deny: [{}]\n").unwrap();
    let started =
        sources::start(&SourceSettings::mounted_file(path), Arc::new(Metrics::new().unwrap()), Clock::system()).await;
    let Err(SourceError::Faults(faults)) = started else { panic!("it started") };
    assert_eq!(faults.iter().map(|fault| fault.at.unwrap().line).collect::<Vec<_>>(), [2, 2, 3]);
}

#[tokio::test]
async fn without_a_file_there_is_nothing_to_wait_for() {
    let settings = SourceSettings { config_file: None, ..SourceSettings::mounted_file(PathBuf::new()) };
    let starting = sources::start(&settings, Arc::new(Metrics::new().unwrap()), Clock::system());
    let (_, running) = starting.await.unwrap();
    assert!(running.state().now().ready());
}

#[tokio::test]
async fn a_log_that_grows_beside_the_file_hides_no_change() {
    let followed = Followed::start(&edition("one")).await;
    let mut log = File::create(followed.folder.path().join("server.log")).unwrap();
    for name in ["two", "three", "four"] {
        for line in 0..500 {
            writeln!(log, "line {line}").unwrap();
        }
        followed.rename_over(&edition(name));
        followed.until_named(name).await;
    }
}

#[tokio::test]
async fn unchanged_content_publishes_nothing_and_reload_reads_at_once() {
    let followed = Followed::start(&edition("same")).await;
    let table = followed.chain.tables[0].now();
    fs::write(&followed.path, edition("same")).unwrap();
    followed.rename_over(&edition("same"));
    followed.sources.reload();
    // Whatever was seen of this is seen before the fault that follows.
    followed.rename_over("server: [\n");
    followed.until_fault("yaml-syntax").await;
    followed.rename_over(&edition("same"));
    followed.until_good().await;
    assert!(Arc::ptr_eq(&table, &followed.chain.tables[0].now()));
    followed.rename_over(&edition("other"));
    followed.sources.reload();
    followed.until_named("other").await;
}

#[tokio::test]
async fn deny_and_prefixes_follow_the_file_too() {
    let followed = Followed::start(&edition("dev")).await;
    let mut deny = followed.chain.deny.clone();
    followed.rename_over(&format!(
        "{}  deny:\n  - arn: arn:aws:iam::111122223333:role/Dev\n    reason: left\n",
        edition("dev")
    ));
    let denied = || matches!(ask(&followed.chain, DEV), Err(MappingError::Denied { reason, .. }) if reason.as_deref() == Some("left"));
    until(&mut deny, denied, "denied").await;
    let mut reserved = followed.chain.reserved.clone();
    followed.rename_over(&format!(
        "{}  reservedPrefixConfig:\n  - backendmode: MountedFile\n    usernamePrefixReserveList: [de]\n",
        edition("dev")
    ));
    let is_reserved = || matches!(ask(&followed.chain, DEV), Err(MappingError::Reserved { .. }));
    until(&mut reserved, is_reserved, "reserved").await;
}

#[tokio::test]
async fn dropping_the_sources_ends_their_tasks_and_keeps_the_tables() {
    let Followed { folder: _folder, chain, sources, .. } = Followed::start(&edition("kept")).await;
    let mut table = chain.tables[0].clone();
    drop(sources);
    let ended = tokio::time::timeout(HANG, async { while table.changed().await {} }).await;
    assert!(ended.is_ok(), "the publisher is still there");
    assert_eq!(ask(&chain, DEV).unwrap().username, "kept");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// P26: whoever reads while editions change sees all of one edition.
    #[test]
    fn a_reader_sees_all_of_one_edition(editions in proptest::collection::vec(1..40_usize, 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let text = |number: usize, roles: usize| -> String {
            let roles = (0..roles).map(|role| {
                format!("  - {{rolearn: 'arn:aws:iam::111122223333:role/r{role}', username: 'e{number}', groups: ['of-{roles}']}}\n")
            });
            format!("clusterID: c\nserver:\n  mapRoles:\n{}", roles.collect::<String>())
        };
        let counts: Vec<usize> = std::iter::once(3).chain(editions).collect();
        runtime.block_on(async {
            let followed = Followed::start(&text(0, counts[0])).await;
            let first = "arn:aws:iam::111122223333:role/r0";
            for (number, roles) in counts.iter().enumerate() {
                followed.rename_over(&text(number, *roles));
                let name = format!("e{number}");
                let mut table = followed.chain.tables[0].clone();
                let whole = || {
                    let now = followed.chain.tables[0].now();
                    let user = ask(&followed.chain, first).unwrap();
                    // The table and the user may be of two editions; each is of one.
                    let of: usize = user.groups[0].trim_start_matches("of-").parse().unwrap();
                    let edition: usize = user.username.trim_start_matches('e').parse().unwrap();
                    assert_eq!(counts[edition], of);
                    assert!(counts.contains(&now.len()));
                    user.username == name
                };
                until(&mut table, whole, &name).await;
            }
        });
    }
}
