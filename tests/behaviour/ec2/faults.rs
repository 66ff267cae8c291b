//! What EC2 does wrong: EC2-1.

use std::sync::Arc;

use iam_bridge::aws::{Ec2Names, Ec2Settings};

use super::{BUDGET, Ground, REGION, name, trouble, word};
use crate::harness::aws::ec2::{Manner, Node, dns_name, instance_id};
use crate::harness::aws::{ACCOUNT, closed_port_url};

#[tokio::test]
async fn ec2_1_throttled_for_a_while_everybody_is_named_all_the_same() {
    let ground = Ground::open().await;
    ground.ec2.run(2);
    let slow_down = [(503, "RequestLimitExceeded"), (400, "Throttling"), (503, "Unavailable"), (500, "InternalError")];
    ground.ec2.next(slow_down.map(|(status, code)| Manner::Refuse(status, code)));
    let names = ground.names();
    let (first, second) = tokio::join!(name(&names, instance_id(0)), name(&names, instance_id(1)));
    assert_eq!((first, second), (Ok(dns_name(0)), Ok(dns_name(1))));
    assert_eq!(ground.ec2.calls(), 5, "{:?}", ground.ec2.asked());
}

#[tokio::test]
async fn ec2_1_throttled_to_the_end_of_patience_is_a_refusal_that_says_so_and_a_retry_works() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    ground.ec2.always(Some(Manner::Refuse(503, "RequestLimitExceeded")));
    let names = ground.hasty();
    let why = trouble(name(&names, instance_id(0)).await);
    assert_eq!(why, "EC2 asks to slow down (`RequestLimitExceeded`)");
    ground.ec2.always(None);
    // The rest that EC2 asked for may outlast so short a patience more than once.
    let mut named = None;
    for _ in 0..20 {
        named = name(&names, instance_id(0)).await.ok();
        if named.is_some() {
            break;
        }
    }
    assert_eq!(named, Some(dns_name(0)));
}

#[tokio::test]
async fn ec2_1_a_call_that_hangs_holds_up_its_own_ids_alone_and_a_retry_works() {
    let ground = Ground::open().await;
    ground.ec2.run(3);
    ground.ec2.for_id(&instance_id(0), Manner::Hang);
    let names = ground.hasty();
    let hanging = tokio::spawn({
        let names = Arc::clone(&names);
        async move { name(&names, instance_id(0)).await }
    });
    ground.ec2.called(1).await;
    assert_eq!(name(&names, instance_id(1)).await, Ok(dns_name(1)));
    assert!(!hanging.is_finished(), "the other one waits still");
    let why = trouble(hanging.await.unwrap());
    assert!(why.starts_with("EC2 did not answer"), "{why}");
    ground.ec2.for_id(&instance_id(0), Manner::Held);
    ground.ec2.release();
    assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)));
    assert_eq!(name(&names, instance_id(2)).await, Ok(dns_name(2)));
    assert_eq!(names.in_flight(), 0);
}

#[test]
fn ec2_1_nobody_waits_longer_than_five_seconds() {
    assert_eq!(Ec2Settings::default().budget.as_secs(), 5);
}

#[tokio::test]
async fn ec2_1_a_missing_instance_and_one_without_a_name_are_refused_and_leave_no_mark() {
    let (clock, hand) = iam_bridge::clock::Clock::manual(crate::harness::vectors::NOW);
    let ground = Ground::at(clock).await;
    ground.ec2.run(1);
    ground.ec2.put(Node { name: String::new(), state: "pending", ..Node::running(1) });
    let names = ground.names();
    let (good, nameless, missing) =
        tokio::join!(name(&names, instance_id(0)), name(&names, instance_id(1)), name(&names, instance_id(2)));
    assert_eq!(good, Ok(dns_name(0)));
    assert_eq!(word(nameless), "the instance has no private DNS name");
    assert_eq!(word(missing), "EC2 knows no such instance");
    assert_eq!(names.in_flight(), 0);

    ground.ec2.run(3); // all are there now, and named
    let calls = ground.ec2.calls();
    hand.advance(4);
    for number in [1, 2] {
        word(name(&names, instance_id(number)).await);
    }
    assert_eq!(ground.ec2.calls(), calls, "a no is kept for five seconds");
    hand.advance(1);
    for number in [1, 2] {
        assert_eq!(name(&names, instance_id(number)).await, Ok(dns_name(number)), "and no longer");
    }
}

