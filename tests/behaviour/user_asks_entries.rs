//! Asks of users about access that ends: at a given second, a part of it alone, and at once for a leaked key.

use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::demo::Webhook;
use iam_bridge::mapping::SourceKind;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::user_asks_sources::{bridge, entry, judge, until_judged, write_entries};
use crate::harness::object_server::{ACCESS_ENTRIES, ObjectServer};

const SOURCES: [SourceKind; 2] = [SourceKind::AccessEntry, SourceKind::AccessEntryFile];
const USERNAME: &str = "arn:aws:sts::111122223333:assumed-role/OnCall/olga";

/// As entries spell an instant.
fn instant(at: UnixSeconds) -> String {
    jiff::Timestamp::from_second(at.0).unwrap().to_string()
}

async fn groups(webhook: &mut Webhook, token: &SecretString) -> Value {
    let answer = webhook.review(token).await.unwrap().json();
    assert_eq!(answer["status"]["user"]["username"], USERNAME, "{answer}");
    answer["status"]["user"]["groups"].clone()
}

/// The person is known to the server all along: who somebody is lasts, what he may do is asked each time.
#[tokio::test]
async fn u23_an_entry_ends_at_its_second_although_its_token_is_cached_and_good() {
    for source in SOURCES {
        let (api, folder) = (ObjectServer::start().await, tempfile::tempdir().unwrap());
        let (clock, hand) = Clock::manual(Clock::system().now());
        let began = clock.now();
        let associations = json!([
            {"policy": "AmazonEKSViewPolicy", "accessScope": {"type": "cluster"}},
            {"policy": "AmazonEKSEditPolicy", "accessScope": {"type": "namespace", "namespaces": ["dev-*"]},
             "expiresAt": instant(began.plus(10))},
        ]);
        let spec = json!({
            "principalArn": "arn:aws:iam::111122223333:role/OnCall", "reason": "pager",
            "kubernetesGroups": ["on-call"], "policyAssociations": associations,
            "notBefore": instant(began.plus(5)), "expiresAt": instant(began.plus(20)),
        });
        api.put(ACCESS_ENTRIES, entry("on-call", &spec));
        write_entries(folder.path(), &[entry("on-call", &spec)]);
        let bridge = bridge(&api, folder.path(), &[source], "", clock).await;
        let mut webhook = bridge.connect().await;
        let token = bridge.token(&bridge.introduce("OnCall", "olga"));

        until_judged(&mut webhook, &token, Err("not_yet_valid")).await;
        hand.advance(4);
        until_judged(&mut webhook, &token, Err("not_yet_valid")).await;
        hand.advance(1);
        let (view, edit) =
            ("iam-bridge.dev:policy:AmazonEKSViewPolicy", "iam-bridge.dev:policy:AmazonEKSEditPolicy:dev-*");
        assert_eq!(groups(&mut webhook, &token).await, json!(["on-call", edit, view]), "{source}");
        hand.advance(4);
        assert_eq!(groups(&mut webhook, &token).await, json!(["on-call", edit, view]), "{source}");
        hand.advance(1);
        assert_eq!(groups(&mut webhook, &token).await, json!(["on-call", view]), "{source}: elevation is over");
        hand.advance(9);
        assert_eq!(groups(&mut webhook, &token).await, json!(["on-call", view]), "{source}");
        hand.advance(1);
        let judged = judge(&mut webhook, &token).await;
        assert_eq!(judged, Err("expired_entry".to_owned()), "{source}");
        assert_eq!(bridge.sts.calls(), 1, "{source}: who it is was known all along");
    }
}

/// The last way in can be closed too, and nothing behind a denied entry is asked.
#[tokio::test]
async fn u24_a_leaked_key_is_denied_before_any_entry_and_no_later_source_is_asked() {
    let (api, folder) = (ObjectServer::start().await, tempfile::tempdir().unwrap());
    let spec = json!({
        "principalArn": "arn:aws:iam::111122223333:role/OnCall",
        "policyAssociations": [{"policy": "AmazonEKSClusterAdminPolicy", "accessScope": {"type": "cluster"}}],
    });
    write_entries(folder.path(), &[entry("break-glass", &spec)]);
    let config = "  mapAccounts: ['111122223333']\n";
    let modes = [SourceKind::AccessEntryFile, SourceKind::MountedFile];
    let bridge = bridge(&api, folder.path(), &modes, config, Clock::system()).await;
    let mut webhook = bridge.connect().await;
    let [leaked, other] = ["olga", "olga"].map(|session| bridge.introduce("OnCall", session));
    let [leaked_token, other_token] = [&leaked, &other].map(|principal| bridge.token(principal));
    for token in [&leaked_token, &other_token] {
        assert_eq!(groups(&mut webhook, token).await, json!(["iam-bridge.dev:policy:AmazonEKSClusterAdminPolicy"]));
    }
    bridge.rewrite_config(&format!("{config}  deny:\n  - accessKeyID: {}\n", leaked.access_key_id));
    until_judged(&mut webhook, &leaked_token, Err("denied")).await;
    assert_eq!(judge(&mut webhook, &other_token).await.as_deref(), Ok(USERNAME), "the same role with another key");
}

/// What entries make cannot be made by anybody else: not by aws-auth, the config file, or an entry's own groups.
#[tokio::test]
async fn a_group_that_gives_a_policy_comes_from_the_association_of_an_entry_alone() {
    let (api, folder) = (ObjectServer::start().await, tempfile::tempdir().unwrap());
    let group = "iam-bridge.dev:policy:AmazonEKSClusterAdminPolicy";
    let config = format!(
        "  mapRoles:\n  - rolearn: arn:aws:iam::111122223333:role/OnCall\n    username: on-call\n    groups: ['{group}']\n  \
         - rolearn: arn:aws:iam::111122223333:role/Other\n    username: other\n    groups: ['iam-bridge.dev:{{{{SessionName}}}}']\n"
    );
    let bridge = bridge(&api, folder.path(), &[SourceKind::MountedFile], &config, Clock::system()).await;
    let mut webhook = bridge.connect().await;
    for (role, session) in [("OnCall", "olga"), ("Other", "policy")] {
        let token = bridge.token(&bridge.introduce(role, session));
        assert_eq!(judge(&mut webhook, &token).await, Err("reserved_name".to_owned()), "{role}");
    }
}
