//! One of several: who holds the Lease, and who takes it over.

use std::time::Duration;

use iam_bridge::clock::Clock;
use iam_bridge::kubernetes::{Candidate, ClusterAccess, LeaseTerms, connect};
use iam_bridge::live::Live;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::harness::object_server::{LEASES, Manners, ObjectServer};

/// Short, for tests; a whole second is the least that a Lease can say.
const TERMS: LeaseTerms = LeaseTerms { duration: Duration::from_secs(2), renewal: Duration::from_millis(200) };

/// A candidate that runs until it is aborted.
async fn candidate(server: &ObjectServer, folder: &TempDir) -> (JoinHandle<()>, Live<bool>) {
    let access = ClusterAccess { kubeconfig: Some(server.kubeconfig(folder.path())), ..ClusterAccess::default() };
    let client = connect(&access).await.unwrap();
    let (candidate, leads) = Candidate::with_terms("kube-system", "writers", TERMS);
    (tokio::spawn(candidate.run(client, Clock::system())), leads)
}

async fn until(leads: &mut Live<bool>, wanted: bool) {
    while *leads.now() != wanted {
        assert!(leads.changed().await);
    }
}

fn holder(server: &ObjectServer) -> String {
    server.objects(LEASES)[0]["spec"]["holderIdentity"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn of_two_candidates_one_leads_and_when_it_is_gone_the_other_takes_over() {
    let (server, folder) = (ObjectServer::start().await, TempDir::new().unwrap());
    let (first_task, mut first) = candidate(&server, &folder).await;
    until(&mut first, true).await;
    let held_by = holder(&server);
    let (_second_task, mut second) = candidate(&server, &folder).await;
    // Longer than a Lease is good for, told by renewals: the other one asks as often.
    let renewals =
        |asked: &[_]| asked.iter().filter(|one: &&crate::harness::object_server::Asked| one.writes()).count();
    let so_far = renewals(&server.requests());
    server.until(|asked| renewals(asked) > so_far + 15).await;
    assert!(*first.now() && !*second.now());
    assert_eq!(holder(&server), held_by);

    first_task.abort();
    assert!(first_task.await.unwrap_err().is_cancelled());
    assert!(!*first.now(), "what is gone does not lead");
    assert_eq!(holder(&server), held_by, "it is left to run out");
    until(&mut second, true).await;
    assert_ne!(holder(&server), held_by);
    assert_eq!(server.objects(LEASES)[0]["spec"]["leaseTransitions"], 2);
}

#[tokio::test]
async fn who_cannot_renew_the_lease_steps_down_before_another_can_take_it() {
    let (server, folder) = (ObjectServer::start().await, TempDir::new().unwrap());
    let (_first_task, mut first) = candidate(&server, &folder).await;
    until(&mut first, true).await;
    let (_second_task, mut second) = candidate(&server, &folder).await;
    for manners in [
        Manners { refuse: Some(503), ..Manners::default() },
        Manners { hang: true, ..Manners::default() },
        Manners { away: true, ..Manners::default() },
    ] {
        server.behave(manners);
        until(&mut first, false).await;
        until(&mut second, false).await;
        server.behave(Manners::default());
        let mut leader = tokio::select! {
            () = until(&mut first, true) => first.clone(),
            () = until(&mut second, true) => second.clone(),
        };
        assert!(*first.now() != *second.now(), "never two at once");
        until(&mut leader, true).await;
    }
}

#[tokio::test]
async fn a_lease_that_somebody_else_has_taken_is_given_up() {
    let (server, folder) = (ObjectServer::start().await, TempDir::new().unwrap());
    let (_task, mut leads) = candidate(&server, &folder).await;
    until(&mut leads, true).await;
    let mut lease = server.objects(LEASES)[0].clone();
    lease["spec"]["holderIdentity"] = "somebody".into();
    server.put(LEASES, lease);
    until(&mut leads, false).await;
    // Nobody renews it.
    until(&mut leads, true).await;
}
