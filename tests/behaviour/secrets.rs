//! The canary: whatever happens to a token, nothing that proves anything is shown anywhere.
//!
//! The real binary runs at trace level over every token vector and over honest tokens, while STS does all it can do;
//! then all that was written is searched. Access key ids are no secrets.

use std::collections::BTreeSet;
use std::error::Error;

use http::{Method, StatusCode};
use iam_bridge::clock::{Clock, UnixSeconds};
use iam_bridge::demo;
use iam_bridge::demo::sts::{Behaviour, Principal, Scripted};
use iam_bridge::token::{ClusterId, Token, TokenRules};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::harness::bridge::token;
use crate::harness::process::run;
use crate::harness::vectors::{load, token_text};
use crate::harness::webhook_server::WebhookServer;

const CLUSTER_ID: &str = "test-cluster";

/// Stands where a vector has the session token `TOK`, which is too short to be searched for.
const SESSION: &str = "CanarySessionTokenOfAVector";

const MAPPINGS: &str = "  sts: {strictPreflight: false}
  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/Deployer
    username: deployer:{{SessionName}}
    groups: [deployers]
  deny:
  - arn: arn:aws:iam::111122223333:role/Former
    reason: left the team
";

/// Texts that must not be seen.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    /// A token, and what stands in it.
    fn of(token: &str) -> Self {
        let mut secrets = Self::default();
        let body = token.strip_prefix("k8s-aws-v1.").unwrap_or(token);
        // Pieces, so that a shortened or a broken token is found too; short ones may occur by chance.
        let bytes: Vec<char> = body.chars().collect();
        secrets.0.extend(bytes.chunks(24).filter(|piece| piece.len() == 24).map(|piece| piece.iter().collect()));
        secrets
    }

    fn add(&mut self, secret: &str) {
        assert!(secret.len() >= 16, "too short to be told from chance");
        self.0.insert(secret.to_owned());
    }

    fn seen_in(&self, text: &str) -> Vec<&str> {
        self.0.iter().filter(|secret| text.contains(secret.as_str())).map(String::as_str).collect()
    }

    fn assert_absent(&self, place: &str, text: &str) {
        let seen = self.seen_in(text);
        let lines = text.lines().filter(|line| seen.iter().any(|secret| line.contains(secret)));
        assert!(seen.is_empty(), "{place} shows {seen:?}:\n{}", lines.take(5).collect::<Vec<_>>().join("\n"));
    }
}

/// Every token of the vectors, made at `now`, with a session token that can be searched for.
fn vector_tokens(now: UnixSeconds) -> Vec<String> {
    let mut tokens = Vec::new();
    for (file, count) in [("token_verify_reject.json", 107), ("token_preflight.json", 30)] {
        for mut case in load(file, count).unwrap_or_default() {
            if let Some(Value::String(url)) = case.input.get_mut("url") {
                *url = url.replace("Security-Token=TOK", &format!("Security-Token={SESSION}"));
            }
            tokens.push(token_text(&case.input, now));
        }
    }
    tokens
}

/// Tokens of people: good, forged, for another cluster, too old; with each the secrets of its principal.
fn honest_tokens(known: &dyn Fn(&Principal), now: UnixSeconds, secrets: &mut Secrets) -> Vec<SecretString> {
    let mut tokens = Vec::new();
    for role in ["Deployer", "Former", "Stranger"] {
        let principal = Principal::role_session("111122223333", role, "alice").unwrap();
        known(&principal);
        secrets.add(principal.secret_access_key.expose_secret());
        secrets.add(principal.session_token.as_ref().unwrap().expose_secret());
        let thief =
            Principal { secret_access_key: principal.with_new_key().unwrap().secret_access_key, ..principal.clone() };
        tokens.push(token(&principal, CLUSTER_ID, now));
        tokens.push(token(&thief, CLUSTER_ID, now));
        tokens.push(token(&principal, "another-cluster", now));
        tokens.push(token(&principal, CLUSTER_ID, now.plus(-1000)));
    }
    for token in &tokens {
        secrets.0.extend(Secrets::of(token.expose_secret()).0);
        secrets.add(&signature(token));
    }
    tokens
}

fn signature(token: &SecretString) -> String {
    use base64::Engine;
    let body = token.expose_secret().strip_prefix("k8s-aws-v1.").unwrap();
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap();
    String::from_utf8(url).unwrap().split_once("X-Amz-Signature=").unwrap().1.to_owned()
}

