//! Who gains and who loses between two sets of mappings.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::intake::Intake;
use super::key_of;
use super::line::What;
use super::standing::{Becomes, Sample, becomes, instants, samples};
use crate::clock::UnixSeconds;
use crate::iam::{CanonicalArn, strip_role_path};
use crate::mapping::{Chain, Entry};

/// What stands for the parts of a permission set's role that nobody knows.
const SUFFIX: &str = "0123456789abcdef";

/// One set of mappings.
#[derive(Clone, Debug)]
pub struct Side {
    /// As the server would ask them.
    pub chain: Chain,
    entries: Vec<Entry>,
    accounts: Vec<String>,
}

/// Who a caller becomes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Who {
    /// The username; absent for those who are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The groups, each once, those of access policies among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Why they are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A principal that becomes another user, or none.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// The principal, permission set, pattern or account, as the mappings write it.
    pub principal: String,
    /// The session, or the unique id, for which alone this holds; or since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// Before.
    pub before: Who,
    /// After.
    pub after: Who,
    /// Groups that are lost.
    pub lost: Vec<String>,
    /// Groups that are gained.
    pub gained: Vec<String>,
}

/// Someone whom a side names.
struct Named {
    written: String,
    arn: CanonicalArn,
}

impl Side {
    /// The mappings of files. `order` is that of the sources.
    #[must_use]
    pub fn new(intake: &Intake, order: &[crate::mapping::SourceKind]) -> Self {
        let counts = |line: &&super::Line| order.contains(&line.written.source());
        let lines = || intake.lines.iter().filter(counts);
        let account = |line: &super::Line| match &line.what {
            What::Account(account) => Some(account.id.clone()),
            What::Entry(..) | What::Mapping(_) => None,
        };
        Self {
            chain: intake.chain(order),
            entries: lines().filter_map(|line| line.entry().cloned()).collect(),
            accounts: lines().filter_map(account).collect(),
        }
    }

    /// The entries that were made, alone, under the deny list of the files they are of.
    #[must_use]
    pub fn of_entries(conversion: &super::Conversion, before: &Self) -> Self {
        let table = conversion.table();
        let entries = table.entries().to_vec();
        let tables = vec![crate::live::Live::fixed(table)];
        let chain = Chain { deny: before.chain.deny.clone(), tables, ..Chain::default() };
        Self { chain, entries, accounts: Vec::new() }
    }
}

/// Everybody whom either side names and who does not become the same on both, at `now` or at the edges of windows.
#[must_use]
pub fn compare(before: &Side, after: &Side, now: UnixSeconds) -> Vec<Difference> {
    let mut named: BTreeMap<String, Named> = BTreeMap::new();
    let mut by_principal: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in before.entries.iter().chain(&after.entries) {
        let Some(one) = named_by(entry) else { continue };
        let key = key_of(one.arn.as_str());
        by_principal.entry(key.clone()).or_default().push(entry);
        named.entry(key).or_insert(one);
    }
    for account in before.accounts.iter().chain(&after.accounts) {
        let partition = before.chain.tables.first().map_or(crate::iam::Partition::Aws, |table| table.now().partition());
        let arn = format!("arn:{partition}:iam::{account}:user/any-other");
        if let Ok(arn) = CanonicalArn::parse(&arn) {
            let written = format!("any other principal of account {account}");
            named.insert(format!("~{account}"), Named { written, arn });
        }
    }
    let mut found = Vec::new();
    for (key, one) in &named {
        let entries = by_principal.get(key).map(Vec::as_slice).unwrap_or_default();
        found.extend(differences(before, after, one, entries, now));
    }
    found
}

