//! What the demo saw: for people as plain text, for programs as JSON.

use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, TableStyle};
use serde::Serialize;

use super::webhook::Answer;

/// Every answer beside the expected one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Cluster id the tokens are for.
    pub cluster_id: &'static str,
    /// Whether every answer was the expected one.
    pub as_expected: bool,
    /// In the order asked.
    pub rows: Vec<Row>,
}

/// One question.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What it shows.
    pub shows: &'static str,
    /// Who asks, as STS would say it.
    pub caller: String,
    /// What the server said.
    pub decision: Decision,
    /// What it should have said.
    pub expected: Decision,
    /// Whether it did, each time, and with as many calls to STS as expected.
    pub as_expected: bool,
    /// Time of the first TokenReview, µs, as the API server sees it.
    pub first_us: u128,
    /// Median time of the same TokenReview asked again, µs.
    pub again_us: u128,
    /// Calls to STS that all of them took.
    pub sts_calls: u64,
    /// Anything else worth knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Who a caller is in Kubernetes, or why nobody.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum Decision {
    /// A user.
    Allowed {
        /// Its name.
        username: String,
        /// Its groups.
        groups: Vec<String>,
    },
    /// Nobody.
    Refused {
        /// The reason code.
        reason: String,
    },
}

impl Decision {
    /// A user of one group.
    pub(super) fn allowed(username: &str, group: &str) -> Self {
        Self::Allowed { username: username.to_owned(), groups: vec![group.to_owned()] }
    }

    /// A refusal.
    pub(super) fn refused(reason: &str) -> Self {
        Self::Refused { reason: reason.to_owned() }
    }

    /// What a webhook with `denyStatus: 200` said.
    pub(super) fn of(answer: &Answer) -> Self {
        if !answer.authenticated() {
            let reason = answer.text("/status/error").unwrap_or_else(|| format!("http_{}", answer.status.as_u16()));
            return Self::Refused { reason };
        }
        let review = answer.json();
        let groups = review.pointer("/status/user/groups").and_then(serde_json::Value::as_array);
        Self::Allowed {
            username: answer.text("/status/user/username").unwrap_or_default(),
            groups: groups.into_iter().flatten().filter_map(|group| group.as_str().map(str::to_owned)).collect(),
        }
    }
}

impl Report {
    /// A report on `rows`.
    pub(super) fn new(cluster_id: &'static str, rows: Vec<Row>) -> Self {
        Self { cluster_id, as_expected: rows.iter().all(|row| row.as_expected), rows }
    }

    /// For a terminal: plain ASCII, no colour.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut table = Table::new();
        table.load_style(TableStyle::new());
        table.set_header(["", "what", "caller", "answer", "first", "again", "STS calls"]);
        for row in &self.rows {
            let verdict = if row.as_expected { "ok" } else { "WRONG" };
            table.add_row([
                verdict.to_owned(),
                row.shows.to_owned(),
                short(&row.caller).to_owned(),
                row.decision.to_string(),
                format!("{} us", row.first_us),
                format!("{} us", row.again_us),
                row.sts_calls.to_string(),
            ]);
        }
        for column in 4..7 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.push(String::new());
        for row in &self.rows {
            if let Some(note) = &row.note {
                lines.push(format!("{}: {note}", row.shows));
            }
            if !row.as_expected {
                lines.push(format!("{}: expected {}", row.shows, row.expected));
            }
        }
        let right = self.rows.iter().filter(|row| row.as_expected).count();
        lines.push(format!("{right} of {} answers as expected", self.rows.len()));
        lines.join("\n")
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed { username, groups } => write!(f, "{username} [{}]", groups.join(" ")),
            Self::Refused { reason } => write!(f, "refused: {reason}"),
        }
    }
}

/// The name within an ARN's account: `user/NAME`, or `ROLE/SESSION`.
fn short(arn: &str) -> &str {
    let resource = arn.rsplit(':').next().unwrap_or(arn);
    resource.strip_prefix("assumed-role/").unwrap_or(resource)
}

/// Whole microseconds of the middle one; 0 of none.
pub(super) fn median_us(mut times: Vec<Duration>) -> u128 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0, Duration::as_micros)
}
