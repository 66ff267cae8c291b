//! Files of mappings as texts, and differences as a table: what `convert` and `diff` share.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::output;
use crate::convert::{Difference, Input, Who};
use crate::diagnostic::Diagnostic;
use crate::document::{self, Format};
use crate::sources::FileText;

/// A file, read.
#[derive(Debug)]
pub(super) struct TextFile {
    name: String,
    text: String,
    format: Format,
}

impl TextFile {
    /// Reads a file.
    pub(super) fn load(path: &Path) -> Result<Self, Diagnostic> {
        let file = FileText::load(path)?;
        let text = document::utf8(&file.name, &file.bytes)?.to_owned();
        Ok(Self { name: file.name.to_string(), text, format: file.format })
    }

    /// A text without a file's name: JSON if it begins so.
    pub(super) fn of_bytes(name: &str, bytes: &[u8]) -> Result<Self, Diagnostic> {
        let text = document::utf8(name, bytes)?.to_owned();
        let format = if text.trim_start().starts_with(['{', '[']) { Format::Json } else { Format::Yaml };
        Ok(Self { name: name.to_owned(), text, format })
    }

    /// As it is converted.
    pub(super) fn input(&self) -> Input<'_> {
        Input { name: &self.name, text: &self.text, format: self.format }
    }
}

/// Who gains and who loses, for people.
pub(super) fn differences(differences: &[Difference]) -> String {
    let mut text = String::new();
    for one in differences {
        let only = one.only.as_deref().map(|only| format!(" ({only})")).unwrap_or_default();
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{}{only}", one.principal);
        let _ = writeln!(text, "  before  {}", who(&one.before));
        let _ = writeln!(text, "  after   {}", who(&one.after));
        if !one.lost.is_empty() {
            let _ = writeln!(text, "  {}    {}", output::red("lost"), one.lost.join(", "));
        }
        if !one.gained.is_empty() {
            let _ = writeln!(text, "  {}  {}", output::green("gained"), one.gained.join(", "));
        }
    }
    let _ = match differences.len() {
        0 => writeln!(text, "no principal becomes another user"),
        1 => writeln!(text, "1 difference"),
        count => writeln!(text, "{count} differences"),
    };
    text
}

fn who(who: &Who) -> String {
    match (&who.username, &who.refused) {
        (Some(username), _) if who.groups.is_empty() => format!("{username}, in no group"),
        (Some(username), _) => format!("{username} in {}", who.groups.join(", ")),
        (None, refused) => format!("nobody: {}", refused.as_deref().unwrap_or_default()),
    }
}