/// Whom an entry names; for patterns and permission sets a role that they match.
fn named_by(entry: &Entry) -> Option<Named> {
    let text = entry.text();
    let written = entry.principal_text();
    let arn = if let Some(sso) = &text.sso {
        let partition = if sso.partition.is_empty() { "aws" } else { &sso.partition };
        format!("arn:{partition}:iam::{}:role/AWSReservedSSO_{}_{SUFFIX}", sso.account_id, sso.permission_set_name)
    } else if let Some(pattern) = &text.role_arn_like {
        strip_role_path(&pattern.replace(['*', '?'], "x")).ok()?
    } else {
        text.role_arn.or(text.user_arn)?
    };
    let arn = CanonicalArn::parse(&arn).or_else(|_| CanonicalArn::parse(&arn.to_ascii_lowercase())).ok()?;
    Some(Named { written, arn })
}

fn differences(before: &Side, after: &Side, one: &Named, entries: &[&Entry], now: UnixSeconds) -> Vec<Difference> {
    let pins: BTreeSet<String> = entries.iter().filter_map(|entry| entry.pin()).map(str::to_owned).collect();
    let instants = instants(entries.iter().copied(), now);
    let samples = samples(&one.arn, &pins);
    let mut seen: Vec<(Becomes, Becomes)> = Vec::new();
    let mut found = Vec::new();
    let mut look = |sample: &Sample, at: UnixSeconds, only: Option<String>| {
        let (old, new) = (becomes(&before.chain, &sample.identity, at), becomes(&after.chain, &sample.identity, at));
        let refused_alike = matches!((&old, &new), (Becomes::Nobody(_), Becomes::Nobody(_)));
        let pair = (old, new);
        if pair.0 != pair.1 && !refused_alike && !seen.contains(&pair) {
            found.push(difference(&one.written, only, &pair.0, &pair.1));
            seen.push(pair);
        }
    };
    // First as they are now; the sessions of one principal mostly differ alike, and that is told once.
    let mut told_of = BTreeSet::new();
    for sample in &samples {
        let is_any = !pins.is_empty() && !pins.contains(&sample.id);
        let only = is_any.then(|| "with another unique id".to_owned());
        if told_of.insert((sample.id.clone(), shape(before, after, sample, now))) {
            look(sample, now, only);
        }
    }
    for at in instants.into_iter().filter(|at| *at != now.0) {
        let only = Timestamp::from_second(at).ok().map(|at| format!("at {at}"));
        for sample in samples.iter().take(1) {
            look(sample, UnixSeconds(at), only.clone());
        }
    }
    found
}

/// What is lost and gained, whatever the session's name: equal for sessions that differ alike.
fn shape(before: &Side, after: &Side, sample: &Sample, now: UnixSeconds) -> (Vec<String>, Vec<String>, bool, bool) {
    let (old, new) = (becomes(&before.chain, &sample.identity, now), becomes(&after.chain, &sample.identity, now));
    let groups = |of: &Becomes| match of {
        Becomes::User(_, groups) => groups.iter().cloned().collect(),
        Becomes::Nobody(_) => Vec::new(),
    };
    let is_user = |of: &Becomes| matches!(of, Becomes::User(..));
    (groups(&old), groups(&new), is_user(&old), is_user(&new))
}

fn difference(principal: &str, only: Option<String>, old: &Becomes, new: &Becomes) -> Difference {
    let groups = |of: &Becomes| match of {
        Becomes::User(_, groups) => groups.clone(),
        Becomes::Nobody(_) => BTreeSet::new(),
    };
    let (old_groups, new_groups) = (groups(old), groups(new));
    Difference {
        principal: principal.to_owned(),
        only,
        before: who(old),
        after: who(new),
        lost: old_groups.difference(&new_groups).cloned().collect(),
        gained: new_groups.difference(&old_groups).cloned().collect(),
    }
}

fn who(becomes: &Becomes) -> Who {
    match becomes {
        Becomes::User(name, groups) => {
            Who { username: Some(name.clone()), groups: groups.iter().cloned().collect(), refused: None }
        }
        Becomes::Nobody(why) => Who { username: None, groups: Vec::new(), refused: Some(why.clone()) },
    }
}
