//! What became of each entry.

use serde::Serialize;

use super::super::ask::{Answer, Answers};
use crate::sources::keys::Pinnable;

/// The report: the shape of `-o json`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) files: Vec<FileReport>,
}

/// A file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileReport {
    pub(super) file: String,
    /// Whether a pin is new in it.
    pub(super) changed: bool,
    /// Its text with the pins, where it is not written in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    pub(super) entries: Vec<Row>,
}

/// An entry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// `FILE:LINE`
    place: String,
    principal_arn: String,
    outcome: Outcome,
    /// As IAM has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<String>,
    /// As it stood there, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cure: Option<String>,
    /// A remark that changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// It has the pin already.
    Kept,
    /// It has the pin now.
    Pinned,
    /// It has another pin instead of its own.
    Replaced,
    /// Its pin is not what IAM says, and stays.
    Differs,
    /// IAM has no such principal.
    Missing,
    /// Not asked, or no place for it.
    NotPinned,
}

impl Row {
    pub(super) fn of(entry: &Pinnable, answers: &Answers, force: bool, file: &str) -> Self {
        let mut row = Self {
            name: entry.name.clone(),
            place: format!("{file}:{}", entry.at.line),
            principal_arn: entry.principal_arn.clone(),
            outcome: Outcome::NotPinned,
            principal_id: None,
            earlier_id: None,
            why: None,
            cure: None,
            note: None,
        };
        let mut refuse = |outcome, why: String, cure: String| {
            (row.outcome, row.why, row.cure) = (outcome, Some(why), Some(cure));
        };
        match answers.get(&entry.principal_arn) {
            Some(Answer::There(found)) => {
                match (&entry.pin, entry.unwritable) {
                    (Some(pin), _) if *pin == found.id => row.outcome = Outcome::Kept,
                    (_, Some(unwritable)) => {
                        refuse(Outcome::NotPinned, unwritable.to_string(), unwritable.cure().to_owned());
                    }
                    (Some(pin), None) if !force => {
                        let why = format!(
                            "it is pinned to `{pin}`, and IAM says `{}`: the principal was deleted and made anew",
                            found.id
                        );
                        let cure =
                            "find out who made it anew; then pin again with --force, or delete the entry".to_owned();
                        refuse(Outcome::Differs, why, cure);
                    }
                    (Some(_), None) => row.outcome = Outcome::Replaced,
                    (None, None) => row.outcome = Outcome::Pinned,
                }
                row.earlier_id = entry.pin.clone().filter(|pin| *pin != found.id);
                row.note = (!found.arn.eq_ignore_ascii_case(&entry.principal_arn)).then(|| {
                    format!("IAM has it as `{}`; paths of roles do not count here, on EKS they do", found.arn)
                });
                row.principal_id = Some(found.id.clone());
            }
            Some(Answer::Missing) => refuse(
                Outcome::Missing,
                "IAM has no such principal".to_owned(),
                "delete the entry, or correct the name: whoever makes it again gets in by it".to_owned(),
            ),
            Some(Answer::OtherAccount { own }) => refuse(
                Outcome::NotPinned,
                format!("it belongs to another account than the keys, {own}"),
                "ask with keys of its account: --profile NAME".to_owned(),
            ),
            Some(Answer::OtherPartition(partition)) => refuse(
                Outcome::NotPinned,
                format!("it belongs to another partition than the keys, {partition}"),
                "ask with keys of its account: --profile NAME --region REGION".to_owned(),
            ),
            Some(Answer::Refused(why, cure)) => refuse(Outcome::NotPinned, why.clone(), cure.clone()),
            None => refuse(
                Outcome::NotPinned,
                "it is no role, user or root".to_owned(),
                "write the ARN of a role or user".to_owned(),
            ),
        }
        row
    }

    /// The pin to be written.
    pub(super) fn to_write(&self) -> Option<String> {
        self.principal_id.clone().filter(|_| matches!(self.outcome, Outcome::Pinned | Outcome::Replaced))
    }

    fn line(&self) -> String {
        let who = self.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let id = self.principal_id.as_deref().unwrap_or_default();
        let what = match self.outcome {
            Outcome::Kept => format!("is pinned already to `{id}`"),
            Outcome::Pinned => format!("is pinned to `{id}`"),
            Outcome::Replaced => {
                format!("is pinned to `{id}` instead of `{}`", self.earlier_id.as_deref().unwrap_or_default())
            }
            Outcome::Differs | Outcome::Missing | Outcome::NotPinned => {
                let [why, cure] = [&self.why, &self.cure].map(|words| words.as_deref().unwrap_or_default());
                format!("is not pinned: {why}; {cure}")
            }
        };
        let note = self.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        format!("{}: {who}`{}` {what}{note}", self.place, self.principal_arn)
    }
}

impl Report {
    /// Whether every entry bears the pin that IAM tells.
    pub(super) fn is_complete(&self) -> bool {
        self.rows().all(|row| matches!(row.outcome, Outcome::Kept | Outcome::Pinned | Outcome::Replaced))
    }

    /// For people: what changed and what did not, then the sum.
    pub(super) fn lines(&self) -> Vec<String> {
        let count = |outcome| self.rows().filter(|row| row.outcome == outcome).count();
        let told = self.rows().filter(|row| row.outcome != Outcome::Kept || row.note.is_some()).map(Row::line);
        let new = count(Outcome::Pinned).saturating_add(count(Outcome::Replaced));
        let (kept, all) = (count(Outcome::Kept), self.rows().count());
        let not = all.saturating_sub(new).saturating_sub(kept);
        told.chain([format!("{new} pinned now, {kept} before, {not} not pinned")]).collect()
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.files.iter().flat_map(|file| &file.entries)
    }
}
