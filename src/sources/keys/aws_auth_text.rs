//! Where the three values of `aws-auth` stand: in an object, or in a file with lines of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position};
use crate::document::{Document, Faults, Node, Place, Plain, Value};

/// Keys of the data that are read.
pub const AWS_AUTH_KEYS: [&str; 3] = ["mapRoles", "mapUsers", "mapAccounts"];
/// Keys that only a dynamic file has besides its mappings.
pub const DYNAMIC_KEYS: [&str; 3] = ["LastUpdatedDateTime", "ClusterId", "Version"];

/// One value of the data, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsAuthValue {
    /// Its text.
    pub text: String,
    /// What stands for a file's name in faults: a file, or `kube-system/aws-auth/mapRoles`.
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

impl AwsAuthValue {
    /// Where a position of the text stands for the reader of faults.
    #[must_use]
    pub fn position(&self, at: Position) -> Position {
        self.within.map_or(at, |within| within.position(at))
    }
}

impl Within {
    fn position(self, at: Position) -> Position {
        let Some(indent) = self.indent else { return self.at };
        let before = if at.line <= 1 { self.at.column.saturating_sub(1) } else { indent };
        Position {
            line: self.at.line.saturating_add(at.line.saturating_sub(1)),
            column: at.column.saturating_add(before),
        }
    }
}

/// Reads the data of an object of the API server; other keys are not looked at, and case counts. `place` names the
/// object in faults and logs; the key is put behind it.
#[must_use]
pub fn aws_auth_of_data(data: &BTreeMap<String, String>, place: &str) -> AwsAuthText {
    let value = |key: &'static str| {
        let place = format!("{place}/{key}").into();
        Some((key, AwsAuthValue { text: data.get(key)?.clone(), place, within: None }))
    };
    AWS_AUTH_KEYS.into_iter().filter_map(value).collect()
}

/// Reads the data of a file: a whole ConfigMap, or its `data` alone. Values are placed within the file.
///
/// # Errors
/// A document or value of another type.
pub fn aws_auth_of_document(file: &str, text: &str, document: &Document<'_>) -> Result<AwsAuthText, Vec<Diagnostic>> {
    aws_auth_of_node(file, text, document.root())
}

/// As [`aws_auth_of_document`], for an object that stands in a list; `text` is the whole file's.
///
/// # Errors
/// As there.
pub fn aws_auth_of_node(file: &str, text: &str, root: Node<'_>) -> Result<AwsAuthText, Vec<Diagnostic>> {
    let mut faults = Faults::new(file.into());
    let whole = member(root, "data").is_some() || member(root, "kind").is_some();
    let (data, place) = if whole {
        (member(root, "data").filter(|data| !data.is_null()), Place::Key(&Place::Root, "data"))
    } else {
        (Some(root), Place::Root)
    };
    let mut read = AwsAuthText::new();
    if let Some(data) = data.filter(|data| !matches!(data.value(), Value::Map(_))) {
        let what = format!("{} stands where the keys mapRoles, mapUsers and mapAccounts belong", data.kind());
        faults.error(data.at(), &place, "bad-type", what, "write `mapRoles: |`, and the list below it");
    }
    for key in AWS_AUTH_KEYS {
        let Some(node) = data.and_then(|data| member(data, key)).filter(|node| !node.is_null()) else { continue };
        match node.scalar().map(|scalar| (scalar, scalar.yaml_1_1())) {
            Some((scalar, Plain::Text(_))) => {
                let within = Some(within(text, node.at(), scalar.text));
                read.insert(key, AwsAuthValue { text: scalar.text.to_owned(), place: file.into(), within });
            }
            _ => {
                let what = format!("{} stands where a text belongs: a ConfigMap holds nothing else", node.kind());
                let cure = format!("write `{key}: |`, and the list below it");
                faults.error(node.at(), &Place::Key(&place, key), "bad-type", what, &cure);
            }
        }
    }
    if faults.any_error() { Err(faults.into_list()) } else { Ok(read) }
}

/// A member whose key is written exactly so.
fn member<'d>(node: Node<'d>, key: &str) -> Option<Node<'d>> {
    let Value::Map(mut members) = node.value() else { return None };
    members.find(|member| member.key == key).map(|member| member.value)
}

/// Finds the lines of a scalar's text in the file. They are there as they read in block scalars and in plain ones of
/// one line; of others only the beginning is known.
fn within(file: &str, at: Position, text: &str) -> Within {
    let nowhere = Within { at, indent: None };
    // The place of a block scalar is that of its first line with content.
    let blank_lines = text.bytes().take_while(|byte| *byte == b'\n').count();
    let (Some(first), Some(indent)) = (
        u32::try_from(blank_lines).ok().and_then(|blank| at.line.checked_sub(blank)).filter(|line| *line > 0),
        at.column.checked_sub(1),
    ) else {
        return nowhere;
    };
    let skipped = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut lines = file.lines().skip(skipped);
    let stands = text.lines().enumerate().all(|(number, line)| {
        let there = lines.next().unwrap_or_default();
        let is_first = number == 0 && blank_lines == 0;
        let inner = behind(there, indent, is_first);
        inner == Some(line) || (line.is_empty() && there.trim().is_empty())
    });
    if stands { Within { at: Position { line: first, column: at.column }, indent: Some(indent) } } else { nowhere }
}

/// The line behind `columns` characters, which are blanks but for those before a first line.
fn behind(line: &str, columns: u32, is_first: bool) -> Option<&str> {
    let count = usize::try_from(columns).ok()?;
    let (end, _) = line.char_indices().chain([(line.len(), '\0')]).nth(count)?;
    let (before, inner) = line.split_at_checked(end)?;
    (is_first || before.chars().all(|character| character == ' ')).then_some(inner)
}

/// Whether a map has a key of mappings.
#[must_use]
pub fn holds_mappings(node: Node<'_>) -> bool {
    AWS_AUTH_KEYS.into_iter().any(|key| node.member(key).is_some())
}

/// Whether a map of mappings is the data of `aws-auth`, whose values are texts, and not a dynamic file.
#[must_use]
pub fn is_aws_auth_data(root: Node<'_>) -> bool {
    let is_text = |key: &str| root.member(key).and_then(Node::scalar).is_some_and(|scalar| !scalar.is_null());
    AWS_AUTH_KEYS.into_iter().any(is_text) && !DYNAMIC_KEYS.into_iter().any(|key| root.member(key).is_some())
}
