//! The top-level keys of the config file that `token` and `verify` read; their names are without case.
//!
//! `defaultRole`, which the reference's README names, is not among them: the live key is `role`.

use std::path::Path;

use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::{self, Format, Node, Value};

/// What the file says; absent keys and nulls are `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientKeys {
    /// `clusterID`
    pub cluster_id: Option<String>,
    /// `role`
    pub role: Option<String>,
    /// `region`
    pub region: Option<String>,
    /// `externalID`
    pub external_id: Option<String>,
    /// `sessionName`
    pub session_name: Option<String>,
    /// `log-verbosity`
    pub log_verbosity: Option<String>,
    /// `tokenOnly`
    pub token_only: Option<bool>,
    /// `forwardSessionName`
    pub forward_session_name: Option<bool>,
    /// `cache`
    pub cache: Option<bool>,
}

impl ClientKeys {
    /// Reads a config file, YAML or JSON by its extension. Keys of other commands are not looked at.
    ///
    /// # Errors
    /// Every fault of the file.
    pub fn load(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let file = path.display().to_string();
        let whole = |code, what: String, cure: &str| vec![fault(&file, code, None, "", what, cure)];
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") => Format::Yaml,
            Some("json") => Format::Json,
            _ => {
                return Err(whole(
                    "unknown-format",
                    "the extension tells no format".to_owned(),
                    "name it .yaml or .json",
                ));
            }
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| whole("unreadable", format!("cannot be read: {error}"), "check path and permissions"))?;
        Self::parse(&file, &text, format)
    }

    /// Picks the keys out of a text.
    ///
    /// # Errors
    /// Every fault of the text.
    pub fn parse(file: &str, text: &str, format: Format) -> Result<Self, Vec<Diagnostic>> {
        let root = document::parse(file, text, format).map_err(|diagnostic| vec![diagnostic])?;
        let mut keys = Self::default();
        let mut faults = Vec::new();
        let Value::Map(members) = root.value else {
            let what = "the file is not a map of keys".to_owned();
            return Err(vec![fault(file, "not-a-map", Some(root.at), "", what, "write `key: value` lines")]);
        };
        for member in members {
            let mut text = |slot: &mut Option<String>| match scalar(&member.value) {
                Ok(value) => *slot = value.map(str::to_owned),
                Err(()) => faults.push(wrong_type(file, &member.value, &member.key, "a text")),
            };
            match member.key.to_ascii_lowercase().as_str() {
                "clusterid" => text(&mut keys.cluster_id),
                "role" => text(&mut keys.role),
                "region" => text(&mut keys.region),
                "externalid" => text(&mut keys.external_id),
                "sessionname" => text(&mut keys.session_name),
                "log-verbosity" => text(&mut keys.log_verbosity),
                name => {
                    let slot = match name {
                        "tokenonly" => &mut keys.token_only,
                        "forwardsessionname" => &mut keys.forward_session_name,
                        "cache" => &mut keys.cache,
                        _ => continue,
                    };
                    match scalar(&member.value).map(|value| value.map(super::flags::switch)) {
                        Ok(None) => *slot = None,
                        Ok(Some(Ok(value))) => *slot = Some(value),
                        Ok(Some(Err(_))) | Err(()) => {
                            faults.push(wrong_type(file, &member.value, &member.key, "true or false"));
                        }
                    }
                }
            }
        }
        if faults.is_empty() { Ok(keys) } else { Err(faults) }
    }
}

/// The text of a scalar; `None` for null.
fn scalar(node: &Node) -> Result<Option<&str>, ()> {
    match &node.value {
        Value::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") => {
            Ok(None)
        }
        Value::Scalar { text, .. } => Ok(Some(text)),
        Value::List(_) | Value::Map(_) => Err(()),
    }
}

fn wrong_type(file: &str, node: &Node, key: &str, expected: &str) -> Diagnostic {
    let what = format!("the value is not {expected}");
    fault(file, "wrong-type", Some(node.at), key, what, &format!("write {expected}"))
}

fn fault(file: &str, code: &'static str, at: Option<Position>, key: &str, what: String, cure: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code,
        file: Some(file.to_owned()),
        at,
        key: key.to_owned(),
        what,
        cure: cure.to_owned(),
    }
}
