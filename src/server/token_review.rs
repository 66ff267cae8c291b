//! The TokenReview as bytes: read as Go's decoder reads it, written as Go's encoder writes it.
//!
//! Member names are matched without case, the last of several counts, `null` changes nothing, unknown ones are passed
//! over, and what follows the first JSON value is not looked at. Reference §3.9.

use std::fmt;

use bytes::Bytes;
use secrecy::SecretString;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::mapping::KubernetesUser;

/// Body of every refusal but those of `denyStatus: 200`.
pub(super) const REFUSAL: &[u8] = br#"{"metadata":{},"spec":{},"status":{"user":{}}}"#;

/// What a review asks.
#[derive(Debug, Default)]
pub(super) struct Question {
    /// `spec.token`; empty if there is none.
    pub(super) token: SecretString,
    /// `spec.audiences`.
    pub(super) audiences: Vec<String>,
    /// `apiVersion`, if the answer carries it.
    pub(super) version: Option<Version>,
}

/// Versions of the API whose name an answer repeats.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Version {
    V1,
    V1beta1,
}

/// Reads the first JSON value of `body`.
pub(super) fn parse(body: &[u8]) -> Result<Question, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let review = Option::<Review>::deserialize(&mut json)?.unwrap_or_default();
    let version = match (review.kind.as_deref(), review.api_version.as_deref()) {
        (Some("TokenReview"), Some("authentication.k8s.io/v1")) => Some(Version::V1),
        (Some("TokenReview"), Some("authentication.k8s.io/v1beta1")) => Some(Version::V1beta1),
        _ => None,
    };
    let Spec { token, audiences } = review.spec;
    Ok(Question { token, audiences, version })
}

/// The answer that names a user.
pub(super) fn success(user: &KubernetesUser, audiences: &[&str], version: Option<Version>) -> Bytes {
    let mut out = Vec::with_capacity(1024);
    begin(version, &mut out);
    out.extend_from_slice(b"\"authenticated\":true,\"user\":{\"username\":");
    string(&user.username, &mut out);
    out.extend_from_slice(b",\"uid\":");
    string(&user.uid, &mut out);
    if !user.groups.is_empty() {
        out.extend_from_slice(b",\"groups\":");
        strings(user.groups.iter().map(String::as_str), &mut out);
    }
    for (index, (key, value)) in user.extra.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b",\"extra\":{" } else { b"," });
        string(key, &mut out);
        out.push(b':');
        strings([value.as_str()], &mut out);
    }
    out.extend_from_slice(if user.extra.is_empty() { b"}" } else { b"}}" });
    if !audiences.is_empty() {
        out.extend_from_slice(b",\"audiences\":");
        strings(audiences.iter().copied(), &mut out);
    }
    out.extend_from_slice(b"}}\n");
    out.into()
}

/// The answer of `denyStatus: 200`: not authenticated, and the reason code as its error.
pub(super) fn refusal_with_reason(reason: &str, version: Option<Version>) -> Bytes {
    let mut out = Vec::with_capacity(256);
    begin(version, &mut out);
    out.extend_from_slice(b"\"authenticated\":false,\"user\":{},\"error\":");
    string(reason, &mut out);
    out.extend_from_slice(b"}}\n");
    out.into()
}

fn begin(version: Option<Version>, out: &mut Vec<u8>) {
    out.extend_from_slice(match version {
        Some(Version::V1) => {
            br#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{},"status":{"#
        }
        Some(Version::V1beta1) => {
            br#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1beta1","metadata":{},"spec":{},"status":{"#
        }
        None => br#"{"metadata":{},"spec":{},"status":{"#,
    });
}

fn strings<'a>(texts: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, text) in texts.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(text, out);
    }
    out.push(b']');
}

/// A JSON string as Go's encoder writes it for HTML: `<`, `>`, `&`, U+2028 and U+2029 escaped.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        text.chars().for_each(|c| character(c, out));
    }
    out.push(b'"');
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

fn character(c: char, out: &mut Vec<u8>) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[derive(Default)]
struct Review {
    kind: Option<String>,
    api_version: Option<String>,
    spec: Spec,
}

#[derive(Default)]
struct Spec {
    token: SecretString,
    audiences: Vec<String>,
}

/// A member name, matched as Go does: without ASCII case.
struct Name<const N: usize>([&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Name<N> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<const N: usize> Visitor<'_> for Name<N> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let exact = self.0.into_iter().find(|known| *known == name);
        Ok(exact.or_else(|| self.0.into_iter().find(|known| known.eq_ignore_ascii_case(name))))
    }
}

struct ReviewMembers;
struct SpecMembers(Spec);

impl<'de> Deserialize<'de> for Review {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReviewMembers)
    }
}

impl<'de> Visitor<'de> for ReviewMembers {
    type Value = Review;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a TokenReview")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Review, A::Error> {
        let mut review = Review::default();
        while let Some(name) = members.next_key_seed(Name(["apiVersion", "kind", "spec"]))? {
            match name {
                Some("apiVersion") => review.api_version = members.next_value::<Option<_>>()?.or(review.api_version),
                Some("kind") => review.kind = members.next_value::<Option<_>>()?.or(review.kind),
                Some("spec") => review.spec = members.next_value_seed(SpecMembers(review.spec))?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(review)
    }
}

/// A second `spec` is laid over the first, member by member.
impl<'de> DeserializeSeed<'de> for SpecMembers {
    type Value = Spec;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Spec, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for SpecMembers {
    type Value = Spec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a TokenReviewSpec")
    }

    fn visit_none<E>(self) -> Result<Spec, E> {
        Ok(self.0)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Spec, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Spec, A::Error> {
        let mut spec = self.0;
        while let Some(name) = members.next_key_seed(Name(["token", "audiences"]))? {
            match name {
                Some("token") => spec.token = members.next_value::<Option<SecretString>>()?.unwrap_or(spec.token),
                Some("audiences") => spec.audiences = members.next_value::<Option<_>>()?.unwrap_or_default(),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(spec)
    }
}
