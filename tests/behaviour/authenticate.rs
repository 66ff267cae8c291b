//! One caller, from a bearer token to a Kubernetes user.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use iam_bridge::authenticator::{Authenticator, CacheSettings, Denial, Reason, Recall, Trail};
use iam_bridge::aws::{Ec2Names, Ec2Settings, StsError, StsSettings};
use iam_bridge::demo::sts::{Behaviour, Scripted};
use iam_bridge::iam::{Partition, VerifiedIdentity};
use iam_bridge::live::{Live, Publisher, live};
use iam_bridge::mapping::{
    Chain, DenyEntry, DenyList, DenyText, Entry, EntryList, EntryText, KubernetesUser, MappingTable, MissedCallers,
    Origin, RolePaths, SourceKind, TableSettings,
};
use iam_bridge::telemetry::Metrics;
use iam_bridge::token::{ClusterId, Token, TokenKind, TokenRules};
use secrecy::SecretString;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::harness::desk::{CLUSTER, Desk, rules, token_at};
use crate::harness::vectors::{self, Case, NOW, for_each};

/// Every case through the whole of verification: text, STS over TLS, answer.
#[test]
fn tokens_end_to_end_with_sts_vectors() {
    let file = "token_verify_reject.json";
    let default_sts = vectors::member(file, "default_sts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let desk = runtime.block_on(without_memory());
    for_each(file, 107, |case| runtime.block_on(run(&desk, case, &default_sts)).into());
}

async fn run(desk: &Desk, case: &Case, default_sts: &Value) -> Result<(), String> {
    let sts = case.input.get("sts").unwrap_or(default_sts);
    desk.fake.behave(scripted(sts));
    let rules = TokenRules {
        partition: case.text("partition").parse().map_err(|error| format!("{error}"))?,
        cluster_id: ClusterId::parse(case.text("cluster_id")).map_err(|error| error.to_string())?,
        instance_region: Some(case.text("instance_region").to_owned()).filter(|region| !region.is_empty()),
        strict_preflight: false,
        allowed_regions: Vec::new(),
    };
    let text = SecretString::from(vectors::token_text(&case.input, NOW));
    let tried_before = (desk.fake.calls(), desk.fake.connections());
    let verdict = verify(desk, &text, &rules).await;
    // a connection that was open before the STS went down carries the try to its end unseen
    let tried = matches!(&verdict, Err(Denial::Sts(StsError::Connection { .. })));
    let called = tried || (desk.fake.calls(), desk.fake.connections()) != tried_before;
    judge(case, &verdict, called)?;
    match case.expect.get("request").filter(|_| verdict.is_ok()) {
        Some(request) => sent_as_expected(desk, case, request),
        None => Ok(()),
    }
}

fn scripted(sts: &Value) -> Behaviour {
    if sts["connect_error"].as_bool() == Some(true) {
        return Behaviour::Down;
    }
    let status = u16::try_from(sts["status"].as_u64().expect("a status")).expect("a status");
    let body = sts["body"].as_str().expect("a body").to_owned();
    Behaviour::Scripted(Scripted::json(StatusCode::from_u16(status).expect("a status"), body))
}

async fn verify(desk: &Desk, text: &SecretString, rules: &TokenRules) -> Result<Arc<VerifiedIdentity>, Denial> {
    let token = Token::parse(text, rules, NOW)?;
    let proof = desk.verifier.verify(&token, rules, desk.clock.moment(), &mut Trail::default()).await?;
    Ok(Arc::clone(proof.identity()))
}

fn judge(case: &Case, verdict: &Result<Arc<VerifiedIdentity>, Denial>, called: bool) -> Result<(), String> {
    let expected = &case.expect;
    let optional = expected["optional"].as_bool() == Some(true);
    let accepted = expected["result"] == "accept";
    if verdict.is_ok() != accepted {
        return if optional { Ok(()) } else { Err(format!("{verdict:?}")) };
    }
    if !optional && expected["sts_called"] != called {
        return Err(format!("called: {called}"));
    }
    match verdict {
        Ok(identity) => identity_as_expected(identity, &expected["identity"]),
        Err(denial) => {
            let seen = serde_json::json!({
                "class": class(denial),
                "http_status": denial.status(),
                "metric_result": denial.label(),
                "reason": denial.detail(),
            });
            differences(&seen, expected)
        }
    }
}

fn identity_as_expected(identity: &VerifiedIdentity, expected: &Value) -> Result<(), String> {
    let seen = serde_json::json!({
        "arn": identity.arn(),
        "canonical_arn": identity.canonical_arn().as_str(),
        "account_id": identity.account_id(),
        "user_id": identity.user_id(),
        "session_name": identity.session_name(),
        "access_key_id": identity.access_key_id(),
        "sts_endpoint": identity.sts_endpoint(),
    });
    for (key, value) in expected.as_object().into_iter().flatten() {
        if &seen[key] != value {
            return Err(format!("{key}: expected {value}, saw {}", seen[key]));
        }
    }
    Ok(())
}

fn differences(seen: &Value, expected: &Value) -> Result<(), String> {
    for (key, value) in seen.as_object().into_iter().flatten() {
        if &expected[key] != value {
            return Err(format!("{key}: expected {}, saw {value}", expected[key]));
        }
    }
    Ok(())
}

fn class(denial: &Denial) -> &'static str {
    let message = denial.to_string();
    let begins = |start| message.starts_with(start);
    match denial {
        Denial::Token(_) if begins("input token was not properly formatted: ") => "format",
        Denial::Sts(StsError::Throttled { .. }) if begins("sts getCallerIdentity was throttled: ") => "throttled",
        Denial::Sts(StsError::Throttled { .. }) => "a throttled call that does not say so",
        Denial::Sts(_) if begins("sts getCallerIdentity failed: ") => "sts",
        _ => "a message of no class",
    }
}

