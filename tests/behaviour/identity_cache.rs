//! The identity cache: ages, revalidation, shared flights, and who may push out whom.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use iam_bridge::authenticator::{CacheSettings, Denial, Reason, Recall};
use iam_bridge::aws::StsSettings;
use iam_bridge::demo::sts::{Behaviour, Principal, Scripted};
use iam_bridge::token::{ClusterId, FingerprintKey, Token};
use proptest::prelude::*;

use crate::harness::desk::{CLUSTER, Desk, rules, token_at};
use crate::harness::vectors::NOW;

#[tokio::test]
async fn a_fresh_identity_costs_no_call() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    assert_eq!(desk.recall(&token).await, Recall::Missed);
    desk.hand.advance(149);
    assert_eq!(desk.recall(&token).await, Recall::Fresh);
    assert_eq!(desk.fake.calls(), 1);
}

#[tokio::test]
async fn past_fresh_memory_answers_and_sts_is_asked_once_in_the_background() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.recall(&token).await;
    desk.fake.behave(Behaviour::Hang);
    desk.hand.advance(150);
    assert_eq!(desk.recall(&token).await, Recall::Stale);
    assert_eq!(desk.recall(&token).await, Recall::Stale);
    desk.fake.called(2).await;
    desk.fake.behave(Behaviour::Honest);
    desk.counted("iam_bridge_revalidations_total{outcome=\"confirmed\"} 1").await;
    assert_eq!(desk.recall(&token).await, Recall::Fresh);
    assert_eq!(desk.fake.calls(), 2);
}

#[tokio::test]
async fn past_stale_sts_is_asked_first() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.recall(&token).await;
    desk.hand.advance(300);
    assert_eq!(desk.recall(&token).await, Recall::Revalidated);
    assert_eq!(desk.recall(&token).await, Recall::Fresh);
    assert_eq!(desk.fake.calls(), 2);
}

#[tokio::test]
async fn past_stale_memory_answers_when_sts_is_down_and_sts_is_let_alone_for_5_s() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.recall(&token).await;
    desk.fake.behave(Behaviour::Scripted(Scripted::json(StatusCode::INTERNAL_SERVER_ERROR, "")));
    desk.hand.advance(300);
    assert_eq!(desk.recall(&token).await, Recall::StaleIfError);
    desk.hand.advance(4);
    assert_eq!(desk.recall(&token).await, Recall::StaleIfError);
    assert_eq!(desk.fake.calls(), 2, "the token rests");
    desk.hand.advance(1);
    assert_eq!(desk.recall(&token).await, Recall::StaleIfError);
    assert_eq!(desk.fake.calls(), 3, "and then is asked about again");
}

#[tokio::test]
async fn past_stale_memory_answers_when_sts_hangs() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.recall(&token).await;
    desk.fake.behave(Behaviour::Hang);
    desk.hand.advance(600);
    assert_eq!(desk.recall(&token).await, Recall::StaleIfError);
    assert_eq!(desk.recall(&token).await, Recall::StaleIfError, "at once: the first wait was enough");
    assert_eq!(desk.fake.calls(), 2);
}

#[tokio::test]
async fn memory_ends_with_the_token() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.recall(&token).await;
    desk.fake.behave(Behaviour::Down);
    desk.hand.advance(900);
    assert_eq!(desk.recall(&token).await, Recall::StaleIfError);
    desk.hand.advance(1);
    assert_eq!(reason(desk.verify(&token).await), Reason::TokenExpired);
}

#[tokio::test]
async fn a_wall_clock_that_is_set_back_keeps_nobody_young() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.hand.advance(60);
    desk.recall(&token).await;
    desk.hand.advance(200);
    desk.hand.set_wall(NOW.plus(60));
    assert_eq!(desk.recall(&token).await, Recall::Stale);
    desk.hand.advance(700);
    desk.hand.set_wall(NOW.plus(60));
    desk.fake.behave(Behaviour::Down);
    assert_eq!(reason(desk.verify(&token).await), Reason::StsUnreachable, "the token's 900 s are over all the same");
}

