//! Whether a line counts at all, and whether its entry makes the same users of its principals.

use std::collections::{BTreeMap, BTreeSet};

use super::intake::Intake;
use super::line::{Line, What};
use super::made::{Made, Refusal};
use super::standing::{Becomes, Sample, becomes, deciding, instants, samples};
use super::{key_of, shadowed, table_of};
use crate::clock::UnixSeconds;
use crate::iam::CanonicalArn;
use crate::live::Live;
use crate::mapping::{Chain, Entry, EntryText, EntryWarning, Origin};
use crate::rbac::AccessPolicy;

/// Asks the mapping of the lines, and that of each entry.
pub(super) struct Proof {
    before: Chain,
    now: UnixSeconds,
    /// Lines by principal, of sources that leave open which of them counts.
    open: BTreeMap<(&'static str, String), Vec<(Origin, EntryText)>>,
    /// What lines say, by place.
    says: BTreeMap<String, EntryText>,
}

impl Proof {
    pub(super) fn new(intake: &Intake, now: UnixSeconds) -> Self {
        let (mut open, mut says) = (BTreeMap::new(), BTreeMap::new());
        for line in &intake.lines {
            let Some(entry) = line.entry() else { continue };
            let text = nameless(entry);
            says.insert(place(line.origin()), text.clone());
            if let Some(arn) = arn_of(entry).filter(|_| line.written.leaves_repeats_open()) {
                let key = (line.written.source().as_str(), key_of(arn.as_str()));
                open.entry(key).or_insert_with(Vec::new).push((line.origin().clone(), text));
            }
        }
        Self { before: intake.chain(&intake.sources()), now, open, says }
    }

    /// Whether the line decides for whom it names. Lines of whole accounts and patterns are judged by what they are.
    pub(super) fn stands(&self, line: &Line) -> Result<(), Refusal> {
        let Some((entry, arn)) = line.entry().and_then(|entry| Some((entry, arn_of(entry)?))) else { return Ok(()) };
        let key = (line.written.source().as_str(), key_of(arn.as_str()));
        let repeats = self.open.get(&key).map(Vec::as_slice).unwrap_or_default();
        if let Some((other, _)) = repeats.iter().find(|(_, text)| *text != nameless(entry)) {
            let why = format!(
                "the line at {other} names the same principal otherwise, and which of them counts is not settled"
            );
            return Err(Refusal::new(why, "keep the one that is meant"));
        }
        let samples = samples(&arn, &pins(entry));
        let Some(sample) = samples.first() else { return Ok(()) };
        match deciding(&self.before, &sample.identity, self.now) {
            Some(origin) if origin == *line.origin() => Ok(()),
            // The same in other words.
            Some(origin) if self.says.get(&place(&origin)) == Some(&nameless(entry)) => Ok(()),
            Some(origin) if self.says.contains_key(&place(&origin)) => {
                Err(shadowed(&line.principal(), &origin.to_string()))
            }
            // Nobody, or an account list, which is of no weight here: the line itself does nothing.
            Some(_) | None => Err(never(entry)),
        }
    }