/// What STS may do to a server.
fn misdeeds() -> Vec<Behaviour> {
    let scripted = |status, body: &'static str| Behaviour::Scripted(Scripted::json(status, body));
    vec![
        Behaviour::Honest,
        Behaviour::Throttle,
        scripted(StatusCode::INTERNAL_SERVER_ERROR, "{}"),
        scripted(StatusCode::OK, "<no json>"),
        scripted(StatusCode::OK, r#"{"GetCallerIdentityResponse": {"GetCallerIdentityResult": {"Arn": "no-arn"}}}"#),
        scripted(StatusCode::FOUND, ""),
        // Last: it opens the breaker, and then STS is not asked for a while.
        Behaviour::Down,
    ]
}

#[test]
fn vectors_a_server_at_trace_level_shows_no_token_signature_or_session_token() {
    let bridge = WebhookServer::start(
        CLUSTER_ID,
        &format!("  decisionLog: $DIR/decisions.log\n{MAPPINGS}"),
        &["--log-verbosity", "trace"],
    );
    let now = Clock::system().now();
    let mut secrets = Secrets::default();
    secrets.add(SESSION);
    secrets.add("0123456789abcdef0123456789abcdef");
    let vectors = vector_tokens(now);
    for token in &vectors {
        secrets.0.extend(Secrets::of(token).0);
    }
    let mut asked = 0;
    bridge.block_on(async {
        let mut webhook = bridge.connect().await;
        for token in &vectors {
            let answer = webhook.review(&token.clone().into()).await.unwrap();
            secrets.assert_absent("an answer", &String::from_utf8_lossy(&answer.body));
            asked += 1;
        }
        for behaviour in misdeeds() {
            // New people each time, or memory would answer instead of STS.
            let honest = honest_tokens(&|principal| bridge.sts.add(principal.clone()), now, &mut secrets);
            bridge.sts.behave(behaviour);
            for token in &honest {
                let answer = webhook.review(token).await.unwrap();
                secrets.assert_absent("an answer", &String::from_utf8_lossy(&answer.body));
                asked += 1;
            }
        }
        let honest = honest_tokens(&|_| {}, now, &mut secrets).remove(0);
        webhook.review(&"k8s-aws-v1.not/base64".into()).await.unwrap();
        for garbage in ["", "{", r#"{"spec": {"token": ["k8s-aws-v1."]}}"#] {
            let body = garbage.replace("k8s-aws-v1.", honest.expose_secret());
            let answer = webhook.send(Method::POST, "/authenticate", body).await.unwrap();
            secrets.assert_absent("an answer", &String::from_utf8_lossy(&answer.body));
        }
        let metrics = webhook.send(Method::GET, "/metrics", "").await.unwrap();
        let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
        assert!(metrics.contains("aws_iam_authenticator_"), "metrics are really read:\n{metrics}");
        secrets.assert_absent("a metric", &metrics);
    });

    // Something was captured: a line for each question, some at debug or trace level, of users and of refusals alike.
    let log = bridge.log();
    assert!(log.lines().count() > asked, "{} lines for {asked} questions", log.lines().count());
    for word in ["deployer:alice", "not_mapped", "token_format", "sts_refused", "sts_throttled", "sts_unreachable"] {
        assert!(log.contains(word), "no `{word}` in the log");
    }
    let decisions = std::fs::read_to_string(bridge.at("decisions.log")).unwrap();
    assert!(decisions.lines().count() >= asked, "{} decisions of {asked}", decisions.lines().count());
    let shown = honest_tokens(&|_| {}, now, &mut secrets).remove(0);
    let shown = format!("{log}token={}", shown.expose_secret());
    assert!(secrets.seen_in(&shown).len() > 20, "the search finds what is there");
    secrets.assert_absent("the log", &log);
    secrets.assert_absent("the decision log", &decisions);
}

#[test]
fn get_token_and_verify_at_trace_level_show_no_key_and_no_session_token() {
    let bridge = WebhookServer::start(CLUSTER_ID, MAPPINGS, &[]);
    let mut secrets = Secrets::default();
    let principal = Principal::role_session("111122223333", "Deployer", "alice").unwrap();
    bridge.sts.add(principal.clone());
    let session = principal.session_token.as_ref().unwrap().expose_secret();
    secrets.add(principal.secret_access_key.expose_secret());
    secrets.add(session);
    for more in [&[][..], &["--role", "arn:aws:iam::111122223333:role/Deployer"]] {
        let said = run(bridge
            .iam_bridge()
            .args(["get-token", "--token-only", "--log-verbosity", "trace", "--region", "eu-central-1"])
            .args(["--cluster-id", CLUSTER_ID])
            .args(more)
            .env("AWS_ACCESS_KEY_ID", &principal.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", principal.secret_access_key.expose_secret())
            .env("AWS_SESSION_TOKEN", session));
        assert_eq!(said.code, Some(0), "{said:?}");
        secrets.assert_absent("get-token's stderr", &said.stderr);
        let token = said.stdout.trim();
        secrets.0.extend(Secrets::of(token).0);
        secrets.add(&signature(&token.into()));

        let said = run(bridge.iam_bridge().args(["verify", "-i", CLUSTER_ID, "--log-verbosity", "trace", "-t", token]));
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.contains("assumed-role/Deployer/"), "{said:?}");
        secrets.assert_absent("verify's stdout", &said.stdout);
        secrets.assert_absent("verify's stderr", &said.stderr);
    }
}

#[test]
fn vectors_no_token_is_shown_by_an_error_or_by_debug() {
    let now = Clock::system().now();
    let mut secrets = Secrets::default();
    secrets.add(SESSION);
    let honest = honest_tokens(&|_| {}, now, &mut secrets);
    let rules = TokenRules {
        cluster_id: ClusterId::parse(CLUSTER_ID).unwrap(),
        ..demo::settings(std::path::Path::new("/nowhere")).unwrap().rules
    };
    let vectors = vector_tokens(now).into_iter().map(SecretString::from);
    let (mut accepted, mut refused) = (0, 0);
    for text in vectors.chain(honest) {
        secrets.0.extend(Secrets::of(text.expose_secret()).0);
        let shown = match Token::parse(&text, &rules, now) {
            Ok(token) => {
                accepted += 1;
                format!("{token:?} {:?} {text:?}", token.kind())
            }
            Err(error) => {
                refused += 1;
                let sources = std::iter::successors(error.source(), |&error| error.source());
                format!("{error} {error:?} {}", sources.map(ToString::to_string).collect::<String>())
            }
        };
        secrets.assert_absent("a token's Debug or its error", &shown);
    }
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
}
