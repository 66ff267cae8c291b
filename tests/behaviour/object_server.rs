//! The harness' API server is such that kube takes it for one.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use iam_bridge::kubernetes::IAMIdentityMapping;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::{Value, json};

use crate::harness::object_server::{AWS_AUTH, Asked, IDENTITY_MAPPINGS, LEASES, Manners, ObjectServer};

async fn client(server: &ObjectServer) -> kube::Client {
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = Kubeconfig::read_from(server.kubeconfig(directory.path())).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    kube::Client::try_from(config).unwrap()
}

fn aws_auth(roles: &str) -> Value {
    json!({"metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": roles}})
}

fn mapping(number: usize) -> Value {
    json!({
        "apiVersion": "iamauthenticator.k8s.aws/v1alpha1", "kind": "IAMIdentityMapping",
        "metadata": {"name": format!("m{number}")}, "spec": {"arn": "a", "username": "u"},
    })
}

fn data(map: &ConfigMap) -> Option<&str> {
    Some(map.data.as_ref()?["mapRoles"].as_str())
}

#[tokio::test]
async fn a_watch_tells_what_is_there_and_every_change_of_what_its_selector_names() {
    let server = ObjectServer::start().await;
    server.put(AWS_AUTH, json!({"metadata": {"name": "another", "namespace": "kube-system"}}));
    server.put(AWS_AUTH, aws_auth("1"));
    let maps: Api<ConfigMap> = Api::namespaced(client(&server).await, "kube-system");
    let mut events = pin!(watcher(maps, Config::default().fields("metadata.name=aws-auth")));
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::Init));
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::InitApply(map) if data(&map) == Some("1")));
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::InitDone));
    server.put(AWS_AUTH, json!({"metadata": {"name": "another", "namespace": "kube-system"}}));
    server.bookmark();
    server.put(AWS_AUTH, aws_auth("2"));
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::Apply(map) if data(&map) == Some("2")));
    server.behave(Manners { close_watches: true, no_bookmarks: true, ..Manners::default() });
    server.put(AWS_AUTH, aws_auth("3"));
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::Apply(map) if data(&map) == Some("3")));
    server.behave(Manners::default());
    server.delete(AWS_AUTH, "aws-auth");
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::Delete(_)));
    assert_eq!(server.requests().iter().filter(|one| one.lists(AWS_AUTH)).count(), 1, "a closed watch is resumed");

    server.behave(Manners { gone: true, ..Manners::default() });
    assert!(events.try_next().await.is_err(), "410");
    server.behave(Manners::default());
    server.put(AWS_AUTH, aws_auth("4"));
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::Init));
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::InitApply(map) if data(&map) == Some("4")));
    server.until(|asked| asked.iter().filter(|one| one.lists(AWS_AUTH)).count() == 2).await;
    assert!(matches!(events.try_next().await.unwrap().unwrap(), Event::InitDone));
    server.compact();
    let (told, ()) = tokio::join!(events.try_next(), async {
        server.until(|asked| asked.iter().filter(|one| one.watches(AWS_AUTH)).count() == 3).await;
        server.say(AWS_AUTH, "DELETED", aws_auth("late"));
    });
    assert!(matches!(told.unwrap().unwrap(), Event::Delete(map) if data(&map) == Some("late")));
}

#[tokio::test]
async fn lists_come_in_pages_and_half_of_one_is_a_fault() {
    let server = ObjectServer::start().await;
    let mappings: Api<IAMIdentityMapping> = Api::all(client(&server).await);
    let missing = mappings.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(missing, kube::Error::Api(status) if status.code == 404));
    for number in 0..5 {
        server.put(IDENTITY_MAPPINGS, mapping(number));
    }
    let mut events = pin!(watcher(mappings, Config::default().page_size(2)));
    for _ in 0..7 {
        events.try_next().await.unwrap().unwrap();
    }
    let lists = |asked: &[Asked]| asked.iter().filter(|one| one.lists(IDENTITY_MAPPINGS)).count();
    assert_eq!(lists(&server.requests()), 1 + 3);

    let mappings: Api<IAMIdentityMapping> = Api::all(client(&server).await);
    server.behave(Manners { list_half: true, ..Manners::default() });
    let first = mappings.list(&ListParams::default()).await.unwrap();
    assert_eq!((first.items.len(), first.metadata.continue_.is_some()), (3, true));
    let token = first.metadata.continue_.unwrap();
    assert!(mappings.list(&ListParams::default().continue_token(&token)).await.is_err());
}

#[tokio::test]
async fn writes_conflict_merge_and_change_nothing_twice() {
    let server = ObjectServer::start().await;
    let client = client(&server).await;
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    let mut lease = Lease::default();
    lease.metadata.name = Some("leader".to_owned());
    let made = leases.create(&PostParams::default(), &lease).await.unwrap();
    assert!(
        matches!(leases.create(&PostParams::default(), &lease).await, Err(kube::Error::Api(status)) if status.code == 409)
    );
    leases.replace("leader", &PostParams::default(), &made).await.unwrap();
    server.put(LEASES, json!({"metadata": {"name": "leader"}, "spec": {"holderIdentity": "another"}}));
    let late = leases.replace("leader", &PostParams::default(), &made).await;
    assert!(matches!(late, Err(kube::Error::Api(status)) if status.code == 409));
    assert_eq!(server.objects(LEASES)[0]["spec"]["holderIdentity"], "another");

    server.put(IDENTITY_MAPPINGS, mapping(1));
    let mappings: Api<IAMIdentityMapping> = Api::all(client);
    let patch = json!({"status": {"canonicalARN": "a"}, "spec": {"username": "another"}});
    for _ in 0..2 {
        mappings.patch_status("m1", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }
    server.until_objects(IDENTITY_MAPPINGS, |all| all[0]["status"]["canonicalARN"] == "a").await;
    assert_eq!(server.objects(IDENTITY_MAPPINGS)[0]["spec"]["username"], "u", "the status alone is changed");
    server.behave(Manners { refuse_writes: Some(403), ..Manners::default() });
    let refused = mappings.patch_status("m1", &PatchParams::default(), &Patch::Merge(&patch)).await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403));
    assert!(server.requests().iter().any(Asked::writes));
}

#[tokio::test]
async fn it_goes_away_and_comes_back() {
    let server = ObjectServer::start().await;
    let client = client(&server).await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    maps.list(&ListParams::default()).await.unwrap();
    server.behave(Manners { away: true, ..Manners::default() });
    assert!(maps.list(&ListParams::default()).await.is_err());
    server.behave(Manners::default());
    maps.list(&ListParams::default()).await.unwrap();
    server.until_requests(2).await;
    server.describe(json!({"openapi": "3.0.0"}));
    let openapi = "/openapi/v3/apis/iamauthenticator.k8s.aws/v1alpha1";
    let described: Value = client.request(http::Request::get(openapi).body(Vec::new()).unwrap()).await.unwrap();
    assert_eq!(described["openapi"], "3.0.0");
}
