//! Presigned tokens: every rule that needs no network.

mod properties;

use aws_credential_types::Credentials;
use iam_bridge::clock::UnixSeconds;
use iam_bridge::get_token::{EndpointForm, StsEndpoint, presign};
use iam_bridge::iam::Partition;
use iam_bridge::token::{
    ClusterId, ClusterIdError, FingerprintKey, StsHost, StsRegion, Token, TokenError, TokenKind, TokenRules,
    accepted_hosts, encode,
};
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

#[test]
fn a_token_lives_fifteen_minutes_and_not_a_second_longer() {
    let text = token_of(&honest().url());
    let verdict = |age| Token::parse(&text, &rules(), NOW.plus(age)).map(|token| token.ends_at());
    assert_eq!(verdict(0), Ok(NOW.plus(900)));
    assert_eq!(verdict(900), Ok(NOW.plus(900)));
    assert_eq!(verdict(901), Err(TokenError::Expired));
    assert!(TokenError::Expired.is_expired());
    assert_eq!(verdict(-300), Ok(NOW.plus(900)), "five minutes ahead are forgiven");
    assert_eq!(verdict(-301), Err(TokenError::DateInFuture));
}

#[test]
fn dates_are_read_as_the_calendar_has_them() {
    let lax = TokenRules { strict_preflight: false, ..rules() };
    for (date, signed_at) in [
        ("19700101T000000Z", Ok(0)),
        ("20000229T235959Z", Ok(951_868_799)),
        ("20310506T070809Z", Ok(NOW.0)),
        ("99991231T235959Z", Ok(253_402_300_799)),
        ("00010101T000000Z", Ok(-62_135_596_800)),
        ("19000229T000000Z", Err(TokenError::BadDate)),
        ("20310506T070860Z", Err(TokenError::BadDate)),
        ("20310506T070809.5Z", Err(TokenError::BadDate)),
        ("20310506T07:809Z", Err(TokenError::BadDate)),
        ("2031+506T070809Z", Err(TokenError::BadDate)),
        ("20310506T070809Z%00", Err(TokenError::BadDate)),
        ("%32%3031050%36T070809Z", Ok(NOW.0)),
    ] {
        let url = honest().url().replace("20310506T070809Z", date);
        // Seen from a clock that stands at the date, so that its age says nothing.
        let now = UnixSeconds(signed_at.unwrap_or(NOW.0));
        let seen = Token::parse(&token_of(&url), &lax, now).map(|token| match token.kind() {
            TokenKind::Presigned(request) => request.signed_at().0,
        });
        assert_eq!(seen, signed_at, "{date}");
    }
}

#[test]
fn the_rules_page_names_every_refusal_and_real_cases() {
    let page = include_str!("../../docs/token-rules.md");
    for error in TokenError::ALL {
        assert!(page.contains(&format!("`{}`", error.label())), "{error:?}");
    }
    let vectors = concat!(
        include_str!("../vectors/token_verify_reject.json"),
        include_str!("../vectors/token_preflight.json"),
        include_str!("../vectors/sts_hosts.json"),
    );
    for case in page.split('"').skip(1).step_by(2) {
        assert!(vectors.contains(&format!("\"{case}\"")), "no case is named {case}");
    }
}

#[test]
fn what_is_no_url_is_told_from_a_wrong_one() {
    let query = honest().url().split_once('?').unwrap().1.to_owned();
    for (head, refusal) in [
        ("https:", TokenError::BadHost),
        ("https:sts.us-west-2.amazonaws.com/", TokenError::BadHost),
        ("https:/sts.us-west-2.amazonaws.com/", TokenError::BadHost),
        ("https://@sts.us-west-2.amazonaws.com/", TokenError::BadHost),
        ("https://u%zz@sts.us-west-2.amazonaws.com/", TokenError::UnparsableUrl),
        ("https://u\\@sts.us-west-2.amazonaws.com/", TokenError::UnparsableUrl),
        ("https://sts.us-west-2.amazonaws.com\\/", TokenError::UnparsableUrl),
        ("https://sts.us-west-2.amazonaws.com%2F/", TokenError::UnparsableUrl),
        ("https://sts.us-west-2.amazonaws.com%C3/", TokenError::BadHost),
        ("https://sts.us-west-2.amazonaws.com:https/", TokenError::UnparsableUrl),
        ("https://[::1]:443/", TokenError::BadHost),
        ("https://[::1/", TokenError::UnparsableUrl),
        ("https://sts.us-west-2.amazonaws.com", TokenError::BadPath),
        ("https://sts.us-west-2.amazonaws.com/%2F", TokenError::BadPath),
        ("https://sts.us-west-2.amazonaws.com/%", TokenError::UnparsableUrl),
        ("https://sts.us-west-2.amazonaws.com/\r\n", TokenError::UnparsableUrl),
        ("https://sts.us-west-2.amazonaws.com/\u{7f}", TokenError::UnparsableUrl),
        ("https://sts.us-west-2.amazonaws.com/é", TokenError::UnparsableUrl),
        ("sts:us-west-2", TokenError::BadScheme),
        ("1sts:us-west-2", TokenError::UnparsableUrl),
        ("sts.us-west-2.amazonaws.com/", TokenError::BadScheme),
    ] {
        let text = token_of(&format!("{head}?{query}"));
        assert_eq!(Token::parse(&text, &rules(), NOW).map(|_| ()), Err(refusal), "{head:?}");
    }
}