#[tokio::test]
async fn a_wall_clock_that_is_set_forward_ages_at_once() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.recall(&token).await;
    desk.hand.set_wall(NOW.plus(400));
    assert_eq!(desk.recall(&token).await, Recall::Revalidated);
}

#[tokio::test]
async fn sts_12_a_key_that_is_revoked_is_out_at_the_refresh() {
    let desk = Desk::open().await;
    let person = desk.principal("Dev");
    let token = desk.token(&person);
    desk.recall(&token).await;
    desk.fake.revoke(&person.access_key_id);
    desk.hand.advance(150);
    assert_eq!(desk.recall(&token).await, Recall::Stale, "the first request past freshFor");
    desk.counted("iam_bridge_revalidations_total{outcome=\"refused\"} 1").await;
    assert_eq!(reason(desk.verify(&token).await), Reason::StsRefused);
    assert_eq!(desk.fake.calls(), 2, "the refusal is remembered");
    desk.hand.advance(10);
    assert_eq!(reason(desk.verify(&token).await), Reason::StsRefused);
    assert_eq!(desk.fake.calls(), 3, "for 10 s");
}

#[tokio::test]
async fn past_stale_a_refusal_bites_at_once() {
    let desk = Desk::open().await;
    let person = desk.principal("Dev");
    let token = desk.token(&person);
    desk.recall(&token).await;
    desk.fake.expire(&person.access_key_id);
    desk.hand.advance(300);
    assert_eq!(reason(desk.verify(&token).await), Reason::StsRefused);
}

