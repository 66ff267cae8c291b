//! The role that the server assumes to ask EC2: EC2-2.

use std::path::PathBuf;

use http::StatusCode;
use iam_bridge::aws::Ec2Settings;
use iam_bridge::demo::sts::{Behaviour, Exceptions, Scripted, SeenRequest};

use super::{Ground, name, trouble};
use crate::harness::aws::ec2::{dns_name, instance_id};

const ROLE: &str = "arn:aws:iam::111122223333:role/Describer";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Describer/iam-bridge";
const CLUSTER: &str = "arn:aws:eks:eu-central-1:444455556666:cluster/prod";

/// The fake STS speaks TLS under the name `localhost`.
fn by_role(ground: &Ground, folder: &tempfile::TempDir) -> impl Fn(&mut Ec2Settings) {
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, ground.sts.ca_pem()).unwrap();
    let endpoint = format!("https://localhost:{}", ground.sts.address().port());
    move |settings: &mut Ec2Settings| {
        settings.role_arn = Some(ROLE.to_owned());
        settings.sts_endpoint = Some(endpoint.clone());
        settings.ca_bundle = Some(PathBuf::clone(&ca));
    }
}

fn deny(ground: &Ground) {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>canary</Message></Error>\
                </ErrorResponse>";
    let refuse = move |_: &SeenRequest| Some(Scripted::new(StatusCode::FORBIDDEN, "text/xml", body));
    ground.sts.behave(Behaviour::Except(Exceptions::new(refuse)));
}

fn header<'r>(request: &'r SeenRequest, name: &str) -> Option<&'r str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ec2_is_asked_with_the_keys_of_the_role_and_the_cluster_is_signed_into_the_assumption() {
    let (ground, folder) = (Ground::open().await, tempfile::tempdir().unwrap());
    ground.ec2.run(2);
    ground.ec2.only(SESSION);
    let set = by_role(&ground, &folder);
    let names = ground.names_with(|settings| {
        set(settings);
        settings.source_arn = Some(CLUSTER.to_owned());
    });
    for number in [0, 1] {
        assert_eq!(name(&names, instance_id(number)).await, Ok(dns_name(number)));
    }
    let requests = ground.sts.requests();
    assert_eq!(requests.len(), 1, "the keys are kept");
    let form = String::from_utf8_lossy(&requests[0].body);
    for pair in ["Action=AssumeRole", "DurationSeconds=3600", "RoleSessionName=iam-bridge"] {
        assert!(form.split('&').any(|seen| seen == pair), "{pair}: {form}");
    }
    assert_eq!(header(&requests[0], "x-amz-source-arn"), Some(CLUSTER));
    assert_eq!(header(&requests[0], "x-amz-source-account"), Some("444455556666"));
    let signed = header(&requests[0], "authorization").unwrap().split_once("SignedHeaders=").unwrap().1;
    let signed: Vec<&str> = signed.split(',').next().unwrap().split(';').collect();
    assert!(signed.contains(&"x-amz-source-arn") && signed.contains(&"x-amz-source-account"), "{signed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_source_arn_the_headers_are_not_sent() {
    let (ground, folder) = (Ground::open().await, tempfile::tempdir().unwrap());
    ground.ec2.run(1);
    let names = ground.names_with(by_role(&ground, &folder));
    assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)));
    let request = ground.sts.requests().pop().unwrap();
    assert_eq!((header(&request, "x-amz-source-arn"), header(&request, "x-amz-source-account")), (None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ec2_2_a_role_that_cannot_be_assumed_names_nobody_until_it_can() {
    let (ground, folder) = (Ground::open().await, tempfile::tempdir().unwrap());
    ground.ec2.run(1);
    deny(&ground);
    let names = ground.names_with(by_role(&ground, &folder));
    let why = trouble(name(&names, instance_id(0)).await);
    assert_eq!(why, format!("the role `{ROLE}` cannot be assumed: STS says `AccessDenied`"));
    assert_eq!((ground.ec2.calls(), names.in_flight()), (0, 0));
    ground.sts.behave(Behaviour::Honest);
    assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_ec2_does_not_take_any_more_are_loaded_anew() {
    let (ground, folder) = (Ground::open().await, tempfile::tempdir().unwrap());
    ground.ec2.run(2);
    let names = ground.names_with(by_role(&ground, &folder));
    assert_eq!(name(&names, instance_id(0)).await, Ok(dns_name(0)));
    let body = ground.sts.requests().len();
    ground.ec2.next([crate::harness::aws::ec2::Manner::Refuse(400, "RequestExpired")]);
    assert!(trouble(name(&names, instance_id(1)).await).contains("`RequestExpired`"));
    assert_eq!(name(&names, instance_id(1)).await, Ok(dns_name(1)));
    assert_eq!((body, ground.sts.requests().len()), (1, 2), "the role was assumed twice");
}

#[test]
fn an_arn_that_is_none_is_told_at_the_start() {
    let judged = |role: Option<&str>, source: Option<&str>| {
        let settings = Ec2Settings {
            role_arn: role.map(str::to_owned),
            source_arn: source.map(str::to_owned),
            ..Ec2Settings::default()
        };
        settings.judge().map_err(|error| error.to_string())
    };
    assert_eq!(judged(None, None), Ok(()));
    assert_eq!(judged(Some(ROLE), Some(CLUSTER)), Ok(()));
    assert_eq!(judged(None, Some("nonsense")), Ok(()), "the reference does not look at it without a role");
    assert!(judged(Some("nonsense"), None).unwrap_err().contains("ec2DescribeInstancesRoleARN"));
    assert!(judged(Some("arn:aws:iam:role"), None).unwrap_err().contains("ec2DescribeInstancesRoleARN"));
    assert!(judged(Some(ROLE), Some("arn:aws:eks")).unwrap_err().contains("sourceARN"));
    assert!(judged(Some(ROLE), Some("arn:aws:eks:r:1:cluster/a\nb")).unwrap_err().contains("characters"));
}
