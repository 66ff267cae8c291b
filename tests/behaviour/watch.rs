//! Watching objects of an API server that behaves badly: what is seen, and how often it is asked.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use iam_bridge::kubernetes::{ClusterAccess, WatchEvent, WatchFault, connect, watch};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::runtime::watcher::Config;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::object_server::{AWS_AUTH, LEASES, Manners, ObjectServer};

/// A server, and a watch of each ConfigMap of `kube-system`.
struct Rig {
    server: ObjectServer,
    stream: Pin<Box<dyn Stream<Item = Result<WatchEvent<ConfigMap>, WatchFault>> + Send>>,
    _folder: TempDir,
}

impl Rig {
    async fn start(objects: &[&str]) -> Self {
        let (server, folder) = (ObjectServer::start().await, TempDir::new().unwrap());
        let access = ClusterAccess { kubeconfig: Some(server.kubeconfig(folder.path())), ..ClusterAccess::default() };
        let api = Api::namespaced(connect(&access).await.unwrap(), "kube-system");
        let rig = Self { server, stream: Box::pin(watch(api, Config::default())), _folder: folder };
        for name in objects {
            rig.put(name, "");
        }
        rig
    }

    fn put(&self, name: &str, value: &str) {
        self.server.put(AWS_AUTH, json!({"metadata": {"name": name}, "data": {"value": value}}));
    }

    /// The next item, in short.
    async fn next(&mut self) -> String {
        let name = |object: ConfigMap| object.metadata.name.unwrap();
        match self.stream.next().await.unwrap() {
            Ok(WatchEvent::Init) => "list".to_owned(),
            Ok(WatchEvent::InitApply(object)) => format!("listed {}", name(object)),
            Ok(WatchEvent::InitDone) => "whole".to_owned(),
            Ok(WatchEvent::Apply(object)) => format!("put {}", name(object)),
            Ok(WatchEvent::Delete(object)) => format!("deleted {}", name(object)),
            Err(fault) => format!("fault, refused: {}: {}", fault.refused, fault.why),
        }
    }

    async fn take(&mut self, count: usize) -> Vec<String> {
        let mut items = Vec::new();
        while items.len() < count {
            items.push(self.next().await);
        }
        items
    }

    /// Reads on until an item begins so; yields it.
    async fn until(&mut self, start: &str) -> String {
        loop {
            let item = self.next().await;
            if item.starts_with(start) {
                return item;
            }
        }
    }

    fn watches(&self) -> usize {
        self.server.requests().iter().filter(|asked| asked.watches(AWS_AUTH)).count()
    }

    fn lists(&self) -> usize {
        self.server.requests().iter().filter(|asked| asked.lists(AWS_AUTH)).count()
    }
}

#[tokio::test]
async fn objects_are_listed_page_by_page_and_then_followed() {
    let mut rig = Rig::start(&["a", "b", "c"]).await;
    rig.server.behave(Manners { page: Some(2), ..Manners::default() });
    assert_eq!(rig.take(5).await, ["list", "listed a", "listed b", "listed c", "whole"]);
    rig.put("b", "new");
    assert_eq!(rig.next().await, "put b");
    rig.server.delete(AWS_AUTH, "a");
    assert_eq!(rig.next().await, "deleted a");
    assert_eq!((rig.lists(), rig.watches()), (2, 1));
}

#[tokio::test]
async fn api_2_a_watch_that_ends_at_once_again_and_again_is_no_busy_loop_and_misses_nothing() {
    let mut rig = Rig::start(&["a"]).await;
    rig.server.behave(Manners { close_watches: true, ..Manners::default() });
    rig.until("whole").await;
    for round in ["one", "two", "three"] {
        rig.put("a", round);
        assert_eq!(rig.next().await, "put a", "no list, and no fault, in between");
    }
    assert_eq!(rig.lists(), 1);
    assert!(rig.watches() < 20, "{} watches", rig.watches());
}

#[tokio::test]
async fn api_2_a_version_that_is_gone_is_listed_anew_without_a_fault() {
    let mut rig = Rig::start(&["a"]).await;
    rig.until("whole").await;
    rig.server.behave(Manners { gone: true, ..Manners::default() });
    rig.put("b", "");
    assert_eq!(rig.take(4).await, ["list", "listed a", "listed b", "whole"]);
    rig.server.behave(Manners::default());
    rig.put("c", "");
    loop {
        let item = rig.next().await;
        assert!(!item.starts_with("fault"), "{item}");
        if item.ends_with(" c") {
            break;
        }
    }
    assert!(rig.watches() < 20 && rig.lists() < 20, "{} watches, {} lists", rig.watches(), rig.lists());
}