fn sent_as_expected(desk: &Desk, case: &Case, expected: &Value) -> Result<(), String> {
    let seen = desk.fake.requests().pop().ok_or("no request was seen")?;
    if expected["method"].as_str().is_some_and(|method| method != seen.method) {
        return Err(format!("method {}", seen.method));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let header = seen.headers.get(name).and_then(|header| header.to_str().ok());
        if header != value.as_str() {
            return Err(format!("header {name}: {header:?}"));
        }
    }
    let host = seen.headers.get("host").and_then(|host| host.to_str().ok()).or_else(|| seen.uri.host());
    let host = host.unwrap_or_default();
    let url = format!("https://{host}{}", seen.uri.path_and_query().ok_or("no path")?);
    match expected["url"].as_str() {
        Some("unchanged") if url != vectors::at(case.text("url"), NOW) => Err(format!("sent as {url}")),
        Some("unchanged") | None => Ok(()),
        Some(other) => Err(format!("unknown expectation of the url `{other}`")),
    }
}

async fn without_memory() -> Desk {
    let cache = CacheSettings { fresh_for: Duration::ZERO, ..CacheSettings::default() };
    Desk::with(cache, StsSettings::default()).await
}

/// The page, over tables that a test publishes.
struct Bridge {
    desk: Desk,
    authenticator: Authenticator,
    deny: Publisher<DenyList>,
    table: Publisher<MappingTable>,
    missed: MissedCallers,
}

impl Bridge {
    async fn open(limits: StsSettings) -> Self {
        let desk = Desk::with(CacheSettings::default(), limits).await;
        let (deny, deny_list) = live(DenyList::default());
        let (table, first) = live(mapped(&["Dev"]));
        let chain = Chain { deny: deny_list, tables: vec![first], ..Chain::default() };
        let missed = chain.missed.clone();
        let metrics = Arc::new(Metrics::new().unwrap());
        let nodes =
            Ec2Names::new(Ec2Settings::default(), Partition::Aws, Live::fixed(None), desk.clock.clone(), metrics);
        let authenticator = Authenticator::new(Live::fixed(rules()), desk.verifier.clone(), Live::fixed(chain), nodes);
        Self { desk, authenticator, deny, table, missed }
    }

    async fn ask(&self, token: &SecretString) -> (Result<KubernetesUser, Denial>, Trail) {
        let mut trail = Trail::default();
        let user = self.authenticator.authenticate(token, self.desk.clock.moment(), &mut trail).await;
        (user, trail)
    }

    async fn refused(&self, token: &SecretString) -> Reason {
        self.ask(token).await.0.unwrap_err().reason()
    }
}