#[tokio::test]
async fn what_is_no_definite_refusal_is_never_remembered() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    let no: [(u16, &str, &str); 7] = [
        (400, "application/json", r#"{"Error":{"Code":"Throttling"}}"#),
        (429, "application/json", r#"{"Error":{"Code":"ExpiredToken"}}"#),
        (403, "text/html", "<html>blocked by the proxy</html>"),
        (400, "application/json", r#"{"Error":{"Code":"RequestLimitExceeded"}}"#),
        (503, "application/json", r#"{"Error":{"Code":"ServiceUnavailable"}}"#),
        (200, "application/json", "{}"),
        (407, "text/plain", ""),
    ];
    for (calls, (status, content_type, body)) in (1..).zip(no) {
        let answer = Scripted::new(StatusCode::from_u16(status).unwrap(), content_type, body);
        desk.fake.behave(Behaviour::Scripted(answer));
        assert!(desk.verify(&token).await.is_err(), "{status} {body}");
        assert_eq!(desk.fake.calls(), calls, "{status} {body}");
    }
    desk.fake.behave(Behaviour::Honest);
    assert_eq!(desk.recall(&token).await, Recall::Missed);
}

#[tokio::test]
async fn a_contradiction_evicts_refuses_and_counts() {
    let desk = Desk::open().await;
    let person = desk.principal("Dev");
    let token = desk.token(&person);
    desk.recall(&token).await;
    desk.fake.add(Principal { user_id: "AROASOMEBODYELSE:alice".into(), ..person.clone() });
    desk.hand.advance(300);
    assert_eq!(reason(desk.verify(&token).await), Reason::StsContradiction);
    desk.counted("iam_bridge_sts_contradictions_total 1").await;
    let (proof, recall) = desk.verify(&token).await.unwrap();
    assert_eq!((recall, proof.identity().user_id()), (Recall::Missed, Some("AROASOMEBODYELSE")), "asked anew");
}

#[tokio::test]
async fn sts_6_an_answer_at_odds_with_itself_is_a_contradiction() {
    let desk = Desk::open().await;
    let token = desk.token(&desk.principal("Dev"));
    desk.recall(&token).await;
    for (evictions, arn) in (1..).zip(["arn:aws:iam::999988887777:user/a", "arn:aws-cn:iam::111122223333:user/a"]) {
        let result = serde_json::json!({"Account": "111122223333", "Arn": arn, "UserId": "AIDA"});
        let body = serde_json::json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}).to_string();
        desk.fake.behave(Behaviour::Scripted(Scripted::json(StatusCode::OK, body)));
        desk.hand.advance(150);
        let verdict = desk.verify(&token).await;
        assert_eq!(verdict.is_ok(), evictions == 1, "memory answers once, while STS is asked");
        desk.counted(&format!("iam_bridge_sts_contradictions_total {evictions}")).await;
        assert_eq!(desk.metrics.render().matches("identity_cache_entries 0").count(), 1);
    }
    assert_eq!(reason(desk.verify(&token).await), Reason::StsContradiction);
}

#[tokio::test]
async fn fresh_for_0_stores_nothing_and_still_shares() {
    let desk = without_memory().await;
    let token = desk.token(&desk.principal("Dev"));
    assert_eq!(desk.recall(&token).await, Recall::Missed);
    assert_eq!(desk.recall(&token).await, Recall::Missed);
    let refused = token_at(&desk.principal("Dev"), "eu-central-1", "another-cluster", &desk.clock);
    for calls in [3, 4] {
        assert_eq!(reason(desk.verify(&refused).await), Reason::StsRefused);
        assert_eq!(desk.fake.calls(), calls);
    }
    equal_tokens_are_one_call(desk, 5, 1_000).await;
}

#[tokio::test]
async fn p19_a_thousand_equal_tokens_are_one_call() {
    equal_tokens_are_one_call(Desk::open().await, 1, 1_000).await;
}

#[tokio::test]
async fn sts_14_ten_thousand_equal_tokens_are_one_call() {
    equal_tokens_are_one_call(Desk::open().await, 1, 10_000).await;
}

async fn equal_tokens_are_one_call(desk: Desk, calls: u64, askers: usize) {
    desk.fake.behave(Behaviour::Hang);
    let token = desk.token(&desk.principal("Many"));
    let desk = Arc::new(desk);
    let askers: Vec<_> = (0..askers)
        .map(|_| {
            let (desk, token) = (Arc::clone(&desk), token.clone());
            tokio::spawn(async move { desk.verify(&token).await.unwrap() })
        })
        .collect();
    desk.fake.called(calls).await;
    desk.fake.behave(Behaviour::Honest);
    let mut missed = 0;
    for asker in askers {
        let (proof, recall) = asker.await.unwrap();
        assert_eq!(proof.identity().canonical_arn().as_str(), "arn:aws:iam::111122223333:role/Many");
        missed += usize::from(recall == Recall::Missed);
    }
    assert_eq!((desk.fake.calls(), missed), (calls, 1));
}

#[tokio::test]
async fn a_call_outlives_the_asker_that_hangs_up() {
    let desk = Arc::new(Desk::open().await);
    let token = desk.token(&desk.principal("Dev"));
    desk.fake.behave(Behaviour::Hang);
    let asker = tokio::spawn({
        let (desk, token) = (Arc::clone(&desk), token.clone());
        async move { desk.verify(&token).await.map(drop) }
    });
    desk.fake.called(1).await;
    asker.abort();
    assert!(asker.await.unwrap_err().is_cancelled());
    let (second, ()) = tokio::join!(desk.recall(&token), async { desk.fake.behave(Behaviour::Honest) });
    assert!(matches!(second, Recall::Shared | Recall::Fresh), "{second:?}");
    assert_eq!(desk.fake.calls(), 1);
}

#[tokio::test]
async fn p20_strangers_push_out_no_people_and_memory_stays_bounded() {
    let desk = Desk::open().await;
    let (person, stranger) = (desk.principal("Dev"), desk.principal("Nobody"));
    let token = desk.token(&person);
    desk.recall(&token).await;
    let mut strangers = Vec::new();
    for _ in 0..60 {
        desk.hand.advance(1); // another second, another token
        for region in REGIONS {
            let token = token_at(&stranger, region, CLUSTER, &desk.clock);
            let (proof, _) = desk.verify(&token).await.unwrap();
            desk.verifier.settle(&proof, false, desk.clock.moment());
            strangers.push(token);
        }
    }
    assert!(strangers.len() > 1_024, "more than their memory holds");
    assert_eq!(desk.recall(&token).await, Recall::Fresh);
    assert_eq!(desk.recall(strangers.last().unwrap()).await, Recall::Fresh, "strangers are remembered too");
}

/// Real regions, to make many distinct tokens of one second.
const REGIONS: [&str; 18] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "me-south-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Same answers of STS, same decisions, with and without memory: latency and outages apart.
#[tokio::test]
async fn p17_memory_changes_no_decision() {
    let (with, without) = (Desk::open().await, without_memory().await);
    let person = with.principal("Dev");
    without.fake.add(person.clone());
    let tokens = [
        with.token(&person),
        with.token(&Principal::user("111122223333", "unknown").unwrap()),
        token_at(&person, "eu-central-1", "another-cluster", &with.clock),
    ];
    for round in 0..3 {
        for token in &tokens {
            let decisions = [with.verify(token).await, without.verify(token).await]
                .map(|verdict| verdict.map(|(proof, _)| proof.identity().clone()).map_err(|denial| denial.reason()));
            assert_eq!(decisions[0], decisions[1], "round {round}");
        }
        with.hand.advance(120);
        without.hand.advance(120);
    }
    assert!(with.fake.calls() < without.fake.calls());
}

proptest! {
    /// P18: no (token, cluster) shares a key with another, least of all by gluing one to the other.
    #[test]
    fn p18_keys_tell_token_and_cluster_apart(cluster in "[a-z]{1,8}", cut in 0_usize..8) {
        let (clock, _) = iam_bridge::clock::Clock::manual(NOW);
        let person = Principal::user("111122223333", "alice").unwrap();
        let token = token_at(&person, "eu-central-1", CLUSTER, &clock);
        let (rules, key) = (rules(), FingerprintKey::random().unwrap());
        let token = Token::parse(&token, &rules, NOW).unwrap();
        let name = |cluster: &str| token.fingerprint(&key, &ClusterId::parse(cluster).unwrap());
        let shorter = cluster.get(..cut).filter(|shorter| !shorter.is_empty() && *shorter != cluster);
        prop_assert_eq!(name(&cluster), name(&cluster));
        if let Some(shorter) = shorter {
            prop_assert_ne!(name(&cluster), name(shorter));
        }
        prop_assert_ne!(name(&cluster), token.fingerprint(&FingerprintKey::random().unwrap(), &ClusterId::parse(&cluster).unwrap()));
    }
}

#[tokio::test]
async fn revalidations_take_a_quarter_of_the_places() {
    let limits = StsSettings { max_in_flight: 16, ..StsSettings::default() };
    let desk = Desk::with(CacheSettings::default(), limits).await;
    let people: Vec<_> = (0..8).map(|_| desk.principal("Dev")).collect();
    let tokens: Vec<_> = people.iter().map(|person| desk.token(person)).collect();
    for token in &tokens {
        desk.recall(token).await;
    }
    desk.fake.behave(Behaviour::Hang);
    desk.hand.advance(200);
    for token in &tokens {
        assert_eq!(desk.recall(token).await, Recall::Stale);
    }
    desk.fake.called(8 + 4).await;
    let newcomer = desk.token(&desk.principal("New"));
    let asks = desk.verify(&newcomer);
    let (answer, ()) = tokio::join!(asks, async {
        desk.fake.called(8 + 4 + 1).await; // the newcomer's call found a place; no fifth revalidation did
        desk.fake.behave(Behaviour::Honest);
    });
    answer.unwrap();
    assert_eq!(desk.fake.peak_in_flight(), 5);
}

async fn without_memory() -> Desk {
    let cache = CacheSettings { fresh_for: Duration::ZERO, ..CacheSettings::default() };
    Desk::with(cache, StsSettings::default()).await
}

fn reason<T>(verdict: Result<T, Denial>) -> Reason {
    verdict.map(drop).unwrap_err().reason()
}
