//! Mappings of other formats as access entries, and mappings compared.
//!
//! Every line of the input ends as converted, as changed (with what), or as not carried (with why and the cure); nothing
//! is lost in silence. What is claimed is proven: each line and its entry are asked by the mapping that serves callers who
//! sample sessions become, and an entry that would give more than its line is not made.
//!
//! ```text
//! files ─intake─▶ lines, tables ─rules | given─▶ entries ─proof─▶ named ─write─▶ YAML, aws eks, Terraform
//!                    └───────────────── compare: who gains, who loses ─────────▶ differences
//! ```

mod compare;
mod foreign;
mod given;
mod intake;
mod kind;
mod known;
mod line;
mod made;
mod names;
mod proof;
mod rules;
mod standing;
mod write;

use std::collections::BTreeMap;

pub use compare::{Difference, Side, Who, compare};
pub use intake::{Input, Intake, read};
pub use known::{Known, KnownPrincipal, questions};
pub use line::{Line, What, Written};
pub use made::{How, LineReport, Outcome, Target, Usernames};
pub use write::{NamedEntry, commands, object, shell, terraform, yaml};

use crate::clock::UnixSeconds;
use crate::iam::strip_role_path;
use crate::mapping::{AccessEntry, AccessEntryText, MappingTable, Origin, SourceKind, TableSettings};
use made::{Made, Refusal};
use proof::Proof;

/// What became of the files.
#[derive(Clone, Debug, Default)]
pub struct Conversion {
    /// The entries, named, in the order of their lines.
    pub entries: Vec<NamedEntry>,
    /// What became of each line, in the order of the files.
    pub lines: Vec<LineReport>,
}

/// Makes access entries of all lines. Of lines that name one principal the one counts that the server would use, the
/// sources asked in the order of their files. `known` is what IAM says of principals; absent where it was not asked.
#[must_use]
pub fn convert(intake: &Intake, how: How, known: Option<&Known>, now: UnixSeconds) -> Conversion {
    let proof = Proof::new(intake, now);
    let mut entries: Vec<(Made, String)> = Vec::new();
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    let mut ends: Vec<Result<usize, Refusal>> = Vec::new();
    for line in &intake.lines {
        let end = proof.stands(line).and_then(|()| one(intake, line, how, known, &proof));
        ends.push(end.and_then(|made| {
            let key = key_of(&made.text.principal_arn);
            if let Some(at) = owners.get(&key) {
                return join(&entries, *at, &made, line);
            }
            owners.insert(key, entries.len());
            entries.push((made, line.origin().to_string()));
            Ok(entries.len().saturating_sub(1))
        }));
    }
    let wishes: Vec<_> =
        entries.iter().map(|(made, _)| (made.text.principal_arn.as_str(), made.name.as_deref())).collect();
    let names = names::names(&wishes);
    let lines = intake.lines.iter().zip(ends).map(|(line, end)| {
        let made = end.as_ref().ok().and_then(|at| Some((entries.get(*at)?, names.get(*at)?)));
        report(line, made, end.as_ref().err())
    });
    let lines = lines.collect();
    let named = entries.into_iter().zip(names).map(|((made, _), name)| NamedEntry { name, text: made.text });
    Conversion { entries: named.collect(), lines }
}

impl Conversion {
    /// Whether some line has no entry.
    #[must_use]
    pub fn any_left(&self) -> bool {
        self.lines.iter().any(|line| line.outcome == Outcome::NotCarried)
    }

    /// The table of the entries alone, as a source of entries has it.
    #[must_use]
    pub fn table(&self) -> MappingTable {
        table_of(self.entries.iter().map(|entry| &entry.text))
    }
}

/// The entry of one line, proven.
fn one(intake: &Intake, line: &Line, how: How, known: Option<&Known>, proof: &Proof) -> Result<Made, Refusal> {
    let mut made = match &line.what {
        What::Account(account) => {
            let why = format!("all principals of account {} are mapped, and an entry names one", account.id);
            let cure =
                "write one entry for each of them, or keep mapAccounts in a source that stands behind the entries";
            return Err(Refusal::new(why, cure));
        }
        What::Entry(entry, name) => given::of_entry(entry, name.as_deref(), how.target)?,
        What::Mapping(entry) => rules::of_mapping(entry, how)?,
    };
    if let Some(known) = known {
        known::apply(known, how.target, &mut made)?;
    }
    if let Err(errors) = AccessEntry::parse(&made.text, &rules::RULES, Origin::default())
        && let Some(first) = errors.first()
    {
        return Err(Refusal::new(first.to_string(), first.cure()));
    }
    proof.holds(line, &mut made)?;
    if made.renamed {
        let old = line.entry().map(|entry| entry.username().to_string()).unwrap_or_default();
        for binding in intake.bound_users.get(&old).into_iter().flatten() {
            made.changes.push(format!("{binding} names the user `{old}`, and gives the new name nothing"));
        }
    }
    Ok(made)
}

/// A line whose principal has an entry already: the same in other words, or another that does not count.
fn join(entries: &[(Made, String)], at: usize, made: &Made, line: &Line) -> Result<usize, Refusal> {
    let Some((first, place)) = entries.get(at) else { return Ok(at) };
    let says = |made: &Made| AccessEntryText { principal_arn: String::new(), reason: None, ..made.text.clone() };
    if says(first) == says(made) {
        return Ok(at);
    }
    Err(shadowed(&line.principal(), place))
}

fn shadowed(principal: &str, place: &str) -> Refusal {
    let why = format!("`{principal}` is decided by the line at {place}");
    Refusal::new(why, "nothing is lost; remove this line, or the other if this one was meant")
}

fn report(line: &Line, made: Option<(&(Made, String), &String)>, refusal: Option<&Refusal>) -> LineReport {
    let place = line.origin().to_string();
    let mut report = LineReport {
        place,
        format: line.written.to_string(),
        principal: line.principal(),
        outcome: Outcome::NotCarried,
        entry: None,
        changes: Vec::new(),
        why: refusal.map(|refusal| refusal.why.clone()),
        cure: refusal.map(|refusal| refusal.cure.clone()),
        notes: Vec::new(),
    };
    if let Some(((made, first), name)) = made {
        report.outcome = if made.changes.is_empty() { Outcome::Converted } else { Outcome::Changed };
        report.entry = Some(name.clone());
        report.changes.clone_from(&made.changes);
        report.notes.clone_from(&made.notes);
        if *first != report.place {
            report.notes = vec![format!("says the same as the line at {first}")];
        }
    }
    report
}

/// What entries of one principal share: paths of roles and case do not count.
fn key_of(arn: &str) -> String {
    let lower = arn.to_ascii_lowercase();
    strip_role_path(&lower).unwrap_or(lower)
}

/// A table of entries; what is none is left out.
fn table_of<'t>(texts: impl Iterator<Item = &'t AccessEntryText>) -> MappingTable {
    let settings = TableSettings { source: SourceKind::AccessEntryFile, partition: crate::iam::Partition::Aws };
    let parsed = texts.filter_map(|text| AccessEntry::parse(text, &rules::RULES, Origin::default()).ok());
    let entries = parsed.map(|entry| entry.entry);
    let (roles, users) = entries.partition(|entry| entry.list() == crate::mapping::EntryList::Roles);
    MappingTable::new(settings, roles, users, Vec::new())
}
