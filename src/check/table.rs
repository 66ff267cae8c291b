//! Who becomes whom by a file that was checked.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::mapping::{AccessScope, Entry, Grant, MappedAccount, Origin, SourceKind, repeated_entries};
use crate::telemetry::calm_text;

/// Entries that a file would put in force: those that another replaces, that match nobody or refuse everybody are left
/// out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// The file.
    pub file: Box<str>,
    /// The source that would read it.
    #[serde(serialize_with = "spelled")]
    pub source: SourceKind,
    /// The entries: roles, then users, each in the order of the file.
    pub entries: Vec<Row>,
    /// `mapAccounts`: every principal of these accounts becomes the user that its ARN names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

/// One entry.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Whom it names.
    pub principal: String,
    /// Template of the username.
    pub username: String,
    /// Templates of the groups.
    pub groups: Vec<String>,
    /// Access policies, and where they hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The unique id it is pinned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userid: Option<String>,
    /// Not before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Not from this instant on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Line of the file.
    pub line: u32,
}

/// Codes of doubts that leave an entry without effect, besides those that end in `-never-matches`.
const REFUSING: [&str; 4] = ["empty-group", "empty-username", "policy-group", "reserved-name"];

impl Table {
    /// The entries in force among those of a file.
    pub(super) fn new(file: &str, source: SourceKind, lists: &[&[Entry]], accounts: &[MappedAccount]) -> Self {
        let entries = lists.iter().flat_map(|entries| in_force(entries)).map(Row::new).collect();
        let in_use = |account: &&MappedAccount| account.warnings().is_empty();
        let accounts = accounts.iter().filter(in_use).map(|account| account.id.clone()).collect();
        Self { file: file.into(), source, entries, accounts }
    }

    /// A heading, and one line an entry in columns.
    pub(super) fn render(&self, out: &mut String) {
        let count = self.entries.len().saturating_add(self.accounts.len());
        let noun = if count == 1 { "entry" } else { "entries" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}: {}, {count} {noun} in force", self.file, self.source);
        if count == 0 {
            return;
        }
        let mut rows = vec![["PRINCIPAL", "USERNAME", "GROUPS", "ONLY"].map(str::to_owned)];
        rows.extend(self.entries.iter().map(Row::cells));
        let account =
            |id: &String| ["account ".to_owned() + &calm_text(id), "the caller's ARN".into(), "".into(), "".into()];
        rows.extend(self.accounts.iter().map(account));
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths = [0, 1, 2].map(|column| width(column).unwrap_or_default());
        let limited = self.entries.iter().any(|row| !row.only().is_empty());
        for [principal, username, groups, only] in &rows {
            let [first, second, third] = widths;
            let only = if limited { only } else { "" };
            let line = format!("  {principal:first$}  {username:second$}  {groups:third$}  {only}");
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}

impl Row {
    fn new(entry: &Entry) -> Self {
        let text = entry.text();
        Self {
            principal: entry.principal_text(),
            username: text.username,
            groups: text.groups,
            policies: entry.grants().iter().map(policy).collect(),
            userid: text.user_id,
            not_before: text.not_before,
            not_after: text.not_after,
            line: entry.origin().at.line,
        }
    }

    fn cells(&self) -> [String; 4] {
        [&self.principal, &self.username, &self.groups.join(","), &self.only()].map(|cell| calm_text(cell))
    }

    /// What narrows it.
    fn only(&self) -> String {
        let policies = Some(self.policies.join(" and ")).filter(|policies| !policies.is_empty());
        let parts =
            [("with", &policies), ("userid", &self.userid), ("from", &self.not_before), ("until", &self.not_after)];
        let told = parts.iter().filter_map(|(word, value)| value.as_ref().map(|value| format!("{word} {value}")));
        told.collect::<Vec<_>>().join(", ")
    }
}

/// Without those that another entry replaces, and those that let nobody in.
fn in_force(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    let mut replaced: HashSet<Origin> = HashSet::new();
    for repeated in repeated_entries(entries) {
        // Entries of a text on one line stand at one place and cannot be told apart.
        if repeated.first != repeated.again {
            let first_counts = repeated.in_force.as_ref() == Some(&repeated.first);
            replaced.insert(if first_counts { repeated.again } else { repeated.first });
        }
    }
    let lets_in = |entry: &Entry| {
        let mut doubts = entry.warnings().into_iter().map(|warning| warning.code);
        !doubts.any(|code| code.ends_with("-never-matches") || REFUSING.contains(&code))
    };
    entries.iter().filter(move |entry| !replaced.contains(entry.origin()) && lets_in(entry))
}

fn policy(grant: &Grant) -> String {
    match &grant.scope {
        AccessScope::Cluster => grant.policy.to_string(),
        AccessScope::Namespaces(patterns) => {
            let names: Vec<&str> = patterns.iter().map(|pattern| pattern.as_str()).collect();
            format!("{} in {}", grant.policy, names.join(","))
        }
    }
}

fn spelled<S: serde::Serializer>(source: &SourceKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(source.as_str())
}
