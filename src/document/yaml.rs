//! YAML: events of granit-parser → the flat tree, aliases expanded, merge keys merged.

use std::collections::{HashMap, HashSet};

use granit_parser::{ErrorKind, Event, Marker, Options, Parser, ScalarStyle, ScanError, Span};

use super::tape::{Cell, Document, EMPTY_MAP, Kind, NULL, index};
use super::{MAX_ALIAS_NODES, MAX_DEPTH, MAX_NODES, fault, position};
use crate::diagnostic::{Diagnostic, Position};

/// Reads the first document of `text`.
pub(super) fn parse<'t>(file: &str, text: &'t str) -> Result<Document<'t>, Vec<Diagnostic>> {
    read(Builder::new(file, text))
}

/// As [`super::parse_leniently`].
pub(super) fn parse_leniently<'t>(file: &str, text: &'t str) -> Result<Document<'t>, Vec<Diagnostic>> {
    read(Builder { lenient: true, ..Builder::new(file, text) })
}

fn read<'t>(mut builder: Builder<'_, 't>) -> Result<Document<'t>, Vec<Diagnostic>> {
    let (file, text) = (builder.file, builder.document.text);
    let mut documents = 0_usize;
    for step in Parser::new_from_str_with_options(text, options()) {
        let (event, span) = match step {
            Ok(step) => step,
            // Content behind the first document is not ours to judge, as with the reference.
            Err(_) if documents > 1 => break,
            Err(error) => return builder.fail(syntax(file, text, &error)),
        };
        if let Event::DocumentStart(..) = event {
            documents = documents.saturating_add(1);
            if documents > 1 {
                builder.document.second = Some(place(&span.start));
                break;
            }
        } else if let Err(fault) = builder.take(&event, &span) {
            return builder.fail(fault);
        }
    }
    builder.finish()
}

pub(super) fn options() -> Options {
    nested(MAX_DEPTH)
}

/// For collections so deep within each other.
pub(super) fn nested(levels: usize) -> Options {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = levels;
    options.block_nesting_limit = levels;
    options
}

pub(super) fn place(mark: &Marker) -> Position {
    position(mark.line(), mark.col().saturating_add(1))
}

/// The parser's fault in our words where we have better ones.
pub(super) fn syntax(file: &str, text: &str, error: &ScanError) -> Diagnostic {
    let mut at = place(error.marker());
    if matches!(error.kind(), ErrorKind::TabInPlainScalar) {
        at = tab_behind(text, error.marker()).unwrap_or(at);
    }
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(file, at),
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabNotAllowed => {
            fault(file, at, "yaml-syntax", "a tab stands where YAML indents".to_owned(), "indent with blanks")
        }
        ErrorKind::UnknownAnchor => {
            let what = "an alias refers to an anchor that is not defined before it".to_owned();
            fault(file, at, "yaml-syntax", what, "define it with `&name` first, or quote a text that begins with `*`")
        }
        _ => {
            let cure = "check indentation, brackets and quotes here and in the lines above";
            fault(file, at, "yaml-syntax", error.info(), cure)
        }
    }
}

/// The parser names the place where a scalar begins; the tab indents a later line of it.
fn tab_behind(text: &str, scalar: &Marker) -> Option<Position> {
    text.lines().enumerate().skip(scalar.line()).find_map(|(line, content)| {
        let blanks = content.chars().take_while(|c| *c == ' ').count();
        let is_tab = content.chars().nth(blanks) == Some('\t');
        is_tab.then(|| position(line.saturating_add(1), blanks.saturating_add(1)))
    })
}

fn too_deep(file: &str, at: Position) -> Diagnostic {
    fault(file, at, "too-deep", format!("more than {MAX_DEPTH} collections stand within each other"), "flatten it")
}

/// The tree while it grows.
pub(super) struct Builder<'f, 't> {
    file: &'f str,
    document: Document<'t>,
    open: Vec<Open>,
    /// Completed nodes with an anchor.
    anchors: HashMap<usize, Anchor>,
    alias_nodes: usize,
    pub(super) faults: Vec<Diagnostic>,
    /// Whether the rest of the document cannot be read.
    has_failed: bool,
    lenient: bool,
}

