//! What `explain` finds, as data: the shape of `-o json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::access_entry::{DecidingEntry, PolicyGroup};
use crate::authenticator::Denial;
use crate::iam::VerifiedIdentity;
use crate::mapping::{Hint, Nearest, Origin};

/// What the server would answer a caller, and why.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Whether the caller gets a user.
    pub decision: Decision,
    /// Reason code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Finer name beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// Hints beside the code, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<&'static str>,
    /// The refusal in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do, one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Who asks; absent when a token proves nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// The user that comes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// The walk, in order.
    pub steps: Vec<Step>,
    /// The access entry that decides, also when it refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<DecidingEntry>,
    /// What its placeholders stand for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub placeholders: Vec<Rendered>,
    /// The access policies of the deciding entry, and the group that carries each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyGroup>,
    /// How the names of the deciding entry come out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rendered: Vec<Rendered>,
    /// Entries that nearly name a caller whom none names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<Near>,
    /// Remarks: what was made of the ARN, doubts about the deciding entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether a caller gets a user.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It does.
    #[default]
    Allowed,
    /// It does not.
    Refused,
}

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// As STS sends it.
    pub arn: String,
    /// What mappings name.
    pub canonical_arn: String,
    /// Account.
    pub account_id: String,
    /// Unique id, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Session name, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// Access key id, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
}

/// The Kubernetes user.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Username.
    pub username: String,
    /// uid.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// extra.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<&'static str, String>,
}

/// One step of the walk.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// `token`, `sts`, `deny`, or a source as `backendMode` spells it.
    pub source: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// `FILE:LINE` of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whom the entry names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A deny entry matches: it decides.
    Denied,
    /// An entry names the caller and admits it: it decides.
    Matched,
    /// Nothing here names the caller: the next is asked.
    #[default]
    Missed,
    /// A request does not come here: an earlier step decides.
    NotAsked,
    /// Nothing against the caller.
    Passed,
    /// It decides, and refuses.
    Refused,
}

/// How a name comes out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rendered {
    /// `username`, `groups`, or `placeholder`.
    pub key: &'static str,
    /// As written.
    pub template: String,
    /// As it comes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// An entry that nearly names the caller.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Near {
    /// What differs; absent when it is the spelling of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
    /// Whom it names.
    pub principal: String,
    /// `FILE:LINE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The difference in words.
    pub differs: String,
    /// What to do, one line.
    pub cure: String,
}

impl Explanation {
    pub(super) fn refuse(&mut self, denial: &Denial, advice: (Vec<Hint>, String)) {
        let (hints, remedy) = advice;
        self.decision = Decision::Refused;
        self.reason = Some(denial.reason().as_str());
        self.detail = denial.detail();
        self.message = Some(with_causes(denial));
        self.hints = hints.into_iter().map(Hint::as_str).collect();
        self.hints.extend(self.nearest.iter().filter_map(|near| near.hint));
        self.hints.sort_unstable();
        self.hints.dedup();
        self.remedy = Some(remedy);
    }
}

/// `FILE:LINE`, where there is one.
pub(super) fn place(origin: &Origin) -> Option<String> {
    (!origin.place.is_empty()).then(|| origin.to_string())
}

/// An error and its causes on one line; what a cause repeats is left out.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

impl From<&VerifiedIdentity> for Caller {
    fn from(identity: &VerifiedIdentity) -> Self {
        let known = |value: Option<&str>| value.map(str::to_owned);
        Self {
            arn: identity.arn().to_owned(),
            canonical_arn: identity.canonical_arn().to_string(),
            account_id: identity.account_id().to_owned(),
            user_id: known(identity.user_id()),
            session_name: known(identity.session_name()),
            access_key_id: known(identity.access_key_id()),
        }
    }
}

impl From<Nearest> for Near {
    fn from(near: Nearest) -> Self {
        Self {
            hint: near.hint.map(Hint::as_str),
            principal: near.principal,
            place: place(&near.origin),
            differs: near.differs,
            cure: near.cure,
        }
    }
}
