//! Presigned tokens: every rule that needs no network.

use iam_bridge::clock::UnixSeconds;
use iam_bridge::iam::Partition;
use iam_bridge::token::{
    ClusterId, ClusterIdError, FingerprintKey, StsHost, StsRegion, Token, TokenError, TokenKind, TokenRules,
    accepted_hosts, encode,
};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::harness::vectors::{Case, NOW, Outcome, at, for_each, token_text};

#[test]
fn vectors_of_sts_hosts_hold() {
    for_each("sts_hosts.json", 68, |case| {
        let here = Some(case.text("instance_region")).filter(|region| !region.is_empty());
        let partition: Option<Partition> = case.text("partition").parse().ok();
        let seen = match (case.text("kind"), partition) {
            ("host", None) => json!({"decision": "deny"}),
            ("host", Some(partition)) => {
                let host = StsHost::parse(case.text("host"), partition, here);
                if let Some(host) = &host {
                    assert_eq!(host.name(), case.text("host"), "the name is rebuilt from the table");
                }
                json!({"decision": if host.is_some() { "allow" } else { "deny" }})
            }
            ("allowed-list", Some(partition)) => json!({
                "regional_hosts": accepted_hosts(partition, case.text("region"), here),
                "global_host": StsHost::parse("sts.amazonaws.com", partition, here).map(|host| host.name()),
            }),
            ("allowed-list", None) => json!({"regional_hosts": [], "global_host": null}),
            (other, _) => return Outcome::unknown(other),
        };
        let expected: serde_json::Map<String, Value> = case.expect.as_object().unwrap().clone();
        let expected = expected.into_iter().filter(|(key, _)| key != "reference").collect();
        Outcome::equal(&Value::Object(expected), &seen)
    });
}

/// What STS says of these tokens is for `authenticate.rs`, which runs all cases of the file end to end.
#[test]
fn vectors_of_token_verification_hold_up_to_sts() {
    for_each("token_verify_reject.json", 107, |case| {
        let rules = TokenRules { strict_preflight: false, ..rules_of(case) };
        let text: SecretString = token_text(&case.input, NOW).into();
        let parsed = Token::parse(&text, &rules, NOW);
        let expected = &case.expect;
        if expected["optional"] == json!(true) && case.input.get("sts").is_none() {
            return Outcome::Kept;
        }
        match (parsed, expected["sts_called"].as_bool()) {
            (Err(error), Some(false)) => Outcome::equal(&expected["reason"], &json!(error.label())),
            (Ok(token), Some(true)) => token_is_sent_as_expected(case, &token),
            (parsed, _) => Outcome::Broken(format!("saw {parsed:?}")),
        }
    });
}

fn token_is_sent_as_expected(case: &Case, token: &Token<'_>) -> Outcome {
    let TokenKind::Presigned(request) = token.kind();
    let identity = &case.expect["identity"];
    if let Some(key_id) = identity.get("access_key_id").filter(|key_id| *key_id != request.access_key_id()) {
        return Outcome::Broken(format!("access key id: expected {key_id}, saw {}", request.access_key_id()));
    }
    if let Some(host) = identity.get("sts_endpoint").filter(|host| **host != request.host().name()) {
        return Outcome::Broken(format!("host: expected {host}, saw {}", request.host()));
    }
    match case.expect["request"]["url"].as_str() {
        None => Outcome::Kept,
        Some("unchanged") => Outcome::equal(&at(case.text("url"), NOW), &rebuilt(token)),
        Some(other) => Outcome::unknown(other),
    }
}

#[test]
fn vectors_of_the_preflight_hold() {
    for_each("token_preflight.json", 30, |case| {
        let text: SecretString = token_text(&case.input, NOW).into();
        let verdict = |strict_preflight| {
            let rules = TokenRules { strict_preflight, ..rules_of(case) };
            Token::parse(&text, &rules, NOW).map(|_| ()).map_err(TokenError::label)
        };
        let (strict, lax) = (verdict(true), verdict(false));
        let word = |verdict: Result<(), _>| if verdict.is_ok() { "accept" } else { "reject" };
        let seen = json!({"strict": word(strict), "lax": word(lax), "reason": strict.err()});
        Outcome::equal(&case.expect, &seen)
    });
}

fn rules_of(case: &Case) -> TokenRules {
    let here = case.text("instance_region");
    TokenRules {
        partition: case.text("partition").parse().unwrap(),
        cluster_id: ClusterId::parse(case.text("cluster_id")).unwrap(),
        instance_region: (!here.is_empty()).then(|| here.to_owned()),
        strict_preflight: true,
        allowed_regions: Vec::new(),
    }
}

/// The whole URL as STS would see it.
fn rebuilt(token: &Token<'_>) -> String {
    let TokenKind::Presigned(request) = token.kind();
    format!("https://{}{}", request.host(), request.path_and_query().expose_secret())
}
