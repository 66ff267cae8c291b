//! Many nodes at once: U16.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use iam_bridge::aws::{Ec2Names, NodeError};
use tokio::task::JoinSet;

use super::{Ground, HANG, name, word};
use crate::harness::aws::ACCOUNT;
use crate::harness::aws::ec2::{Manner, Node, dns_name, instance_id};

/// All answers, in the order of the ids.
async fn all(names: &Arc<Ec2Names>, ids: &[String]) -> Vec<Result<String, NodeError>> {
    let mut asking = JoinSet::new();
    for (place, id) in ids.iter().cloned().enumerate() {
        let names = Arc::clone(names);
        asking.spawn(async move { (place, names.name(&id, ACCOUNT).await) });
    }
    let mut answers = tokio::time::timeout(HANG, asking.join_all()).await.expect("an end");
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u16_a_thousand_nodes_at_once_are_all_named_in_fifteen_calls_at_five_a_second() {
    let ground = Ground::open().await;
    ground.ec2.run(1_000);
    ground.ec2.limit(5);
    let ids: Vec<String> = (0..1_000).map(instance_id).collect();
    let names = ground.names();
    for (number, answer) in all(&names, &ids).await.into_iter().enumerate() {
        assert_eq!(answer, Ok(dns_name(number)));
    }
    let calls = ground.ec2.calls();
    assert!(calls <= 15, "{calls} calls");
    let again = all(&names, &ids).await;
    assert!(again.iter().all(Result::is_ok) && ground.ec2.calls() == calls, "they are remembered");
    let metrics = ground.metrics.render();
    let counted = format!("aws_iam_authenticator_ec2_describe_instances_calls_total {calls}\n");
    for line in [&*counted, "iam_bridge_node_lookups_total{outcome=\"named\"} 2000\n", "iam_bridge_node_names 1000\n"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u16_one_bad_id_among_a_hundred_delays_and_fails_nobody_else() {
    let ground = Ground::open().await;
    ground.ec2.run(100);
    let bad = instance_id(999);
    let ids: Vec<String> = (0..50).map(instance_id).chain([bad.clone()]).chain((50..100).map(instance_id)).collect();
    let names = ground.names();
    let answers = all(&names, &ids).await;
    let named = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(named, 100);
    assert_eq!(word(answers[50].clone()), "EC2 knows no such instance");
    let asked = ground.ec2.asked();
    assert!(asked.iter().all(|call| call.iter().collect::<BTreeSet<_>>().len() == call.len()), "{asked:?}");
    assert_eq!(asked.iter().flatten().count(), 101, "each id was asked about once: {asked:?}");
    let text = "no id at all, but 17 _ instead of digits: i-_________________";
    assert_eq!(word(name(&names, text).await), "the session name is no instance id");
    assert_eq!(word(name(&names, "i-_________________").await), "the session name is no instance id");
    assert_eq!(ground.ec2.asked().iter().flatten().count(), 101, "EC2 is not asked about what is no id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u16_who_asks_for_the_same_node_shares_one_call_and_ends_it_for_nobody() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    ground.ec2.always(Some(Manner::Held));
    let (names, id) = (ground.names(), instance_id(0));
    let ask = || {
        let (names, id) = (Arc::clone(&names), id.clone());
        tokio::spawn(async move { names.name(&id, ACCOUNT).await })
    };
    let first = ask();
    ground.ec2.called(1).await;
    let others: Vec<_> = (0..20).map(|_| ask()).collect();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    ground.ec2.release();
    for other in others {
        assert_eq!(other.await.unwrap(), Ok(dns_name(0)));
    }
    assert_eq!((ground.ec2.calls(), names.in_flight()), (1, 0));
}

#[tokio::test]
async fn u16_an_answer_of_many_pages_is_read_to_its_end() {
    let ground = Ground::open().await;
    ground.ec2.run(25);
    ground.ec2.page(10);
    let ids: Vec<String> = (0..25).map(instance_id).collect();
    let answers = all(&ground.names(), &ids).await;
    assert!(answers.iter().enumerate().all(|(number, answer)| *answer == Ok(dns_name(number))), "{answers:?}");
    assert_eq!(ground.ec2.calls(), 3, "{:?}", ground.ec2.asked());
}

#[tokio::test]
async fn u16_pages_without_end_are_no_answer() {
    let ground = Ground::open().await;
    let page = "<DescribeInstancesResponse><reservationSet/><nextToken>again</nextToken></DescribeInstancesResponse>";
    ground.ec2.always(Some(Manner::Answer(200, page.to_owned())));
    let names = ground.names_with(|settings| settings.burst = 100);
    let why = super::trouble(name(&names, instance_id(0)).await);
    assert!(why.contains("never comes to its last page"), "{why}");
    assert_eq!(ground.ec2.calls(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u16_at_most_fifty_thousand_names_are_kept() {
    const NODES: usize = 56_000; // all of the first 4 000 go: within one crowd the order is not said
    let ground = Ground::open().await;
    ground.ec2.run(NODES);
    let names = ground.names_with(|settings| (settings.qps, settings.burst) = (10_000, 10_000));
    for from in (0..NODES).step_by(4_000) {
        let ids: Vec<String> = (from..from + 4_000).map(instance_id).collect();
        assert!(all(&names, &ids).await.iter().all(Result::is_ok));
    }
    let metrics = ground.metrics.render();
    let kept = metrics.lines().find_map(|line| line.strip_prefix("iam_bridge_node_names ")).unwrap();
    assert_eq!(kept, "50000");
    let calls = ground.ec2.calls();
    assert_eq!(name(&names, instance_id(NODES - 1)).await, Ok(dns_name(NODES - 1)));
    assert_eq!(ground.ec2.calls(), calls, "the newest stay");
    ground.ec2.put(Node { name: "renamed.ec2.internal".to_owned(), ..Node::running(0) });
    assert_eq!(name(&names, instance_id(0)).await, Ok("renamed.ec2.internal".to_owned()), "the oldest went");
}

/// As one who asks and does nothing more.
fn begun<'n>(names: &'n Ec2Names, id: &'n str) -> Pin<Box<dyn Future<Output = Result<String, NodeError>> + 'n>> {
    let mut asking: Pin<Box<dyn Future<Output = _> + 'n>> = Box::pin(names.name(id, ACCOUNT));
    assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    asking
}

#[tokio::test]
async fn who_comes_when_too_many_wait_is_told_so_at_once() {
    let ground = Ground::open().await;
    ground.ec2.run(2);
    let names = ground.names();
    let (crowded, other) = (instance_id(0), instance_id(1));
    let waiting: Vec<_> = (0..16_384).map(|_| begun(&names, &crowded)).collect();
    let answer = names.name(&other, ACCOUNT).await;
    assert_eq!(answer, Err(NodeError::Unavailable("too many instances are looked up at once".to_owned())));
    drop(waiting);
    assert_eq!(name(&names, &other).await, Ok(dns_name(1)));
}

#[tokio::test]
async fn an_id_that_nobody_waits_for_any_more_is_not_asked_about() {
    let ground = Ground::open().await;
    ground.ec2.run(3);
    let names = ground.names_with(|settings| (settings.qps, settings.burst) = (1, 1));
    assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)));
    let forsaken = instance_id(1);
    drop(begun(&names, &forsaken));
    assert_eq!(name(&names, instance_id(2)).await, Ok(dns_name(2)));
    assert_eq!((ground.ec2.asked(), names.in_flight()), (vec![vec![instance_id(0)], vec![instance_id(2)]], 0));
}
