//! Why kubectl does not get in: ordered checks from the kubeconfig entry to the API server's answer, each with a remedy.

use serde::Serialize;

/// What the checks found, in order.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One line a check.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Stable name, for programs.
    pub name: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was seen.
    pub found: String,
    /// What to do, unless all is well.
    pub remedy: Option<String>,
}

/// How a check went.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It stops kubectl.
    Bad,
    /// It does not stop kubectl, but should be seen to.
    Warn,
    /// Not looked at, because something before it failed or was not wanted.
    Skipped,
}