/// Roles of `111122223333`, each as a user of its name.
fn mapped(roles: &[&str]) -> MappingTable {
    let entry = |role: &&str| {
        let text = EntryText {
            role_arn: Some(format!("arn:aws:iam::111122223333:role/{role}")),
            username: role.to_lowercase(),
            ..EntryText::default()
        };
        Entry::parse(EntryList::Roles, &text, RolePaths::default(), Origin::default()).unwrap()
    };
    let settings = TableSettings { source: SourceKind::MountedFile, partition: rules().partition };
    MappingTable::new(settings, roles.iter().map(entry).collect(), Vec::new(), Vec::new())
}

#[tokio::test]
async fn a_caller_comes_across_and_leaves_a_trail() {
    let bridge = Bridge::open(StsSettings::default()).await;
    let token = bridge.desk.token(&bridge.desk.principal("Dev"));
    let (user, trail) = bridge.ask(&token).await;
    assert_eq!(user.unwrap().username, "dev");
    assert_eq!(trail.recall, Some(Recall::Missed));
    assert_eq!(trail.source, Some(SourceKind::MountedFile));
    assert!(trail.fingerprint.is_some() && trail.origin.is_some());
    assert_eq!(trail.identity.unwrap().arn(), "arn:aws:sts::111122223333:assumed-role/Dev/alice");
    assert_eq!(bridge.ask(&token).await.1.recall, Some(Recall::Fresh));
}

#[tokio::test]
async fn a_change_of_mapping_or_deny_list_bites_on_the_next_request_from_memory_too() {
    let bridge = Bridge::open(StsSettings::default()).await;
    let token = bridge.desk.token(&bridge.desk.principal("Dev"));
    assert!(bridge.ask(&token).await.0.is_ok());
    bridge.table.publish(mapped(&[]));
    assert_eq!(bridge.refused(&token).await, Reason::NotMapped);
    bridge.table.publish(mapped(&["Dev"]));
    assert!(bridge.ask(&token).await.0.is_ok());
    let text = DenyText { account: Some("111122223333".into()), ..DenyText::default() };
    bridge.deny.publish(DenyList::new(vec![DenyEntry::parse(&text, Origin::default()).unwrap()]));
    assert_eq!(bridge.refused(&token).await, Reason::Denied);
    assert_eq!(bridge.desk.fake.calls(), 1, "who it is was proven once");
}

#[tokio::test]
async fn who_is_not_mapped_is_told_to_sources_that_listen() {
    let bridge = Bridge::open(StsSettings::default()).await;
    let [known, stranger] = ["Dev", "Nobody"].map(|role| bridge.desk.token(&bridge.desk.principal(role)));
    assert_eq!(bridge.refused(&stranger).await, Reason::NotMapped);
    let listener = bridge.missed.subscribe();
    assert!(listener.now().is_empty(), "nobody listened");
    assert!(bridge.ask(&known).await.0.is_ok());
    assert_eq!(bridge.refused(&stranger).await, Reason::NotMapped);
    let missed: Vec<String> = bridge.missed.take().iter().cloned().collect();
    assert_eq!(missed, ["arn:aws:iam::111122223333:role/nobody"]);
    assert!(listener.now().is_empty());
}

#[tokio::test]
async fn a_token_is_parsed_before_memory_is_asked() {
    let bridge = Bridge::open(StsSettings::default()).await;
    let token = bridge.desk.token(&bridge.desk.principal("Dev"));
    assert!(bridge.ask(&token).await.0.is_ok());
    bridge.desk.hand.set_wall(NOW.plus(901));
    assert_eq!(bridge.refused(&token).await, Reason::TokenExpired);
    assert_eq!(bridge.desk.fake.calls(), 1);
}

/// U7, first part.
#[tokio::test]
async fn u7_a_thousand_requests_with_one_token_are_one_call() {
    let bridge = Arc::new(Bridge::open(StsSettings::default()).await);
    let token = bridge.desk.token(&bridge.desk.principal("Dev"));
    bridge.desk.fake.behave(Behaviour::Hang);
    let askers: Vec<_> = (0..1_000)
        .map(|_| {
            let (bridge, token) = (Arc::clone(&bridge), token.clone());
            tokio::spawn(async move { bridge.ask(&token).await.0.unwrap().username })
        })
        .collect();
    bridge.desk.fake.called(1).await;
    bridge.desk.fake.behave(Behaviour::Honest);
    for asker in askers {
        assert_eq!(asker.await.unwrap(), "dev");
    }
    assert_eq!(bridge.desk.fake.calls(), 1);
}

