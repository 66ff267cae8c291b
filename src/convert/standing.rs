//! Who a principal becomes, by the mapping that serves callers: with sample sessions, at the instants that count.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::clock::UnixSeconds;
use crate::iam::{CallerIdentity, CanonicalArn, PrincipalKind, VerifiedIdentity};
use crate::mapping::{self, Chain, Entry, Finding, NodeNames, Origin};

/// A session of a person: its name holds what templates change.
const PERSON: &str = "alice@example.com";
/// A session of an instance.
const INSTANCE: &str = "i-0123456789abcdef0";
/// What EC2 says of that instance.
const NODE_NAME: &str = "ip-10-0-0-1.ec2.internal";
/// Key that signs the samples' tokens.
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
/// Ids of principals that nobody pinned.
const ANY_ROLE: &str = "AROAEXAMPLEEXAMPLE01";
const ANY_USER: &str = "AIDAEXAMPLEEXAMPLE01";

/// The API server puts everybody into it, whatever a mapping says.
pub(super) const EVERYBODY: &str = "system:authenticated";

/// A caller that stands for others.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) identity: VerifiedIdentity,
    /// Name of its session; empty for users.
    pub(super) session: &'static str,
    /// The unique id it has.
    pub(super) id: String,
}

/// What becomes of a caller.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Becomes {
    /// Username, and groups each once.
    User(String, BTreeSet<String>),
    /// Refused, and why.
    Nobody(String),
}

/// Callers that stand for all whom an ARN names, one for each session and each unique id: those that entries are pinned
/// to, and another's.
pub(super) fn samples(arn: &CanonicalArn, pins: &BTreeSet<String>) -> Vec<Sample> {
    let (partition, account, name) = (arn.partition(), arn.account(), arn.name());
    let mut ids: Vec<String> = pins.iter().cloned().collect();
    let identity = |arn: String, user_id: String| {
        VerifiedIdentity::from_sts(&CallerIdentity { account: account.to_owned(), arn, user_id }, KEY, "").ok()
    };
    match arn.kind() {
        PrincipalKind::Role | PrincipalKind::AssumedRole => {
            ids.push(ANY_ROLE.to_owned());
            let sample = |id: &String, session: &'static str| {
                let arn = format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}");
                let identity = identity(arn, format!("{id}:{session}"))?;
                Some(Sample { identity, session, id: id.clone() })
            };
            ids.iter()
                .flat_map(|id| [PERSON, INSTANCE].into_iter().filter_map(move |session| sample(id, session)))
                .collect()
        }
        PrincipalKind::User | PrincipalKind::Root | PrincipalKind::FederatedUser => {
            let own = match arn.kind() {
                PrincipalKind::Root => account.to_owned(),
                PrincipalKind::FederatedUser => format!("{account}:{name}"),
                _ => ANY_USER.to_owned(),
            };
            ids.push(own);
            let sample = |id: String| {
                let identity = identity(arn.as_str().to_owned(), id.clone())?;
                Some(Sample { identity, session: "", id })
            };
            ids.into_iter().filter_map(sample).collect()
        }
    }
}

/// Where the entry (or account) stands that decides for a caller; absent when none does, or the deny list does.
pub(super) fn deciding(chain: &Chain, identity: &VerifiedIdentity, now: UnixSeconds) -> Option<Origin> {
    let mut origin = None;
    mapping::search(chain, identity, now, &mut |finding| match finding {
        Finding::Hit { table, hit, .. } => {
            origin = table.origin(hit).cloned();
            ControlFlow::Break(())
        }
        Finding::Denied { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    origin
}

/// Who a caller becomes.
pub(super) fn becomes(chain: &Chain, identity: &VerifiedIdentity, now: UnixSeconds) -> Becomes {
    let names = NodeNames::Known(BTreeMap::from([(INSTANCE.to_owned(), NODE_NAME.to_owned())]));
    match mapping::choose(chain, identity, now).and_then(|choice| choice.render(identity, &names)) {
        Ok(user) => {
            let groups = user.groups.into_iter().filter(|group| group != EVERYBODY);
            Becomes::User(user.username, groups.collect())
        }
        Err(error) => Becomes::Nobody(why(&error)),
    }
}

/// Without places: the same refusal by another file is no difference.
fn why(error: &mapping::MappingError) -> String {
    use mapping::MappingError as Error;
    match error {
        Error::Denied { .. } => "denied".to_owned(),
        Error::NotMapped => "not mapped".to_owned(),
        Error::UniqueIdMismatch(_) => "pinned to another unique id".to_owned(),
        Error::NotYetValid(_) => "not valid yet".to_owned(),
        Error::ExpiredEntry(_) => "expired".to_owned(),
        Error::Template { source, .. } => source.to_string(),
        Error::EmptyUsername(_) => "the username is empty".to_owned(),
        Error::Reserved { source, .. } => source.to_string(),
    }
}

/// The instants at which something may change for those whom entries name: `now`, and the edges of windows.
pub(super) fn instants<'e>(entries: impl Iterator<Item = &'e Entry>, now: UnixSeconds) -> BTreeSet<i64> {
    let mut instants = BTreeSet::from([now.0]);
    let mut edge = |at: i64| instants.extend([at.saturating_sub(1), at]);
    for entry in entries {
        let text = entry.text();
        for end in [text.not_before, text.not_after].into_iter().flatten() {
            if let Ok(at) = end.parse::<Timestamp>() {
                edge(at.as_second().saturating_add(i64::from(at.subsec_nanosecond() > 0)));
            }
        }
        entry.grants().iter().filter_map(|grant| grant.expires_at).for_each(|end| edge(end.0));
    }
    instants
}
