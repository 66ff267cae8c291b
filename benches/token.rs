//! What a token costs before anything is asked of the network or of a cache.
//!
//! `cargo bench --bench token`. `parse` runs for every TokenReview, cached or not; `fingerprint` too; `path_and_query`
//! and `encode` run once a call to STS and once a token made.
#![expect(clippy::expect_used, reason = "a bench whose own input is bad has nothing to measure")]

use aws_credential_types::Credentials;
use divan::{Bencher, black_box};
use iam_bridge::clock::UnixSeconds;
use iam_bridge::get_token::{EndpointForm, StsEndpoint, presign};
use iam_bridge::iam::{CanonicalArn, Partition};
use iam_bridge::token::{ClusterId, FingerprintKey, Token, TokenKind, TokenRules, encode};
use secrecy::SecretString;

const NOW: UnixSeconds = UnixSeconds(1_935_817_689);

/// Bytes of session token: none as for a user's own keys, what a role's session has, and the most that fits.
const SESSION_TOKENS: [usize; 3] = [0, 400, 2200];

fn main() {
    divan::main();
}

#[divan::bench(args = SESSION_TOKENS)]
fn parse(bencher: Bencher<'_, '_>, session_token: usize) {
    let (token, rules) = (encode(&url(session_token)), rules());
    bencher.bench(|| Token::parse(black_box(&token), &rules, NOW).map(|token| token.ends_at()));
}

#[divan::bench(args = SESSION_TOKENS)]
fn refuse(bencher: Bencher<'_, '_>, session_token: usize) {
    let (token, rules) = (encode(&url(session_token)), rules());
    bencher.bench(|| Token::parse(black_box(&token), &rules, NOW.plus(901)).is_err());
}

#[divan::bench(args = SESSION_TOKENS)]
fn fingerprint(bencher: Bencher<'_, '_>, session_token: usize) {
    let (text, rules) = (encode(&url(session_token)), rules());
    let token = Token::parse(&text, &rules, NOW).expect("an honest token");
    let key = FingerprintKey::random().expect("random bytes");
    bencher.bench(|| black_box(&token).fingerprint(&key, &rules.cluster_id));
}

#[divan::bench(args = SESSION_TOKENS)]
fn path_and_query(bencher: Bencher<'_, '_>, session_token: usize) {
    let text = encode(&url(session_token));
    let token = Token::parse(&text, &rules(), NOW).expect("an honest token");
    let TokenKind::Presigned(request) = token.kind();
    bencher.bench(|| black_box(request).path_and_query());
}

#[divan::bench(args = SESSION_TOKENS)]
fn encode_url(bencher: Bencher<'_, '_>, session_token: usize) {
    let url = url(session_token);
    bencher.bench(|| encode(black_box(&url)));
}

#[divan::bench]
fn canonical_arn() -> CanonicalArn {
    let arn =
        black_box("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice@example.com");
    CanonicalArn::parse(arn).expect("an assumed role")
}

fn rules() -> TokenRules {
    TokenRules {
        partition: Partition::Aws,
        cluster_id: ClusterId::parse("bench").expect("a cluster id"),
        instance_region: Some("eu-central-1".to_owned()),
        strict_preflight: true,
        allowed_regions: Vec::new(),
    }
}

/// A session token looks like base64: one character in sixteen is escaped in the URL.
fn url(session_token: usize) -> SecretString {
    let session_token: String = "IQoJb3JpZ2luX2V/".chars().cycle().take(session_token).collect();
    let session_token = Some(session_token).filter(|text| !text.is_empty());
    let credentials = Credentials::new("ASIAEXAMPLEEXAMPLE00", "secret", session_token, None, "bench");
    let endpoint = StsEndpoint::of_region("eu-central-1", EndpointForm::default()).expect("a region");
    presign(&credentials, &endpoint, &rules().cluster_id, NOW).expect("a presigned URL")
}
