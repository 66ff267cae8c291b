//! Many sources at once: what changes between them, what reaches all of them, what they wait for.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use iam_bridge::kubernetes::ClusterAccess;
use iam_bridge::mapping::SourceKind::{self, Crd, DynamicFile, EksConfigMap, MountedFile};
use iam_bridge::sources::SourceSettings;
use notify::event::{AccessKind, EventKind};
use notify::{Event, RecursiveMode, Watcher as _};

use super::mapping::ask;
use super::sources_stage::{
    DEV, Files, HANG, Mounted, Stage, config_text, dynamic_text, kinds_of, modes_text, open_below, put,
};
use crate::harness::waiting;

const OPS: &str = "arn:aws:sts::111122223333:assumed-role/Ops/olga";

/// Both files name both callers.
fn two_callers() -> Files {
    let files = Files::new();
    let config = "clusterID: c1\nserver:\n  mapRoles:\n\
        \x20 - {rolearn: 'arn:aws:iam::111122223333:role/Dev', username: config}\n\
        \x20 - {rolearn: 'arn:aws:iam::111122223333:role/Ops', username: config}\n";
    put(&files.config(), config);
    let entry =
        |role: &str| format!(r#"{{"rolearn": "arn:aws:iam::111122223333:role/{role}", "username": "dynamic"}}"#);
    put(&files.dynamic(), &format!(r#"{{"mapRoles": [{}, {}]}}"#, entry("Dev"), entry("Ops")));
    files
}

fn kubeconfig_text(server: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: 'https://{server}'}}}}]\n\
         users: [{{name: u, user: {{token: t}}}}]\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_switches_show_no_empty_phase_and_no_mixture_and_leave_nothing_behind() {
    let files = two_callers();
    let lists: [(&str, &[SourceKind]); 4] = [
        ("MountedFile", &[MountedFile]),
        ("DynamicFile", &[DynamicFile]),
        ("MountedFile DynamicFile", &[MountedFile, DynamicFile]),
        ("DynamicFile MountedFile", &[DynamicFile, MountedFile]),
    ];
    let modes = Mounted::new(&files.modes(), &modes_text(lists[0].0));
    let settings = files.settings();
    let stage = Stage::start(files, &settings).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (chain, done, asked) = (stage.chain.clone(), Arc::clone(&done), Arc::clone(&asked));
            std::thread::spawn(move || {
                let mut seen = BTreeSet::new();
                while !done.load(Ordering::Acquire) {
                    let chain = chain.now();
                    let kinds = kinds_of(&chain);
                    let expected = if kinds[0] == MountedFile { "config" } else { "dynamic" };
                    for arn in [DEV, OPS] {
                        let user = ask(&chain, arn).expect("no question fails");
                        assert_eq!(user.username, expected, "{kinds:?}");
                    }
                    seen.insert(kinds);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                seen
            })
        })
        .collect();
    for number in 1..=400 {
        let (names, list) = lists[number % lists.len()];
        modes.swap(number, &modes_text(names));
        stage.until_list(list).await;
    }
    done.store(true, Ordering::Release);
    let seen: BTreeSet<Vec<SourceKind>> = readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect();
    let known: BTreeSet<Vec<SourceKind>> = lists.iter().map(|(_, list)| list.to_vec()).collect();
    assert!(seen.is_subset(&known) && seen.len() > 1, "{seen:?}");
    assert!(asked.load(Ordering::Relaxed) > 400);
    stage.until("the dynamic file has ended", || stage.line(DynamicFile).is_none()).await;
    waiting::until("no descriptor is open", HANG, || (open_below(stage.files.0.path()) == 0).then_some(()));
    waiting::until("no task is left", HANG, || (alive() <= before).then_some(()));
}

#[tokio::test]
async fn a_source_on_both_lists_is_not_started_anew() {
    let files = two_callers();
    put(&files.modes(), &modes_text("DynamicFile"));
    let settings = files.settings();
    let stage = Stage::start(files, &settings).await;
    let table = stage.chain.now().tables[0].now();
    for (names, list) in [
        ("MountedFile DynamicFile", vec![MountedFile, DynamicFile]),
        ("DynamicFile MountedFile", vec![DynamicFile, MountedFile]),
        ("DynamicFile", vec![DynamicFile]),
    ] {
        put(&stage.files.modes(), &modes_text(names));
        stage.until_list(&list).await;
        let chain = stage.chain.now();
        let now = chain.tables.iter().find(|table| table.now().source() == DynamicFile).unwrap().now();
        assert!(Arc::ptr_eq(&now, &table), "{names}");
    }
    let loads = stage.metric("iam_bridge_source_loads_total{result=\"ok\",source=\"DynamicFile\"}");
    assert_eq!(loads.as_deref(), Some("1"));
}