/// U7, second part: the flood is shed within 2 s, and never more than the places are in flight.
#[tokio::test]
async fn u7_a_flood_of_valid_tokens_stays_within_the_places() {
    let bridge = Arc::new(Bridge::open(StsSettings { max_in_flight: 50, ..StsSettings::default() }).await);
    let person = bridge.desk.principal("Dev");
    assert!(bridge.ask(&bridge.desk.token(&person)).await.0.is_ok());
    bridge.desk.fake.behave(Behaviour::Hang);
    let mut flood = JoinSet::new();
    for _ in 0..500 {
        let token = bridge.desk.token(&person.with_new_key().unwrap());
        let bridge = Arc::clone(&bridge);
        flood.spawn(async move { bridge.ask(&token).await.0.unwrap_err() });
    }
    bridge.desk.fake.called(1 + 25).await;
    bridge.desk.counted("iam_bridge_sts_overloaded_total 475").await; // half of the places are not for strangers
    for _ in 0..475 {
        let denial = flood.join_next().await.unwrap().unwrap();
        assert_eq!((denial.reason(), denial.status(), denial.label()), (Reason::Overloaded, 503, "overloaded"));
    }
    assert!(bridge.desk.fake.peak_in_flight() <= 50);
}

/// U7, third part.
#[tokio::test]
async fn u7_a_throttling_sts_throttles_new_tokens_and_not_known_ones() {
    let bridge = Bridge::open(StsSettings::default()).await;
    let person = bridge.desk.principal("Dev");
    let known = bridge.desk.token(&person);
    assert!(bridge.ask(&known).await.0.is_ok());
    bridge.desk.fake.behave(Behaviour::Throttle);
    for seconds in [100, 100, 300] {
        bridge.desk.hand.advance(seconds);
        let denial = bridge.ask(&bridge.desk.token(&person)).await.0.unwrap_err();
        assert_eq!((denial.reason(), denial.status(), denial.label()), (Reason::StsThrottled, 429, "sts_throttling"));
        assert_eq!(bridge.ask(&known).await.0.unwrap().username, "dev");
    }
}

/// P1 and P6, with signatures that are really checked.
#[tokio::test]
async fn p6_a_token_for_another_cluster_is_refused_by_sts() {
    let bridge = Bridge::open(StsSettings::default()).await;
    let person = bridge.desk.principal("Dev");
    for cluster in ["another-cluster", "Test-Cluster", "test-cluster2"] {
        let token = token_at(&person, "eu-central-1", cluster, &bridge.desk.clock);
        assert_eq!(bridge.refused(&token).await, Reason::StsRefused, "{cluster}");
    }
    let token = token_at(&person, "eu-central-1", CLUSTER, &bridge.desk.clock);
    assert!(bridge.ask(&token).await.0.is_ok());
}

/// P23 at this room's walls: no Debug and no message of what is handed round shows a part of a token.
#[tokio::test]
async fn no_debug_shows_a_secret() {
    let bridge = Bridge::open(StsSettings::default()).await;
    let person = bridge.desk.principal("Dev");
    let token = bridge.desk.token(&person);
    let (user, trail) = bridge.ask(&token).await;
    let rules = rules();
    let parsed = Token::parse(&token, &rules, NOW).unwrap();
    let TokenKind::Presigned(request) = parsed.kind();
    let url = request.path_and_query();
    let url = secrecy::ExposeSecret::expose_secret(&url);
    bridge.desk.fake.revoke(&person.access_key_id);
    bridge.desk.hand.advance(300);
    let denial = bridge.ask(&token).await.0.unwrap_err();
    let shown = format!(
        "{user:?} {trail:?} {parsed:?} {denial:?} {denial} {:?} {:?} {:?}",
        bridge.authenticator, bridge.desk.sts, bridge.desk.verifier
    );
    for name in ["X-Amz-Signature=", "X-Amz-Security-Token="] {
        let (_, secret) = url.split_once(name).expect("the token has one");
        let secret = secret.split('&').next().unwrap();
        assert!(secret.len() >= 64 && !shown.contains(secret.get(..16).unwrap()), "{name}");
    }
}