#[test]
fn names_are_judged_when_the_whole_query_is_well_formed() {
    for (tail, refusal) in [
        ("&Foo=1&Bar=%", TokenError::BadQuery),
        ("&Foo=1;a", TokenError::BadQuery),
        ("&Foo=1&foo=2", TokenError::NamesCollide),
        ("&Foo=1&Foo=2", TokenError::ParameterNotAllowed),
        ("&Foo=1&version=2011-06-15", TokenError::NamesCollide),
        ("&Version=2011-06-15", TokenError::ParameterRepeated),
        ("&%56ersion=2011-06-15", TokenError::ParameterRepeated),
        ("&X-Amz-To%E2%84%AAen=1", TokenError::ParameterNotAllowed),
        ("&=1", TokenError::ParameterNotAllowed),
        ("&+Version=1", TokenError::ParameterNotAllowed),
    ] {
        let text = token_of(&(honest().url() + tail));
        assert_eq!(Token::parse(&text, &rules(), NOW).map(|_| ()), Err(refusal), "{tail}");
    }
    let text = token_of(&(honest().url() + "&&&"));
    assert!(Token::parse(&text, &rules(), NOW).is_ok(), "empty pieces are skipped");
}

#[test]
fn allowed_regions_narrow_the_hosts() {
    let rules = |allowed: &[&str]| TokenRules {
        allowed_regions: allowed.iter().map(|region| (*region).to_owned()).collect(),
        strict_preflight: false,
        ..rules()
    };
    let regional = token_of(&honest().url());
    let global = token_of(&honest().url().replace("sts.us-west-2.", "sts."));
    let verdict = |text, allowed: &[&str]| Token::parse(text, &rules(allowed), NOW).map(|_| ());
    assert_eq!(verdict(&regional, &["eu-west-1", "us-west-2"]), Ok(()));
    assert_eq!(verdict(&regional, &["eu-west-1", "global"]), Err(TokenError::RegionNotAllowed));
    assert_eq!(verdict(&global, &["us-west-2"]), Err(TokenError::RegionNotAllowed));
    assert_eq!(verdict(&global, &["global"]), Ok(()));
}

#[test]
fn a_region_nobody_knows_is_asked_but_not_named() {
    let label = |host| StsHost::parse(host, Partition::Aws, None).map(|host| host.region_label().as_str());
    assert_eq!(label("sts.amazonaws.com"), Some("global"));
    assert_eq!(label("sts-fips.eu-central-1.amazonaws.com"), Some("eu-central-1"));
    assert_eq!(label("sts.us-newplace-3.amazonaws.com"), Some("other"));
    assert_eq!(label("sts.US-newplace-3.amazonaws.com"), None, "lower case only");
    assert_eq!(label("sts.us-averyveryverylongplace0000000-3.amazonaws.com"), None, "32 characters at most");
    let labels: Vec<_> = StsRegion::all().collect();
    assert!(labels.iter().all(|label| labels.iter().filter(|other| *other == label).count() == 1));
    for region in labels.iter().filter(|label| !["global", "other"].contains(&label.as_str())) {
        let partition = Partition::of_region(region.as_str()).unwrap();
        let host = format!("sts.{}.{}", region.as_str(), partition.regional_suffix());
        let host = StsHost::parse(&host, partition, None).unwrap();
        assert_eq!(host.region_label(), *region, "the list of known regions is sorted");
    }
}

