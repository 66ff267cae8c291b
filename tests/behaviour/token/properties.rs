//! What holds for every token: P1, P3, P5, P7 and P8.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use iam_bridge::iam::Partition;
use iam_bridge::token::{ClusterId, StsHost, Token, TokenKind, TokenRules, encode};
use proptest::prelude::*;

use super::{Honest, honest, rebuilt, rules, token_of};
use crate::harness::vectors::NOW;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// P5: what an independent signer made comes out as it was signed.
    #[test]
    fn honest_tokens_are_accepted_and_sent_as_they_were_signed(honest in honests()) {
        let url = honest.url();
        let text = encode(&url.clone().into());
        let rules = TokenRules { cluster_id: ClusterId::parse(&honest.cluster_id).unwrap(), ..rules() };
        let token = Token::parse(&text, &rules, NOW).unwrap();
        let TokenKind::Presigned(request) = token.kind();
        prop_assert_eq!(request.access_key_id(), &honest.access_key_id);
        prop_assert_eq!(rebuilt(&token), url);
    }

    /// R6, R7: another spelling of the same bytes is the same request.
    #[test]
    fn another_spelling_is_sent_as_the_one_encoder_writes_it(honest in honests(), seed in any::<u64>()) {
        let url = honest.url();
        let (head, query) = url.split_once('?').unwrap();
        let text = token_of(&format!("{head}?{}", respelled(query, seed)));
        let token = Token::parse(&text, &rules(), NOW).unwrap();
        prop_assert_eq!(rebuilt(&token), url);
    }

    /// P7: the order of the parameters changes nothing but the order in which they are sent.
    #[test]
    fn permuted_parameters_get_the_same_verdict(honest in honests(), seed in any::<u64>(), drop in 0..12_usize) {
        let url = honest.url();
        let (head, query) = url.split_once('?').unwrap();
        let mut pieces: Vec<&str> = query.split('&').enumerate().filter(|(i, _)| *i != drop).map(|(_, p)| p).collect();
        let verdict = |pieces: &[&str]| {
            let text = token_of(&format!("{head}?{}", pieces.join("&")));
            let seen = Token::parse(&text, &rules(), NOW).map(|token| rebuilt(&token));
            seen.map(|url| { let mut parts: Vec<String> = url.split(['?', '&']).map(str::to_owned).collect(); parts.sort(); parts })
        };
        let before = verdict(&pieces);
        pieces.sort_by_key(|piece| piece.bytes().fold(seed, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)));
        prop_assert_eq!(before, verdict(&pieces));
    }

    /// P8: no added parameter turns a refusal into an acceptance, or an acceptance into another request.
    #[test]
    fn an_added_parameter_opens_no_door(bytes in mutations(), name in "[A-Za-z-]{0,16}", value in "[ -~]{0,12}") {
        let url = mutated(&honest().url(), &bytes);
        let verdict = |url: &str| Token::parse(&token_of(url), &rules(), NOW).map(|token| rebuilt(&token));
        if verdict(&url).is_err() {
            let longer = format!("{url}&{name}={value}");
            prop_assert!(verdict(&longer).is_err());
        }
    }

    /// P1, P3: whatever is accepted, STS sees exactly what was checked.
    #[test]
    fn what_is_sent_parses_to_what_was_checked(changes in mutations(), strict_preflight in any::<bool>()) {
        let rules = TokenRules { strict_preflight, ..rules() };
        let text = token_of(&mutated(&honest().url(), &changes));
        if let Ok(token) = Token::parse(&text, &rules, NOW) {
            let sent = rebuilt(&token);
            let again_text = token_of(&sent);
            let again = Token::parse(&again_text, &rules, NOW).unwrap();
            let (TokenKind::Presigned(first), TokenKind::Presigned(second)) = (token.kind(), again.kind());
            prop_assert_eq!(rebuilt(&again), sent);
            prop_assert_eq!(first.access_key_id(), second.access_key_id());
            prop_assert_eq!((first.host(), first.signed_at()), (second.host(), second.signed_at()));
        }
    }

    /// No text, and no URL, makes the parser panic.
    #[test]
    fn nothing_panics(text in ".{0,80}", url in proptest::collection::vec(any::<u8>(), 0..120), head in any::<bool>()) {
        let _ = Token::parse(&text.clone().into(), &rules(), NOW);
        let mut bytes = if head { b"https://sts.us-west-2.amazonaws.com/?".to_vec() } else { Vec::new() };
        bytes.extend(url);
        let token = format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(bytes));
        prop_assert!(Token::parse(&token.into(), &rules(), NOW).is_err());
        let _ = StsHost::parse(&text, Partition::Aws, Some(&text));
    }
}

fn honests() -> impl Strategy<Value = Honest> {
    let regions = prop::sample::select(vec!["us-west-2", "eu-central-1", "aws-global", "us-gov-west-1"]);
    ("[A-Z0-9_]{16,128}", "[ -~]{1,40}", "[A-Za-z0-9/+=]{0,400}|.{1,20}", regions, "[!-~]{1,40}", -300..=900_i64)
        .prop_map(|(access_key_id, secret, session_token, region, cluster_id, age)| Honest {
            access_key_id,
            secret,
            session_token,
            region,
            cluster_id,
            age,
        })
}

/// Up to three bytes replaced: where, and by what.
fn mutations() -> impl Strategy<Value = Vec<(prop::sample::Index, char)>> {
    let bytes = prop::sample::select("%+&=;#?@:/\\ aAzZ059-_.~[]é\n".chars().collect::<Vec<_>>());
    prop::collection::vec((any::<prop::sample::Index>(), bytes), 1..4)
}

fn mutated(url: &str, changes: &[(prop::sample::Index, char)]) -> String {
    let mut characters: Vec<char> = url.chars().collect();
    for (at, by) in changes {
        let at = at.index(characters.len());
        characters[at] = *by;
    }
    characters.into_iter().collect()
}

/// Escapes some unreserved characters, writes some escapes in lower case, and leaves some slashes as they are.
fn respelled(query: &str, seed: u64) -> String {
    let mut state = seed;
    let mut toss = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 62 == 0
    };
    let mut out = String::new();
    let mut rest = query;
    while let Some(character) = rest.chars().next() {
        let (now, later) = rest.split_at(if character == '%' { 3 } else { 1 });
        rest = later;
        match now {
            "&" | "=" => out.push_str(now),
            "%2F" | "%3A" | "%40" | "%2C" if toss() => out.push(escaped(now)),
            "%20" if toss() => out.push('+'),
            escape if character == '%' => out.push_str(&if toss() { escape.to_lowercase() } else { escape.to_owned() }),
            plain if toss() => out.push_str(&format!("%{:02x}", plain.as_bytes()[0])),
            plain => out.push_str(plain),
        }
    }
    out
}

/// The character that an escape stands for.
fn escaped(escape: &str) -> char {
    char::from(u8::from_str_radix(escape.trim_start_matches('%'), 16).unwrap())
}
