//! One fault of a file: a stable code, where it is, what is wrong and what to do.
//!
//! Text form: `file:line:column: code: key: what; cure`.

use std::fmt;

use serde::Serialize;

/// How much a fault matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used as it is.
    Error,
    /// The file works, and probably not as meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// A place in a text; both counted from 1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One fault of a file or of a setting.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Stable kebab-case code, for scripts (`unknown-key`, `bad-role-arn`, …).
    pub code: &'static str,
    /// File as the person named it; absent for flags and environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Box<str>>,
    /// Where in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Position>,
    /// Path of the key, as `server.mapRoles[2].rolearn`; empty when the fault is the whole file's.
    pub key: String,
    /// What is wrong, with the value in backticks.
    pub what: String,
    /// What to do about it.
    pub cure: String,
}

impl Diagnostic {
    /// A fault of a whole file, or of a place in it, that belongs to no key.
    #[must_use]
    pub fn keyless(
        severity: Severity,
        code: &'static str,
        file: Option<Box<str>>,
        at: Option<Position>,
        what: String,
        cure: &str,
    ) -> Self {
        Self { severity, code, file, at, key: String::new(), what, cure: cure.to_owned() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
            if let Some(at) = self.at {
                write!(f, "{}:{}:", at.line, at.column)?;
            }
            f.write_str(" ")?;
        }
        write!(f, "{}: ", self.code)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if !self.cure.is_empty() {
            write!(f, "; {}", self.cure)?;
        }
        Ok(())
    }
}
