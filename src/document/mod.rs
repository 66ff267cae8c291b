//! YAML or JSON text as a tree that knows where everything stands.
//!
//! Faults of files are reported with line and column, all at once, so files are read into a [`Document`] and the rooms
//! above pick typed values from its [`Node`]s; [`Faults`] gathers what they find. YAML events come from granit-parser.
//! JSON is judged by `serde_json` first and then walked, so that a JSON file keeps to JSON's rules and not to YAML's.
//!
//! Bounded: 64 MiB of text, [`MAX_DEPTH`] collections within each other, [`MAX_ALIAS_NODES`] nodes that aliases add,
//! [`MAX_NODES`] in all; tags are refused, keys of one map may not differ in ASCII case alone. The tree is one flat
//! array of 24 bytes a node that points into the text: a mapping file of 100 000 roles needs some 20 MB while it is
//! read, and gives them back at once.

mod faults;
mod json;
mod outline;
pub mod render;
mod scalar;
mod several;
mod splice;
mod tape;
mod to_json;
mod yaml;

pub use faults::{Faults, Place, cure_for_unknown, known, nearest};
pub use outline::{Outline, OutlineMember, Shape, outline, outlines};
pub use scalar::{Plain, Scalar};
pub use several::Several;
pub use splice::Splice;
pub use tape::{Document, Items, Member, Members, Node, Value};

use crate::diagnostic::{Diagnostic, Position, Severity};

/// Collections that may stand within each other.
pub const MAX_DEPTH: usize = 32;
/// Nodes that the aliases of a document may add in all.
pub const MAX_ALIAS_NODES: usize = 10_000;
/// Nodes of a document, keys included: 500 000 entries of up to 16.
pub const MAX_NODES: usize = 8_000_000;
/// Documents of a text that [`parse_all`] reads.
pub const MAX_DOCUMENTS: usize = 100_000;
/// Bytes of a text.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// How a text is to be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// YAML 1.2 syntax.
    Yaml,
}

/// Reads `text` into a tree; an empty text is an empty map. Of several YAML documents the first is read, as the
/// reference does, and [`Document::second`] says where the next begins.
///
/// # Errors
/// Every duplicate key and tag, and the first fault of syntax or of a bound, which ends the reading.
pub fn parse<'t>(file: &str, text: &'t str, format: Format) -> Result<Document<'t>, Vec<Diagnostic>> {
    if let Some(fault) = too_large(file, text) {
        return Err(vec![fault]);
    }
    match format {
        Format::Json => json::parse(file, text),
        Format::Yaml => yaml::parse(file, text),
    }
}

/// As [`parse`], for a YAML text whose parts are judged each on its own: keys that stand twice in a map are left for the
/// caller to find, `!!str` makes a scalar a text, and what has no content is null.
///
/// # Errors
/// Other tags, and the first fault of syntax or of a bound.
pub fn parse_leniently<'t>(file: &str, text: &'t str) -> Result<Document<'t>, Vec<Diagnostic>> {
    match too_large(file, text) {
        Some(fault) => Err(vec![fault]),
        None => yaml::parse_leniently(file, text),
    }
}

/// Reads every YAML document of `text`, as `kubectl` does. JSON is one document.
#[must_use]
pub fn parse_all<'t>(file: &str, text: &'t str, format: Format) -> Several<'t> {
    if let Some(fault) = too_large(file, text) {
        return Several { end: vec![fault], ..Several::default() };
    }
    match format {
        Format::Json => match json::parse(file, text) {
            Ok(_) if text.trim_ascii().is_empty() => Several::default(),
            Ok(document) => Several { documents: vec![(document, Vec::new())], end: Vec::new() },
            Err(end) => Several { end, ..Several::default() },
        },
        Format::Yaml => several::parse(file, text),
    }
}

fn too_large(file: &str, text: &str) -> Option<Diagnostic> {
    let what = format!("the file has {} bytes, more than {MAX_BYTES}", text.len());
    let at = Position { line: 1, column: 1 };
    (text.len() > MAX_BYTES).then(|| fault(file, at, "too-large", what, "split it"))
}

/// Bytes as text; a byte-order mark is dropped.
///
/// # Errors
/// The place of the first byte that is not UTF-8.
pub fn utf8<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Diagnostic> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).and_then(|good| str::from_utf8(good).ok()).unwrap_or_default();
            let what = "the file is not UTF-8".to_owned();
            Err(fault(file, end_of(good), "not-utf-8", what, "save it as UTF-8"))
        }
    }
}

/// The position behind `text`.
fn end_of(text: &str) -> Position {
    let line = text.bytes().filter(|byte| *byte == b'\n').count().saturating_add(1);
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    position(line, column)
}

/// From counts that begin at 1.
fn position(line: usize, column: usize) -> Position {
    let short = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: short(line), column: short(column) }
}

fn fault(file: &str, at: Position, code: &'static str, what: String, cure: &str) -> Diagnostic {
    Diagnostic::keyless(Severity::Error, code, Some(file.into()), Some(at), what, cure)
}