struct Open {
    cell: usize,
    is_map: bool,
    /// The key whose value comes next, or came last.
    key: Option<usize>,
    awaits_value: bool,
    children: u32,
    /// Levels of collections below.
    height: usize,
    anchor: usize,
    merges: bool,
}

#[derive(Clone, Copy)]
struct Anchor {
    cell: usize,
    height: usize,
}

impl<'f, 't> Builder<'f, 't> {
    pub(super) fn new(file: &'f str, text: &'t str) -> Self {
        let document = Document { text, decoded: String::new(), cells: Vec::new(), second: None };
        Self {
            file,
            document,
            open: Vec::new(),
            anchors: HashMap::new(),
            alias_nodes: 0,
            faults: Vec::new(),
            has_failed: false,
            lenient: false,
        }
    }

    /// Takes one event of its document.
    fn take(&mut self, event: &Event<'_>, span: &Span) -> Result<(), Diagnostic> {
        let at = place(&span.start);
        match event {
            Event::Scalar(scalar, style, anchor, tag) => {
                let is_text = self.lenient && tag.as_ref().is_some_and(|tag| tag.core_suffix() == Some("str"));
                let tagged = tag.is_some() && !is_text;
                self.tag(at, span.tag_start.as_ref().filter(|_| tagged), tagged);
                self.scalar(scalar, is_text || *style != ScalarStyle::Plain, at, *anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(at, span.tag_start.as_ref(), tag.is_some());
                self.open(Kind::List, at, *anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(at, span.tag_start.as_ref(), tag.is_some());
                self.open(Kind::Map, at, *anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(*anchor, at),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Document<'t>, Vec<Diagnostic>> {
        if self.document.cells.is_empty() || self.document.root().is_null() {
            self.document.cells = vec![if self.lenient { NULL } else { EMPTY_MAP }];
        }
        if self.faults.is_empty() { Ok(self.document) } else { Err(self.faults) }
    }

    /// As [`Builder::take`], after a fault no more.
    pub(super) fn take_some(&mut self, event: &Event<'_>, span: &Span) {
        if self.has_failed {
            return;
        }
        if let Err(fault) = self.take(event, span) {
            self.faults.push(fault);
            self.has_failed = true;
        }
    }

    /// Values it has so far, keys included.
    pub(super) const fn len(&self) -> usize {
        self.document.cells.len()
    }

    /// The document as far as it was read, with its faults; none when it has no content.
    pub(super) fn seal(mut self) -> Option<(Document<'t>, Vec<Diagnostic>)> {
        while let Some(open) = self.open.pop() {
            let span = self.document.cells.len().saturating_sub(open.cell);
            if let Some(cell) = self.document.cells.get_mut(open.cell) {
                cell.start = open.children;
                cell.span = u32::try_from(span).unwrap_or(u32::MAX);
            }
        }
        if self.document.cells.is_empty() || self.document.root().is_null() {
            // A tag may have stood before nothing.
            self.document.cells = vec![EMPTY_MAP];
            return (!self.faults.is_empty()).then_some((self.document, self.faults));
        }
        Some((self.document, self.faults))
    }

    fn fail(mut self, last: Diagnostic) -> Result<Document<'t>, Vec<Diagnostic>> {
        self.faults.push(last);
        Err(self.faults)
    }

    fn tag(&mut self, node: Position, tag: Option<&Marker>, tagged: bool) {
        if tagged {
            let at = tag.map_or(node, place);
            let what = "a tag (`!…`) stands before a value".to_owned();
            let mut fault = fault(self.file, at, "yaml-tag", what, "remove it; quote the value if it is to be text");
            fault.key = self.path(false);
            self.faults.push(fault);
        }
    }

    /// Takes the place of the next key, value or item; `true` for a key.
    fn take_slot(&mut self, cell: usize, is_scalar: bool, at: Position) -> Result<bool, Diagnostic> {
        if cell >= MAX_NODES {
            let what = format!("the file has more than {MAX_NODES} values");
            return Err(fault(self.file, at, "too-large", what, "split it"));
        }
        let Some(open) = self.open.last_mut() else { return Ok(false) };
        if open.is_map && !open.awaits_value {
            if !is_scalar {
                let what = "a list or map stands where a key belongs".to_owned();
                let cure = "a value that begins with `{`, `{{` or `[` must stand in quotes";
                let mut fault = fault(self.file, at, "yaml-key", what, cure);
                fault.key = self.path(false);
                return Err(fault);
            }
            open.key = Some(cell);
            open.awaits_value = true;
            return Ok(true);
        }
        open.awaits_value = false;
        open.children = open.children.saturating_add(1);
        Ok(false)
    }

    fn scalar(&mut self, text: &str, quoted: bool, at: Position, anchor: usize) -> Result<(), Diagnostic> {
        let cell = self.document.cells.len();
        let is_key = self.take_slot(cell, true, at)?;
        let (start, decoded) = self.keep(text);
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.document.cells.push(Cell { at, start, len, span: 1, kind: Kind::Scalar { quoted, decoded } });
        if let Some(open) = self.open.last_mut().filter(|_| is_key && !quoted && text == "<<") {
            open.merges = true;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor { cell, height: 0 });
        }
        Ok(())
    }

    /// Where the text of a scalar is from now on: in the source if it stands there, else in `decoded`.
    fn keep(&mut self, text: &str) -> (u32, bool) {
        let source = self.document.text;
        let offset = text.as_ptr().addr().wrapping_sub(source.as_ptr().addr());
        if source.get(offset..offset.wrapping_add(text.len())).is_some_and(|there| std::ptr::eq(there, text)) {
            return (u32::try_from(offset).unwrap_or(u32::MAX), false);
        }
        let start = self.document.decoded.len();
        self.document.decoded.push_str(text);
        (u32::try_from(start).unwrap_or(u32::MAX), true)
    }

    fn open(&mut self, kind: Kind, at: Position, anchor: usize) -> Result<(), Diagnostic> {
        let cell = self.document.cells.len();
        self.take_slot(cell, false, at)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(self.file, at));
        }
        self.document.cells.push(Cell { at, start: 0, len: 0, span: 1, kind });
        let is_map = kind == Kind::Map;
        self.open.push(Open {
            cell,
            is_map,
            key: None,
            awaits_value: false,
            children: 0,
            height: 0,
            anchor,
            merges: false,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Diagnostic> {
        let Some(mut done) = self.open.pop() else { return Ok(()) };
        if done.is_map && !self.has_duplicates(&done) && done.merges {
            done.children = self.merge(&done)?;
        }
        let span = self.document.cells.len().saturating_sub(done.cell);
        if let Some(cell) = self.document.cells.get_mut(done.cell) {
            cell.start = done.children;
            cell.span = u32::try_from(span).unwrap_or(u32::MAX);
        }
        if let Some(outer) = self.open.last_mut() {
            outer.height = outer.height.max(done.height.saturating_add(1));
        }
        if done.anchor != 0 {
            self.anchors.insert(done.anchor, Anchor { cell: done.cell, height: done.height.saturating_add(1) });
        }
        Ok(())
    }

    /// Copies what the alias stands for.
    fn alias(&mut self, anchor: usize, at: Position) -> Result<(), Diagnostic> {
        let Some(target) = self.anchors.get(&anchor).copied() else {
            let what = "an alias stands inside the value it refers to".to_owned();
            return Err(fault(self.file, at, "yaml-alias", what, "write the value out"));
        };
        let first = self.document.cells.get(target.cell).copied().unwrap_or(EMPTY_MAP);
        let cells = index(first.span);
        self.alias_nodes = self.alias_nodes.saturating_add(cells);
        if self.alias_nodes > MAX_ALIAS_NODES {
            let what = format!("aliases add more than {MAX_ALIAS_NODES} values");
            return Err(fault(self.file, at, "yaml-alias-budget", what, "write the values out"));
        }
        if self.open.len().saturating_add(target.height) > MAX_DEPTH {
            return Err(too_deep(self.file, at));
        }
        let place = self.document.cells.len();
        self.take_slot(place, matches!(first.kind, Kind::Scalar { .. }), at)?;
        let end = target.cell.saturating_add(cells);
        self.document.cells.extend_from_within(target.cell.min(place)..end.min(place));
        if let Some(outer) = self.open.last_mut() {
            outer.height = outer.height.max(target.height);
        }
        Ok(())
    }

    /// Reports keys that differ at most in ASCII case.
    fn has_duplicates(&mut self, map: &Open) -> bool {
        let twice = self.document.repeated_keys(map.cell);
        if self.lenient {
            return !twice.is_empty();
        }
        let outer = self.path(true);
        let dot = if outer.is_empty() { "" } else { "." };
        let faults: Vec<_> = twice
            .into_iter()
            .map(|cell| {
                let (at, key) = (cell.at, self.document.text_of(cell));
                let what = format!("the key `{key}` stands twice in one map; case does not tell keys apart");
                let mut fault = fault(self.file, at, "duplicate-key", what, "keep one of them");
                fault.key = format!("{outer}{dot}{key}");
                fault
            })
            .collect();
        let any = !faults.is_empty();
        self.faults.extend(faults);
        any
    }

    /// Replaces `<<` by the members of the maps it names; members of the map itself win, then earlier maps.
    fn merge(&mut self, map: &Open) -> Result<u32, Diagnostic> {
        let cells = self.document.cells.split_off(map.cell.saturating_add(1));
        let mut taken: HashSet<String> = HashSet::new();
        let mut sources: Vec<&[Cell]> = Vec::new();
        let mut children = 0_u32;
        for (key, value) in members(&cells) {
            if matches!(key.kind, Kind::Scalar { quoted: false, .. }) && self.document.text_of(key) == "<<" {
                let first = value.first().copied().unwrap_or(EMPTY_MAP);
                match first.kind {
                    Kind::Map => sources.push(value),
                    Kind::List => sources.extend(items(value)),
                    Kind::Scalar { .. } => sources.push(value),
                }
                continue;
            }
            taken.insert(self.document.text_of(key).to_ascii_lowercase());
            self.document.cells.push(key);
            self.document.cells.extend_from_slice(value);
            children = children.saturating_add(1);
        }
        for source in sources {
            let Some((first, inside)) = source.split_first().filter(|(first, _)| first.kind == Kind::Map) else {
                let at = source.first().map(|first| first.at).unwrap_or_default();
                let what = "`<<` merges something that is no map".to_owned();
                return Err(fault(self.file, at, "yaml-merge", what, "name a map, or a list of maps"));
            };
            let _ = first;
            for (key, value) in members(inside) {
                if taken.insert(self.document.text_of(key).to_ascii_lowercase()) {
                    self.document.cells.push(key);
                    self.document.cells.extend_from_slice(value);
                    children = children.saturating_add(1);
                }
            }
        }
        Ok(children)
    }

    /// Path of the place where the next node goes, or of the node that was just closed.
    fn path(&self, is_closed: bool) -> String {
        let mut path = String::new();
        for (level, open) in self.open.iter().enumerate() {
            let begun = is_closed || level.saturating_add(1) < self.open.len();
            match open.key.filter(|_| begun || open.awaits_value).and_then(|key| self.document.cells.get(key)) {
                Some(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(self.document.text_of(*key));
                }
                None if !open.is_map => {
                    let number = open.children.saturating_sub(u32::from(begun));
                    path.push_str(&format!("[{number}]"));
                }
                None => {}
            }
        }
        path
    }
}

/// Keys of a map's cells, each with the cells of its value.
fn members(cells: &[Cell]) -> impl Iterator<Item = (Cell, &[Cell])> {
    let mut rest = cells;
    std::iter::from_fn(move || {
        let (key, after) = rest.split_first()?;
        let (value, next) = after.split_at_checked(index(after.first()?.span))?;
        rest = next;
        Some((*key, value))
    })
}

/// The items of a list, given with its own cell.
fn items(list: &[Cell]) -> impl Iterator<Item = &[Cell]> {
    let mut rest = list.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (item, next) = rest.split_at_checked(index(rest.first()?.span))?;
        rest = next;
        Some(item)
    })
}
