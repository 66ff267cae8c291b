//! The data of the ConfigMap `aws-auth`: three values, each a YAML document of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::KeySettings;
use crate::diagnostic::{Diagnostic, Position};
use crate::document::Document;
use crate::mapping::{Entry, MappedAccount};

/// Keys of the data that are read.
pub const AWS_AUTH_KEYS: [&str; 3] = ["mapRoles", "mapUsers", "mapAccounts"];

/// One value of the data, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsAuthValue {
    /// Its text.
    pub text: String,
    /// What stands for a file's name in faults: a file, or `kube-system/aws-auth`.
    pub place: Arc<str>,
    /// Where the text's first line stands in the file, and how far its lines are indented; absent for an object of the API
    /// server, whose faults are placed within the value.
    pub within: Option<Within>,
}

/// Where a text stands in a file: positions in the text become positions in the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Within {
    /// The first character of the text.
    pub at: Position,
    /// Columns that stand before each further line; `None` when lines cannot be told apart (then `at` stands for all).
    pub indent: Option<u32>,
}

/// The data of a ConfigMap, by key.
pub type AwsAuthText = BTreeMap<&'static str, AwsAuthValue>;

/// One value, judged.
#[derive(Clone, Debug)]
pub struct AwsAuthPart<T> {
    /// The good items; absent when the value is no YAML document, so that the last good items stay.
    pub items: Option<Vec<T>>,
    /// Every fault of the value: why it cannot be parsed, or why an item is dropped or not as written.
    pub faults: Vec<Diagnostic>,
}

/// The whole data, judged.
#[derive(Clone, Debug)]
pub struct AwsAuth {
    /// `mapRoles`
    pub roles: AwsAuthPart<Entry>,
    /// `mapUsers`
    pub users: AwsAuthPart<Entry>,
    /// `mapAccounts`
    pub accounts: AwsAuthPart<MappedAccount>,
}

/// Reads the data of an object of the API server; other keys are not looked at. `place` names it in faults and logs.
#[must_use]
pub fn aws_auth_of_data(data: &BTreeMap<String, String>, place: &str) -> AwsAuthText {
    let _ = (data, place);
    AwsAuthText::new()
}

/// Reads the data of a file: a whole ConfigMap, or its `data` alone. Values are placed within the file.
///
/// # Errors
/// A value that is no text.
pub fn aws_auth_of_document(file: &str, text: &str, document: &Document<'_>) -> Result<AwsAuthText, Vec<Diagnostic>> {
    let _ = (file, text, document);
    Ok(AwsAuthText::new())
}

/// Judges every value. Good items stand beside bad ones; what is lost is told.
#[must_use]
pub fn parse_aws_auth(text: &AwsAuthText, settings: KeySettings) -> AwsAuth {
    let _ = (text, settings);
    AwsAuth {
        roles: AwsAuthPart { items: Some(Vec::new()), faults: Vec::new() },
        users: AwsAuthPart { items: Some(Vec::new()), faults: Vec::new() },
        accounts: AwsAuthPart { items: Some(Vec::new()), faults: Vec::new() },
    }
}