#[tokio::test]
async fn ec2_1_what_is_no_answer_of_ec2_gives_no_name_and_tells_nothing_of_it() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    let names = ground.hasty();
    let refused = [
        (Manner::Answer(200, "<html>sign in, canary</html>".to_owned()), "no list of instances"),
        (Manner::Answer(200, String::new()), "no list of instances"),
        (Manner::Answer(200, format!("<a>{}</a>", "x".repeat(9 * 1024 * 1024))), "longer than 8 MiB"),
        (Manner::Answer(302, String::new()), "status 302"),
        (Manner::Refuse(403, "UnauthorizedOperation"), "`UnauthorizedOperation`; allow ec2:DescribeInstances"),
        (Manner::Refuse(401, "AuthFailure"), "`AuthFailure`"),
        (Manner::Refuse(400, "not a code, canary"), "code `none`"),
    ];
    for (manner, expected) in refused {
        ground.ec2.next([manner.clone()]);
        let why = trouble(name(&names, instance_id(0)).await);
        assert!(why.contains(expected) && !why.contains("canary"), "{manner:?}: {why}");
        assert!(!why.contains(&ground.keys.access_key_id), "{why}");
    }
    assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)), "a failed attempt is not remembered");
}

#[tokio::test]
async fn ec2_1_keys_with_a_wrong_secret_prove_nothing() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    let forged = aws_credential_types::Credentials::new(&ground.keys.access_key_id, "wrong", None, None, "test");
    let names = ground.names_with(|settings| settings.environment_keys = Some(forged));
    assert!(trouble(name(&names, instance_id(0)).await).contains("`AuthFailure`"));
}

#[tokio::test]
async fn ec2_1_without_a_way_to_ec2_or_a_region_nobody_is_named() {
    let ground = Ground::open().await;
    let nowhere = ground.names_with(|settings| {
        settings.endpoint = Some(closed_port_url());
        settings.budget = BUDGET;
    });
    let why = trouble(name(&nowhere, instance_id(0)).await);
    assert!(why.starts_with("no answer from EC2"), "{why}");
    let without_region = ground.names_with(|settings| settings.region = None);
    let why = trouble(name(&without_region, instance_id(0)).await);
    assert_eq!(why, "no region is known to ask EC2 in; set AWS_REGION");
    assert_eq!(without_region.in_flight(), 0);
    let odd = ground.names_with(|settings| settings.endpoint = Some("http://a b".to_owned()));
    assert!(trouble(name(&odd, instance_id(0)).await).contains("cannot be signed"));
    assert_eq!(ground.ec2.calls(), 0);
}

/// Nothing is loaded, connected or spawned by it: it may be made where there is no runtime.
#[test]
fn names_that_nobody_asks_for_cost_nothing() {
    let metrics = Arc::new(iam_bridge::telemetry::Metrics::new().unwrap());
    let settings = Ec2Settings {
        ca_bundle: Some("/nowhere/ca.pem".into()),
        region: Some(REGION.to_owned()),
        environment_keys: Some(aws_credential_types::Credentials::new("AKIA1", "secret", None, None, "test")),
        ..Ec2Settings::default()
    };
    let region = iam_bridge::live::Live::fixed(settings.region.clone());
    let clock = iam_bridge::clock::Clock::system();
    let names = Ec2Names::new(settings, iam_bridge::iam::Partition::Aws, region, clock, metrics);
    assert_eq!(format!("{names:?}"), "Ec2Names { in_flight: 0, .. }");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked = runtime.block_on(async { names.name(&instance_id(0), ACCOUNT).await });
    assert!(
        trouble(asked).starts_with("trust roots cannot be read from `/nowhere/ca.pem`"),
        "files are read when asked"
    );
}
