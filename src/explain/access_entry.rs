//! What an access entry adds to an explanation: its key, pin and window, and what became of each access policy.

use jiff::Timestamp;
use serde::Serialize;

use super::explanation::{Rendered, place};
use crate::clock::UnixSeconds;
use crate::iam::VerifiedIdentity;
use crate::mapping::{AccessScope, Choice, Entry, NodeNames, SourceKind, Template};

/// The access entry that decides.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecidingEntry {
    /// Its source, as `backendMode` spells it.
    pub source: &'static str,
    /// `FILE:LINE`, or the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// `principalArn`, as written.
    pub principal: String,
    /// What caller and entry have in common, and were matched by.
    pub key: String,
    /// `type`
    pub r#type: &'static str,
    /// `principalId`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// Whether the caller's unique id is that of the pin; absent without a pin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_holds: Option<bool>,
    /// `notBefore`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// `expiresAt`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// `before`, `within`, `after`; absent without a window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<&'static str>,
    /// `reason`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An access policy of the deciding entry.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyGroup {
    /// Its name at AWS.
    pub policy: &'static str,
    /// `cluster`, or `namespace`.
    pub scope: &'static str,
    /// Patterns of namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The group that carries it.
    pub group: String,
    /// Whether the group is in the answer.
    pub given: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// Of an access entry; `None` of any other.
pub(super) fn deciding(
    source: SourceKind,
    entry: &Entry,
    identity: &VerifiedIdentity,
    now: UnixSeconds,
) -> Option<DecidingEntry> {
    let entry_type = entry.access_type()?;
    let text = entry.text();
    let window = match (entry.not_before(), entry.expires_at()) {
        (None, None) => None,
        (Some(start), _) if now < start => Some("before"),
        (_, Some(end)) if now >= end => Some("after"),
        _ => Some("within"),
    };
    Some(DecidingEntry {
        source: source.as_str(),
        place: place(entry.origin()),
        principal: entry.principal_text(),
        key: entry.key().unwrap_or_default(),
        r#type: entry_type.as_str(),
        pin_holds: entry.pin().map(|pin| identity.user_id() == Some(pin)),
        pin: text.user_id,
        not_before: text.not_before,
        expires_at: text.not_after,
        window,
        reason: text.reason,
    })
}

/// What became of each grant of the choice's entry.
pub(super) fn policies(choice: &Choice, now: UnixSeconds) -> Vec<PolicyGroup> {
    let given: Vec<String> = choice.grants().map(crate::mapping::Grant::group).collect();
    let grants = choice.entry().map(Entry::grants).unwrap_or_default();
    let of = |grant: &crate::mapping::Grant| {
        let (group, expires_at) = (grant.group(), grant.expires_at.map(rfc3339));
        let is_given = !grant.is_over(now) && given.contains(&group);
        let left_out = match (&expires_at, is_given) {
            (_, true) => None,
            (Some(end), false) if grant.is_over(now) => Some(format!("it ended at {end}")),
            (_, false) => Some("server.accessPolicies.mode is off".to_owned()),
        };
        let namespaces = match &grant.scope {
            AccessScope::Cluster => Vec::new(),
            AccessScope::Namespaces(patterns) => patterns.iter().map(ToString::to_string).collect(),
        };
        let scope = if namespaces.is_empty() { "cluster" } else { "namespace" };
        PolicyGroup { policy: grant.policy.as_str(), scope, namespaces, expires_at, group, given: is_given, left_out }
    };
    grants.iter().map(of).collect()
}

/// What each placeholder of an access entry stands for, each once.
pub(super) fn placeholders(choice: &Choice, identity: &VerifiedIdentity, names: &NodeNames) -> Vec<Rendered> {
    let Some(entry) = choice.entry().filter(|entry| entry.access_type().is_some()) else { return Vec::new() };
    let mut told: Vec<Rendered> = Vec::new();
    for placeholder in entry.username().placeholders() {
        let template = Template::parse(&format!("{{{{{}}}}}", placeholder.as_str()));
        let written = template.to_string();
        if told.iter().any(|earlier| earlier.template == written) {
            continue;
        }
        let (value, fault) = match choice.fill(&template, identity, names) {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error.to_string())),
        };
        told.push(Rendered { key: "placeholder", template: written, value, fault });
    }
    told
}

fn rfc3339(at: UnixSeconds) -> String {
    Timestamp::from_second(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}