#[tokio::test]
async fn api_2_without_bookmarks_a_watch_goes_on_from_its_last_event_and_with_them_from_the_bookmark() {
    let mut rig = Rig::start(&["a"]).await;
    rig.server.behave(Manners { no_bookmarks: true, ..Manners::default() });
    rig.until("whole").await;
    rig.put("a", "new");
    assert_eq!(rig.next().await, "put a");
    rig.server.behave(Manners { no_bookmarks: true, close_watches: true, ..Manners::default() });
    rig.put("b", "");
    assert_eq!(rig.next().await, "put b");
    assert_eq!(rig.lists(), 1);

    rig.server.behave(Manners::default());
    rig.put("c", "");
    assert_eq!(rig.next().await, "put c");
    let elsewhere = rig.server.put(LEASES, json!({"metadata": {"name": "a"}}));
    let version: u64 = elsewhere["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    rig.server.bookmark();
    rig.server.behave(Manners { close_watches: true, ..Manners::default() });
    let from_the_bookmark = format!("resourceVersion={}", version + 1);
    let Rig { server, stream, .. } = &mut rig;
    tokio::select! {
        item = stream.next() => panic!("{:?}", item.map(|item| item.map(drop))),
        () = server.until(|asked| asked.iter().any(|one| one.query.contains(&from_the_bookmark))) => {}
    }
}

#[tokio::test]
async fn api_3_half_a_list_is_never_whole() {
    let mut rig = Rig::start(&["a", "b", "c", "d"]).await;
    rig.server.behave(Manners { list_half: true, ..Manners::default() });
    let before = rig.take(4).await;
    assert_eq!(before[..3], ["list", "listed a", "listed b"]);
    assert!(
        before[3]
            .starts_with("fault, refused: false: the API server does not list `configmaps` in `kube-system` (500)"),
        "{before:?}"
    );
    rig.server.behave(Manners::default());
    let after = loop {
        let item = rig.next().await;
        if item == "list" {
            let items = rig.take(5).await;
            if items[4] == "whole" {
                break items;
            }
        }
    };
    assert_eq!(after, ["listed a", "listed b", "listed c", "listed d", "whole"]);
}

#[tokio::test]
async fn api_5_a_right_that_is_revoked_is_told_with_what_is_missing_and_the_cure() {
    let mut rig = Rig::start(&["a"]).await;
    rig.until("whole").await;
    rig.put("b", "");
    assert_eq!(rig.next().await, "put b");
    for (status, words) in [(403, " `configmaps` in `kube-system` (403)"), (401, "does not know us (401)")] {
        rig.server.behave(Manners { refuse: Some(status), ..Manners::default() });
        rig.put("a", "");
        let fault = rig.until("fault").await;
        assert!(fault.starts_with("fault, refused: true") && fault.contains(words), "{fault}");
        assert!(
            fault.contains(if status == 403 { "grant get, list and watch" } else { "check the credentials" }),
            "{fault}"
        );
    }
    rig.server.behave(Manners::default());
    assert_eq!(rig.until("whole").await, "whole");
}

#[tokio::test]
async fn api_2_an_answer_of_5xx_or_none_at_all_is_a_fault_and_what_follows_is_a_list() {
    let mut rig = Rig::start(&["a"]).await;
    rig.until("whole").await;
    for (manners, words) in [
        (Manners { refuse: Some(503), ..Manners::default() }, "(503)"),
        (Manners { away: true, ..Manners::default() }, "cannot be reached"),
    ] {
        rig.server.behave(manners);
        let fault = rig.until("fault").await;
        assert!(fault.starts_with("fault, refused: false") && fault.contains(words), "{fault}");
        rig.server.behave(Manners::default());
        assert_eq!(rig.until("list").await, "list");
        assert_eq!(rig.until("whole").await, "whole");
    }
}

#[tokio::test]
async fn a_server_that_takes_requests_and_never_answers_is_noticed() {
    let mut rig = Rig::start(&["a"]).await;
    rig.server.behave(Manners { hang: true, ..Manners::default() });
    assert_eq!(rig.next().await, "list");
    let fault = rig.next().await;
    assert!(fault.contains("has not answered for `configmaps` in `kube-system` within"), "{fault}");
}