    /// Compares the users. Losses are told as changes; an entry that gives more is refused.
    pub(super) fn holds(&self, line: &Line, made: &mut Made) -> Result<(), Refusal> {
        let Some((entry, arn)) = line.entry().and_then(|entry| Some((entry, arn_of(entry)?))) else { return Ok(()) };
        let after = Chain {
            deny: self.before.deny.clone(),
            tables: vec![Live::fixed(table_of(std::iter::once(&made.text)))],
            ..Chain::default()
        };
        let mut ids = pins(entry);
        let pinned_by_us = ids.is_empty();
        ids.extend(made.text.principal_id.clone());
        let instants = instants(std::iter::once(entry), self.now);
        let samples = samples(&arn, &ids);
        let all = samples.iter().flat_map(|sample| instants.iter().map(move |at| (sample, UnixSeconds(*at))));
        let olds: Vec<_> = all.map(|(sample, at)| (sample, at, becomes(&self.before, &sample.identity, at))).collect();
        let refused = olds.iter().filter_map(|(_, _, old)| match old {
            Becomes::Nobody(why) => Some(why.as_str()),
            Becomes::User(..) => None,
        });
        let refused: Vec<&str> = refused.collect();
        if refused.len() == olds.len() && matches!(line.what, What::Mapping(_)) {
            let why = refused.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("; ");
            let why = format!("the line lets nobody in: {why}");
            return Err(Refusal::new(why, "remove it, or mend it and convert again"));
        }
        for (sample, at, old) in &olds {
            let new = becomes(&after, &sample.identity, *at);
            compare(sample, old, &new, pinned_by_us, made)?;
        }
        Ok(())
    }
}

fn compare(sample: &Sample, old: &Becomes, new: &Becomes, pinned_by_us: bool, made: &mut Made) -> Result<(), Refusal> {
    let more =
        |what: String| Refusal::new(format!("an entry would give more: {what}"), "mend the line and convert again");
    match (old, new) {
        (Becomes::Nobody(_), Becomes::Nobody(_)) => Ok(()),
        (Becomes::Nobody(why), Becomes::User(name, _)) => {
            Err(more(format!("session `{}` becomes `{name}`, and is refused now ({why})", sample.session)))
        }
        // Another's id, since IAM was asked: that is what a pin is for.
        (Becomes::User(..), Becomes::Nobody(_))
            if pinned_by_us && made.text.principal_id.as_ref().is_some_and(|id| *id != sample.id) =>
        {
            Ok(())
        }
        (Becomes::User(name, _), Becomes::Nobody(why)) => {
            let what = format!("`{name}` would be refused: {why}");
            Err(Refusal::new(what, "keep the line in a source that stands behind the entries"))
        }
        (Becomes::User(old_name, old_groups), Becomes::User(new_name, new_groups)) => {
            if old_name != new_name && !made.renamed {
                return Err(more(format!("`{old_name}` becomes `{new_name}`")));
            }
            let master = format!("iam-bridge.dev:policy:{}", AccessPolicy::ClusterAdmin);
            if let Some(group) = new_groups.difference(old_groups).find(|group| !(made.was_master && **group == master))
            {
                return Err(more(format!("group `{group}`")));
            }
            let told = |group: &str, made: &Made| {
                made.changes.iter().chain(&made.notes).any(|line| line.contains(&format!("`{group}`")))
            };
            for group in old_groups.difference(new_groups) {
                if !told(group, made) {
                    made.changes.push(format!("group `{group}` is lost"));
                }
            }
            Ok(())
        }
    }
}

/// Why a line names nobody.
fn never(entry: &Entry) -> Refusal {
    let warning: Option<EntryWarning> =
        entry.warnings().into_iter().find(|warning| warning.code.ends_with("never-matches"));
    let (why, cure) = match warning {
        Some(warning) => (warning.what, warning.cure),
        None => ("the line lets nobody in".to_owned(), "mend it".to_owned()),
    };
    Refusal::new(
        format!("{why}, and an entry would let somebody in"),
        format!("remove the line; or, if it was meant, {cure}"),
    )
}

/// What a line says, whomever it names.
fn nameless(entry: &Entry) -> EntryText {
    let mut text = entry.text();
    (text.role_arn, text.user_arn, text.reason) = (None, None, None);
    text
}

/// The one principal it names.
fn arn_of(entry: &Entry) -> Option<CanonicalArn> {
    let text = entry.text();
    if text.sso.is_some() || text.role_arn_like.is_some() {
        return None;
    }
    let written = text.role_arn.or(text.user_arn)?;
    CanonicalArn::parse(&written).or_else(|_| CanonicalArn::parse(&written.to_ascii_lowercase())).ok()
}

fn pins(entry: &Entry) -> BTreeSet<String> {
    entry.pin().map(str::to_owned).into_iter().collect()
}

fn place(origin: &Origin) -> String {
    format!("{origin}:{}", origin.at.column)
}