/// Events of the folder tell who opened what. Large files are read on a sign of change alone, and there is none.
#[tokio::test]
async fn reload_reads_every_file() {
    let files = two_callers();
    let pad = " ".repeat(1_200_000);
    for (path, text) in [
        (files.config(), format!("{}#{pad}\n", config_text("config"))),
        (files.dynamic(), format!("{}{pad}", dynamic_text("dynamic"))),
        (files.modes(), format!("{}{pad}", modes_text("DynamicFile MountedFile"))),
    ] {
        put(&path, &text);
    }
    let settings = files.settings();
    let stage = Stage::start(files, &settings).await;
    assert_eq!(stage.list(), [DynamicFile, MountedFile]);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if let Ok(Event { kind: EventKind::Access(AccessKind::Open(_)), paths, .. }) = event {
            let _ = tell.send(paths);
        }
    })
    .unwrap();
    watcher.watch(stage.files.0.path(), RecursiveMode::NonRecursive).unwrap();
    for _ in 0..3 {
        let mut unread: BTreeSet<_> = [stage.files.config(), stage.files.dynamic(), stage.files.modes()].into();
        stage.sources.reload();
        while !unread.is_empty() {
            let opened = tokio::time::timeout(HANG, told.recv()).await;
            for path in opened.unwrap_or_else(|_| panic!("not read: {unread:?}")).unwrap() {
                unread.remove(&path);
            }
        }
    }
}

#[tokio::test]
async fn an_api_server_that_hangs_or_is_absent_delays_neither_the_start_nor_the_files() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let absent = {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    };
    for address in [Some(hanging.local_addr().unwrap()), Some(absent), None] {
        let files = two_callers();
        let kubeconfig = files.at("kubeconfig");
        if let Some(address) = address {
            fs::write(&kubeconfig, kubeconfig_text(address)).unwrap();
        }
        let settings = SourceSettings {
            backend_modes: vec![EksConfigMap, Crd, MountedFile, DynamicFile],
            cluster: ClusterAccess { kubeconfig: Some(kubeconfig), ..ClusterAccess::default() },
            ..files.settings()
        };
        let stage = Stage::start(files, &settings).await;
        assert_eq!(stage.username().as_deref(), Some("config"), "{address:?}");
        let state = stage.sources.state().now();
        let published: Vec<(SourceKind, bool)> = state.sources.iter().map(|line| (line.kind, line.published)).collect();
        assert_eq!(published, [(EksConfigMap, false), (Crd, false), (MountedFile, true), (DynamicFile, true)]);
        assert!(!state.ready(), "{address:?}");
        // What follows the files goes on meanwhile.
        put(&stage.files.config(), &config_text("changed"));
        stage.until_named("changed").await;
        put(&stage.files.modes(), &modes_text("DynamicFile"));
        stage.until_named("dynamic").await;
        stage.until("ready", || stage.sources.state().now().ready()).await;
    }
}

/// Sources of a cluster have connections and watches to end, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_that_end_leave_no_task_behind_whatever_they_wait_for() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    hanging.set_nonblocking(true).unwrap();
    let files = two_callers();
    let kubeconfig = files.at("kubeconfig");
    fs::write(&kubeconfig, kubeconfig_text(hanging.local_addr().unwrap())).unwrap();
    put(&files.modes(), &modes_text("MountedFile"));
    let cluster = ClusterAccess { kubeconfig: Some(kubeconfig), ..ClusterAccess::default() };
    let settings = SourceSettings { cluster, ..files.settings() };
    let stage = Stage::start(files, &settings).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for _ in 0..5 {
        put(&stage.files.modes(), &modes_text("EKSConfigMap CRD DynamicFile"));
        stage.until("they run", || stage.line(Crd).is_some() && stage.line(DynamicFile).is_some()).await;
        // Both are in the middle of asking.
        let connected = || waiting::until("a connection", HANG, || hanging.accept().ok());
        let asked = tokio::task::block_in_place(connected);
        put(&stage.files.modes(), &modes_text("MountedFile"));
        stage.until("they run no more", || stage.line(Crd).is_none() && stage.line(DynamicFile).is_none()).await;
        drop(asked);
    }
    tokio::task::block_in_place(|| waiting::until("no task is left", HANG, || (alive() <= before).then_some(())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_sources_ends_all_of_their_tasks() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let files = two_callers();
    put(&files.modes(), &modes_text("EKSConfigMap CRD DynamicFile MountedFile"));
    let cluster = ClusterAccess { kubeconfig: Some(files.at("none")), ..ClusterAccess::default() };
    let settings = SourceSettings { cluster, ..files.settings() };
    let Stage { sources, chain, .. } = Stage::start(files, &settings).await;
    assert!(alive() > before);
    drop(sources);
    waiting::until("no task is left", HANG, || (alive() <= before).then_some(()));
    assert_eq!(ask(&chain.now(), DEV).unwrap().username, "dynamic", "the tables stay");
}