#[test]
fn hosts_of_a_region_are_as_many_as_the_table_says() {
    for (partition, region, count) in [
        (Partition::Aws, "us-east-1", 4),
        (Partition::Aws, "us-gov-west-1", 3),
        (Partition::AwsUsGov, "us-east-1", 4),
        (Partition::AwsUsGov, "us-gov-west-1", 3),
        (Partition::AwsCn, "cn-north-1", 4),
        (Partition::AwsIso, "us-iso-east-1", 2),
        (Partition::AwsIsoB, "us-isob-east-1", 2),
        (Partition::AwsIsoE, "eu-isoe-west-1", 2),
        (Partition::AwsIsoF, "us-isof-south-1", 2),
        (Partition::AwsEusc, "eusc-de-east-1", 4),
        (Partition::AwsEusc, "us-east-1", 0),
        (Partition::Aws, "aws-global", 0),
    ] {
        assert_eq!(accepted_hosts(partition, region, None).len(), count, "{partition} {region}");
    }
}

#[test]
fn cluster_ids_can_be_signed_in_one_way_only() {
    let longest = "c".repeat(253);
    for (text, verdict) in [
        ("prod", Ok(())),
        ("arn:aws:eks:eu-west-1:111122223333:cluster/my cluster", Ok(())),
        (longest.as_str(), Ok(())),
        ("", Err(ClusterIdError::Empty)),
        (&format!("{longest}c"), Err(ClusterIdError::TooLong)),
        (" prod", Err(ClusterIdError::BadCharacter)),
        ("prod ", Err(ClusterIdError::BadCharacter)),
        ("my  cluster", Err(ClusterIdError::BadCharacter)),
        ("my\tcluster", Err(ClusterIdError::BadCharacter)),
        ("clüster", Err(ClusterIdError::BadCharacter)),
    ] {
        assert_eq!(ClusterId::parse(text).map(|_| ()), verdict, "{text:?}");
    }
}

#[test]
fn fingerprints_differ_where_token_or_cluster_or_key_do() {
    let key = FingerprintKey::random().unwrap();
    let other_key = FingerprintKey::random().unwrap();
    let (text, other_text) = (token_of(&honest().url()), token_of(&(honest().url() + "&")));
    let (token, other) = (parsed(&text), parsed(&other_text));
    let [c, cc] = ["c", "cc"].map(|id| ClusterId::parse(id).unwrap());
    let name = token.fingerprint(&key, &c);
    assert_eq!(name, parsed(&text).fingerprint(&key, &c));
    for different in [token.fingerprint(&key, &cc), other.fingerprint(&key, &c), token.fingerprint(&other_key, &c)] {
        assert_ne!(name, different);
    }
    assert_eq!(name.short().len(), 16);
}

#[test]
fn debug_shows_nothing_of_a_token() {
    let honest = Honest { session_token: "CANARYCANARY".to_owned(), ..honest() };
    let text = token_of(&honest.url());
    let token = parsed(&text);
    let TokenKind::Presigned(request) = token.kind();
    let signature = honest.url().rsplit_once('=').unwrap().1.to_owned();
    let base64 = text.expose_secret().rsplit_once('.').unwrap().1.to_owned();
    let shown = format!("{token:?} {request:?} {:?} {:?}", request.path_and_query(), FingerprintKey::random());
    for secret in ["CANARY", &signature, &base64] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// The inputs of an honest client.
#[derive(Clone, Debug)]
struct Honest {
    access_key_id: String,
    secret: String,
    session_token: String,
    region: &'static str,
    cluster_id: String,
    age: i64,
}

impl Honest {
    fn url(&self) -> String {
        let session_token = (!self.session_token.is_empty()).then(|| self.session_token.clone());
        let credentials = Credentials::new(&self.access_key_id, &self.secret, session_token, None, "test");
        let endpoint = StsEndpoint::of_region(self.region, EndpointForm::default()).unwrap();
        let cluster_id = ClusterId::parse(&self.cluster_id).unwrap();
        let url = presign(&credentials, &endpoint, &cluster_id, NOW.plus(-self.age)).unwrap();
        url.expose_secret().to_owned()
    }
}

fn honest() -> Honest {
    Honest {
        access_key_id: "ASIAEXAMPLEEXAMPLE00".to_owned(),
        secret: "secret".to_owned(),
        session_token: "session/token+with=signs".to_owned(),
        region: "us-west-2",
        cluster_id: "c".to_owned(),
        age: 0,
    }
}

fn rules() -> TokenRules {
    TokenRules {
        partition: Partition::Aws,
        cluster_id: ClusterId::parse("c").unwrap(),
        instance_region: None,
        strict_preflight: true,
        allowed_regions: Vec::new(),
    }
}

fn token_of(url: &str) -> SecretString {
    encode(&url.into())
}

fn parsed(text: &SecretString) -> Token<'_> {
    Token::parse(text, &rules(), NOW).unwrap()
}
