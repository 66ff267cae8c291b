//! JSON: `serde_json` judges the text by JSON's rules, then the walk below, which may trust it, makes the tree.

use serde::de::IgnoredAny;

use super::tape::{Cell, Document, EMPTY_MAP, Kind};
use super::{MAX_DEPTH, MAX_NODES, fault, position};
use crate::diagnostic::{Diagnostic, Position};

/// Reads one JSON value; a text of nothing but blanks is an empty map.
pub(super) fn parse<'t>(file: &str, text: &'t str) -> Result<Document<'t>, Vec<Diagnostic>> {
    let mut document = Document { text, decoded: String::new(), cells: Vec::new(), second: None };
    if text.trim_ascii().is_empty() {
        document.cells.push(EMPTY_MAP);
        return Ok(document);
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let at = place(text, error.line(), error.column());
        let told = error.to_string();
        let what = told.rsplit_once(" at line ").map_or(told.as_str(), |(what, _)| what).to_owned();
        return Err(vec![fault(
            file,
            at,
            "json-syntax",
            what,
            "a .json file must keep to JSON's rules; use .yaml for YAML",
        )]);
    }
    let mut walk = Walk { file, document, at: 0, line: 1, column: 1, open: Vec::new(), faults: Vec::new() };
    match walk.run() {
        Ok(()) if walk.faults.is_empty() => Ok(walk.document),
        Ok(()) => Err(walk.faults),
        Err(last) => {
            walk.faults.push(last);
            Err(walk.faults)
        }
    }
}

/// `serde_json` counts a column's bytes.
fn place(text: &str, line: usize, column: usize) -> Position {
    let line_bytes = text.as_bytes().split(|byte| *byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let before = line_bytes.get(..column.min(line_bytes.len())).unwrap_or_default();
    let characters = before.iter().filter(|byte| !matches!(byte, 0x80..=0xbf)).count();
    position(line, characters.max(1))
}

/// A cursor over text that is known to be JSON.
struct Walk<'f, 't> {
    file: &'f str,
    document: Document<'t>,
    at: usize,
    line: usize,
    column: usize,
    /// Cells of the open collections, and the number of scalars and collections in each.
    open: Vec<(usize, u32)>,
    faults: Vec<Diagnostic>,
}

impl Walk<'_, '_> {
    fn run(&mut self) -> Result<(), Diagnostic> {
        while let Some(byte) = self.document.text.as_bytes().get(self.at).copied() {
            match byte {
                b'{' => self.begin(Kind::Map)?,
                b'[' => self.begin(Kind::List)?,
                b'}' | b']' => self.end(),
                b'"' => self.string()?,
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => self.advance(1),
                _ => self.word()?,
            }
        }
        Ok(())
    }

    fn here(&self) -> Position {
        position(self.line, self.column)
    }

    fn advance(&mut self, bytes: usize) {
        let end = self.at.saturating_add(bytes);
        for byte in self.document.text.as_bytes().get(self.at..end).unwrap_or_default() {
            match byte {
                b'\n' => {
                    self.line = self.line.saturating_add(1);
                    self.column = 1;
                }
                // A continuation byte is no character of its own.
                0x80..=0xbf => {}
                _ => self.column = self.column.saturating_add(1),
            }
        }
        self.at = end;
    }

    fn push(&mut self, cell: Cell) -> Result<(), Diagnostic> {
        if self.document.cells.len() >= MAX_NODES {
            let what = format!("the file has more than {MAX_NODES} values");
            return Err(fault(self.file, cell.at, "too-large", what, "split it"));
        }
        if let Some((_, children)) = self.open.last_mut() {
            *children = children.saturating_add(1);
        }
        self.document.cells.push(cell);
        Ok(())
    }

    fn begin(&mut self, kind: Kind) -> Result<(), Diagnostic> {
        let at = self.here();
        if self.open.len() >= MAX_DEPTH {
            let what = format!("more than {MAX_DEPTH} collections stand within each other");
            return Err(fault(self.file, at, "too-deep", what, "flatten it"));
        }
        let cell = self.document.cells.len();
        self.push(Cell { at, start: 0, len: 0, span: 1, kind })?;
        self.open.push((cell, 0));
        self.advance(1);
        Ok(())
    }

    fn end(&mut self) {
        self.advance(1);
        let Some((at, scalars)) = self.open.pop() else { return };
        let span = u32::try_from(self.document.cells.len().saturating_sub(at)).unwrap_or(u32::MAX);
        let Some(cell) = self.document.cells.get_mut(at) else { return };
        cell.span = span;
        // Keys were counted like values.
        cell.start = if cell.kind == Kind::Map { scalars / 2 } else { scalars };
        if cell.kind == Kind::Map {
            self.duplicates(at);
        }
    }

    fn string(&mut self) -> Result<(), Diagnostic> {
        let rest = self.document.text.as_bytes().get(self.at..).unwrap_or_default();
        let mut length = 1_usize;
        while let Some(byte) = rest.get(length) {
            match byte {
                b'"' => break,
                b'\\' => length = length.saturating_add(2),
                _ => length = length.saturating_add(1),
            }
        }
        let end = self.at.saturating_add(length).saturating_add(1);
        let literal = self.document.text.get(self.at..end).unwrap_or_default();
        let inner = literal.get(1..length).unwrap_or_default();
        let (start, len, decoded) = if inner.contains('\\') {
            let text: String = serde_json::from_str(literal).map_err(|_| {
                let what = "a string holds half of a surrogate pair".to_owned();
                fault(self.file, self.here(), "json-syntax", what, "write the character itself")
            })?;
            let start = self.document.decoded.len();
            self.document.decoded.push_str(&text);
            (start, text.len(), true)
        } else {
            (self.at.saturating_add(1), inner.len(), false)
        };
        self.scalar(start, len, Kind::Scalar { quoted: true, decoded })?;
        self.advance(literal.len());
        Ok(())
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<(), Diagnostic> {
        let rest = self.document.text.as_bytes().get(self.at..).unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}' | b':');
        let length = rest.iter().position(ends).unwrap_or(rest.len()).max(1);
        self.scalar(self.at, length, Kind::Scalar { quoted: false, decoded: false })?;
        self.advance(length);
        Ok(())
    }

    fn scalar(&mut self, start: usize, len: usize, kind: Kind) -> Result<(), Diagnostic> {
        let short = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.push(Cell { at: self.here(), start: short(start), len: short(len), span: 1, kind })
    }

    fn duplicates(&mut self, map: usize) {
        for key in self.document.repeated_keys(map) {
            let text = self.document.text_of(key);
            let what = format!("the key `{text}` stands twice in one map; case does not tell keys apart");
            let mut twice = fault(self.file, key.at, "duplicate-key", what, "keep one of them");
            twice.key = text.to_owned();
            self.faults.push(twice);
        }
    }
}
