//! One JSON record a decision: who asked, who it was, what was answered and why.
//!
//! The token stands in it by its keyed hash only, an account that is scrubbed without its principal. A record is one
//! write, so that lines of several writers do not mix.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;

use super::DecisionLog;
use crate::telemetry::calm_json;

/// Where records go.
#[derive(Debug)]
pub(super) enum Records {
    File { path: PathBuf, file: Mutex<File> },
    Off,
    Stderr,
}

/// One decision. An absent member is not known or not shown.
#[derive(Debug, Default, Serialize)]
pub(super) struct Record<'a> {
    pub(super) time: String,
    /// `allow` or `deny`.
    pub(super) decision: &'static str,
    pub(super) client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) access_key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recall: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entry_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) groups: Option<&'a [String]>,
    /// Reason code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<&'static str>,
    pub(super) duration_us: u64,
}

impl Records {
    /// Opens the log.
    pub(super) fn open(setting: &DecisionLog) -> io::Result<Self> {
        Ok(match setting {
            DecisionLog::File(path) => Self::File { file: Mutex::new(append_to(path)?), path: path.clone() },
            DecisionLog::Off => Self::Off,
            DecisionLog::Stderr => Self::Stderr,
        })
    }

    /// Whether anybody reads records.
    pub(super) const fn are_kept(&self) -> bool {
        !matches!(self, Self::Off)
    }

    /// Opens the file anew, after a rotation moved it away.
    pub(super) fn reopen(&self) {
        let Self::File { path, file } = self else { return };
        match (append_to(path), file.lock()) {
            (Ok(fresh), Ok(mut file)) => *file = fresh,
            (Err(error), _) => {
                tracing::error!(path = %path.display(), error = %error, "cannot reopen the decision log; writing on to the old one");
            }
            (_, Err(_poisoned)) => {}
        }
    }

    /// Writes one record.
    pub(super) fn write(&self, record: &Record<'_>) {
        let Ok(line) = serde_json::to_string(record) else { return }; // no member can fail
        let mut line = calm_json(line);
        line.push('\n');
        let written = match self {
            Self::File { file, .. } => match file.lock() {
                Ok(mut file) => file.write_all(line.as_bytes()),
                Err(_poisoned) => Err(io::Error::other("a writer panicked")),
            },
            Self::Off => Ok(()),
            Self::Stderr => io::stderr().write_all(line.as_bytes()),
        };
        if let Err(error) = written {
            tracing::error!(error = %error, "cannot write the decision log");
        }
    }
}

/// Records name people: the file is its owner's.
fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    owner_only(&mut options);
    options.open(path)
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn owner_only(_options: &mut OpenOptions) {}
