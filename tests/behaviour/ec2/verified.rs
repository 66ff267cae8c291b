//! Who is a node: U16.

use std::sync::Arc;

use iam_bridge::aws::{Ec2Names, Ec2Settings, NodeError, NodeName};
use iam_bridge::clock::Clock;
use iam_bridge::iam::Partition;
use iam_bridge::live::live;

use super::{Ground, name, trouble, word};
use crate::harness::aws::ec2::{Manner, Node, dns_name, instance_id};
use crate::harness::vectors::NOW;

#[tokio::test]
async fn u16_an_instance_that_does_not_live_has_no_name() {
    let ground = Ground::open().await;
    let names = ground.names();
    for (number, state) in ["shutting-down", "terminated", "stopping", "stopped", "odd"].into_iter().enumerate() {
        ground.ec2.put(Node { state, ..Node::running(number) });
        assert_eq!(word(name(&names, instance_id(number)).await), "the instance is neither pending nor running");
    }
    ground.ec2.put(Node { state: "pending", ..Node::running(9) });
    assert_eq!(name(&names, instance_id(9)).await, Ok(dns_name(9)));
}

#[tokio::test]
async fn u16_a_caller_of_another_account_is_no_node() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    ground.ec2.put(Node { owner: "444455556666", ..Node::running(1) });
    let names = ground.names();
    let other = "the instance belongs to another account";
    assert_eq!(word(name(&names, instance_id(1)).await), other);
    assert_eq!(names.name(&instance_id(1), "444455556666").await, Ok(dns_name(1)));
    assert_eq!(word(names.name(&instance_id(0), "444455556666").await), other, "before it is remembered");
    assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)));
    assert_eq!(word(names.name(&instance_id(0), "444455556666").await), other, "and after");
    assert_eq!(word(names.name(&instance_id(0), "").await), other);
}

#[tokio::test]
async fn u16_where_profiles_are_configured_another_is_no_node() {
    const NODES: &str = "arn:aws:iam::111122223333:instance-profile/teams/Nodes";
    let ground = Ground::open().await;
    ground.ec2.put(Node { profile: Some(NODES), ..Node::running(0) });
    ground.ec2.put(Node { profile: Some("arn:aws:iam::111122223333:instance-profile/nodes"), ..Node::running(1) });
    ground.ec2.put(Node::running(2));
    for allowed in ["Nodes", NODES] {
        let names = ground.names_with(|settings| settings.instance_profiles = vec!["x".to_owned(), allowed.to_owned()]);
        assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)), "{allowed}");
        for number in [1, 2] {
            let seen = word(name(&names, instance_id(number)).await);
            assert_eq!(seen, "the instance's profile is not one of server.ec2.instanceProfiles", "{allowed}");
        }
    }
    assert_eq!(name(&ground.names(), instance_id(2)).await, Ok(dns_name(2)), "none configured: none checked");
}

#[tokio::test]
async fn u16_a_node_is_called_in_one_of_three_forms() {
    let ground = Ground::open().await;
    let nameless = Node { name: String::new(), ..Node::running(0) };
    ground.ec2.put(nameless);
    let id = instance_id(0);
    for (form, region, expected) in [
        (NodeName::PrivateDns, "eu-central-1", Err(NodeError::NotVerified("the instance has no private DNS name"))),
        (NodeName::ResourceName, "eu-central-1", Ok(format!("{id}.eu-central-1.compute.internal"))),
        (NodeName::ResourceName, "us-east-1", Ok(format!("{id}.ec2.internal"))),
        (NodeName::InstanceId, "eu-central-1", Ok(id.clone())),
    ] {
        let names = ground.names_with(|settings| {
            settings.node_name = form;
            settings.region = Some(region.to_owned());
        });
        assert_eq!(name(&names, &id).await, expected, "{form:?} in {region}");
        let unknown = name(&names, instance_id(7)).await;
        assert_eq!(word(unknown), "EC2 knows no such instance", "{form:?}: every form is verified");
    }
}

#[tokio::test]
async fn a_region_that_is_learnt_later_is_the_one_asked() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    let (publisher, region) = live(None);
    let settings = Ec2Settings { region: None, node_name: NodeName::ResourceName, ..ground.settings() };
    let (clock, metrics) = (ground.clock.clone(), Arc::clone(&ground.metrics));
    let names = Ec2Names::new(settings, Partition::Aws, region, clock, metrics);
    trouble(name(&names, instance_id(0)).await);
    publisher.publish(Some("ap-south-1".to_owned()));
    let expected = format!("{}.ap-south-1.compute.internal", instance_id(0));
    assert_eq!(name(&names, instance_id(0)).await, Ok(expected));
}

#[tokio::test]
async fn u16_a_name_that_is_no_dns_name_is_none() {
    let ground = Ground::open().await;
    let names = ground.names();
    for (number, odd) in ["ip-10-0-0-1.a.example b.example", "a:b", "system:masters", " ", "a..b"].iter().enumerate() {
        ground.ec2.put(Node { name: (*odd).to_owned(), ..Node::running(number) });
        let seen = word(name(&names, instance_id(number)).await);
        assert_eq!(seen, "the instance's private DNS name is no DNS name", "{odd}");
    }
}

#[tokio::test]
async fn u16_a_name_is_asked_for_anew_after_an_hour() {
    let (clock, hand) = Clock::manual(NOW);
    let ground = Ground::at(clock).await;
    ground.ec2.run(2);
    let names = ground.names();
    for number in [0, 1] {
        assert_eq!(name(&names, instance_id(number)).await, Ok(dns_name(number)));
    }
    ground.ec2.put(Node { name: "renamed.corp.example".to_owned(), ..Node::running(0) });
    ground.ec2.put(Node { state: "terminated", name: String::new(), ..Node::running(1) });
    hand.advance(3_599);
    assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)), "within the hour EC2 is not asked");
    hand.advance(1);
    assert_eq!(name(&names, instance_id(0)).await, Ok("renamed.corp.example".to_owned()));
    assert_eq!(word(name(&names, instance_id(1)).await), "the instance is neither pending nor running");
}

#[tokio::test]
async fn u16_an_instance_that_ec2_tells_of_twice_is_none() {
    let ground = Ground::open().await;
    let id = instance_id(0);
    let one = |owner: &str| {
        format!(
            "<item><ownerId>{owner}</ownerId><instancesSet><item><instanceId>{id}</instanceId><instanceState>\
             <name>running</name></instanceState><privateDnsName>a.b</privateDnsName></item></instancesSet></item>"
        )
    };
    let two = format!("{}{}", one("111122223333"), one("444455556666"));
    let answer =
        format!("<DescribeInstancesResponse><reservationSet>{two}</reservationSet></DescribeInstancesResponse>");
    ground.ec2.next([Manner::Answer(200, answer)]);
    assert_eq!(word(name(&ground.names(), &id).await), "EC2 tells of more than one such instance");
}
