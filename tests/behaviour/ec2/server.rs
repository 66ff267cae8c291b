//! Nodes through the whole server: token, STS, EC2, mapping, answer, logs.

use std::sync::Arc;

use iam_bridge::clock::Clock;
use iam_bridge::demo::sts::Principal;
use iam_bridge::server::{DecisionLog, StartError};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Ground;
use crate::harness::aws::ACCOUNT;
use crate::harness::aws::ec2::{Manner, Node, dns_name, instance_id};
use crate::harness::bridge::Bridge;
use crate::harness::desk::token_at;
use crate::harness::webhook_server::WebhookServer;

const NODES: &str = "  mapRoles:
    - rolearn: arn:aws:iam::111122223333:role/Nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
    - rolearn: arn:aws:iam::111122223333:role/Dev
      username: dev
      groups: [developers]
";

async fn open(ground: &Ground) -> Bridge {
    let ec2 = ground.settings();
    Bridge::start_with(NODES, Clock::system(), |settings| {
        settings.decision_log = DecisionLog::File(settings.state_dir.join("decisions.jsonl"));
        settings.ec2 = ec2;
    })
    .await
}

/// What the API server hears: username and groups, or the reason.
async fn ask(bridge: &Bridge, role: &str, session: &str) -> Result<(String, Value), String> {
    let principal = bridge.introduce(role, session);
    let answer = bridge.connect().await.review(&bridge.token(&principal)).await.unwrap();
    match answer.text("/status/user/username") {
        Some(username) => Ok((username, answer.json()["status"]["user"]["groups"].clone())),
        None => Err(answer.text("/status/error").unwrap_or_else(|| panic!("{}", answer.json()))),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u16_a_node_gets_its_name_and_its_groups_and_the_log_says_by_which_entry() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    let bridge = open(&ground).await;
    let groups = json!(["system:bootstrappers", "system:nodes"]);
    let name = format!("system:node:{}", dns_name(0));
    assert_eq!(ask(&bridge, "Nodes", &instance_id(0)).await, Ok((name.clone(), groups.clone())));

    ground.ec2.put(Node { state: "terminated", name: String::new(), ..Node::running(1) });
    assert_eq!(ask(&bridge, "Nodes", &instance_id(1)).await, Err("node_not_verified".to_owned()));
    assert_eq!(
        ask(&bridge, "Nodes", &instance_id(1)).await,
        Err("node_not_verified".to_owned()),
        "nor the second time"
    );
    assert_eq!(ask(&bridge, "Nodes", "alice").await, Err("node_not_verified".to_owned()), "a person is no instance");
    assert_eq!(ask(&bridge, "Nodes", "i-_______________0_").await, Err("node_not_verified".to_owned()));
    assert_eq!(ground.ec2.asked(), [[instance_id(0)], [instance_id(1)]]);

    let log = std::fs::read_to_string(bridge.at("decisions.jsonl")).unwrap();
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (granted, denied) = (&records[0], &records[1]);
    assert_eq!(
        (&granted["decision"], &granted["username"], &granted["groups"]),
        (&json!("allow"), &json!(name), &groups)
    );
    assert_eq!(granted["session_name"], json!(instance_id(0)));
    for record in [granted, denied] {
        assert_eq!(record["source"], json!("MountedFile"));
        assert!(record["origin"].as_str().unwrap().contains("config.yaml:4"), "{record}");
    }
    assert_eq!((&denied["decision"], &denied["reason"]), (&json!("deny"), &json!("node_not_verified")));
    assert!(!log.contains("\"system:node:\""), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ec2_2_without_ec2_a_node_is_refused_and_a_user_is_not() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    ground.ec2.always(Some(Manner::Refuse(403, "UnauthorizedOperation")));
    let bridge = open(&ground).await;
    assert_eq!(ask(&bridge, "Nodes", &instance_id(0)).await, Err("node_lookup_unavailable".to_owned()));
    let developer = Ok(("dev".to_owned(), json!(["developers"])));
    assert_eq!(ask(&bridge, "Dev", &instance_id(0)).await, developer, "whatever the session is called");
    let calls = ground.ec2.calls();
    assert_eq!(ask(&bridge, "Dev", "alice").await, developer);
    assert_eq!(ground.ec2.calls(), calls, "EC2 is asked for nodes alone");
    ground.ec2.always(None);
    assert!(ask(&bridge, "Nodes", &instance_id(0)).await.is_ok(), "a retry works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_waits_for_ec2_holds_up_nobody() {
    let ground = Ground::open().await;
    ground.ec2.run(1);
    ground.ec2.always(Some(Manner::Held));
    let bridge = Arc::new(open(&ground).await);
    let node = tokio::spawn({
        let bridge = Arc::clone(&bridge);
        async move { ask(&bridge, "Nodes", &instance_id(0)).await }
    });
    ground.ec2.called(1).await;
    assert!(ask(&bridge, "Dev", "alice").await.is_ok());
    assert!(!node.is_finished());
    ground.ec2.release();
    assert!(node.await.unwrap().is_ok());
}

/// Environment, config file and the SDK's chain of keys, in the real binary.
#[test]
fn the_binary_finds_region_keys_and_ec2_by_the_sdks_variables_and_its_log_says_why_a_node_is_refused() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ground = runtime.block_on(Ground::open());
    ground.ec2.run(1);
    ground.ec2.put(Node { state: "terminated", name: String::new(), ..Node::running(1) });
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    let (id, secret) = (&ground.keys.access_key_id, ground.keys.secret_access_key.expose_secret());
    let token = ground.keys.session_token.as_ref().unwrap().expose_secret();
    let text =
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {token}\n");
    std::fs::write(&credentials, text).unwrap();
    let keys = format!("  nodeName: resourceName\n{NODES}");
    let url = ground.ec2.url();
    let environment = [
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL_EC2", &url),
    ];
    let mut bridge = WebhookServer::prepare("ec2.example", &keys);
    bridge.launch_with(&[], &environment);
    let ask = |session: &str| {
        let principal = Principal::role_session(ACCOUNT, "Nodes", session).unwrap();
        bridge.sts.add(principal.clone());
        let token = token_at(&principal, "eu-west-1", "ec2.example", &Clock::system());
        bridge.block_on(async { bridge.connect().await.review(&token).await.unwrap() })
    };
    let named = ask(&instance_id(0)).text("/status/user/username");
    assert_eq!(named, Some(format!("system:node:{}.eu-west-1.compute.internal", instance_id(0))));
    assert!(!ask(&instance_id(1)).authenticated());
    let log = bridge.log();
    assert!(log.contains("the instance is neither pending nor running"), "{log}");
    assert!([id, secret, token].iter().all(|secret| !log.contains(*secret)), "{log}");
}

#[tokio::test]
async fn a_server_does_not_start_with_a_role_that_is_no_arn() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), "clusterID: c\n").unwrap();
    let mut settings = iam_bridge::demo::settings(folder.path()).unwrap();
    settings.ec2.role_arn = Some("Describer".to_owned());
    let ground = Ground::open().await;
    let connector = iam_bridge::aws::Connector::fixed(ground.sts.address(), ground.sts.ca_pem()).unwrap();
    let started = iam_bridge::server::start(settings, connector, Clock::system()).await;
    assert!(matches!(started, Err(StartError::Ec2(_))), "{started:?}");
}
