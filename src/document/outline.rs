//! Where everything stands in a YAML text, byte by byte, aliases left as they are: for those who edit texts.
//!
//! What a text means is the business of [`super::parse`], which is called first and refuses what is beyond its bounds.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle};

use super::yaml::{options, syntax};
use crate::diagnostic::{Diagnostic, Position};

/// A node of the text.
#[derive(Clone, Debug)]
pub struct Outline {
    /// Bytes of its content, without anchor and, for `|` and `>`, without the header. A block collection ends with its
    /// last child, a block scalar with its last line; neither has the line feed behind.
    pub range: Range<usize>,
    /// Where it begins.
    pub at: Position,
    /// Whether an anchor (`&…`) stands before it.
    pub is_anchored: bool,
    /// What it is.
    pub shape: Shape,
}

/// What stands there.
#[derive(Clone, Debug)]
pub enum Shape {
    /// `*…`
    Alias,
    /// A list.
    List {
        /// Written with brackets.
        is_flow: bool,
        /// Its items.
        items: Vec<Outline>,
    },
    /// A map.
    Map {
        /// Written with braces.
        is_flow: bool,
        /// Its members, `<<` included.
        members: Vec<OutlineMember>,
    },
    /// A scalar.
    Scalar,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct OutlineMember {
    /// The key, escapes resolved.
    pub key: String,
    /// The key as it stands.
    pub range: Range<usize>,
    /// The byte behind the colon; where a value without colon would begin.
    pub colon_end: usize,
    /// Its value.
    pub value: Outline,
}

/// Reads where the nodes of the first document stand; `None` when there is no content.
///
/// # Errors
/// The first fault of syntax.
pub fn outline(file: &str, text: &str) -> Result<Option<Outline>, Diagnostic> {
    let mut reader = Reader { file, text, parser: Parser::new_from_str_with_options(text, options()) };
    while let Some((event, span)) = reader.step()? {
        match event {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(None),
            other => return reader.node(&other, &span).map(Some),
        }
    }
    Ok(None)
}

/// Reads where the nodes of every document with content stand, in order.
///
/// # Errors
/// The first fault of syntax.
pub fn outlines(file: &str, text: &str) -> Result<Vec<Outline>, Diagnostic> {
    let mut reader = Reader { file, text, parser: Parser::new_from_str_with_options(text, options()) };
    let mut found = Vec::new();
    while let Some((event, span)) = reader.step()? {
        match event {
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            other => found.push(reader.node(&other, &span)?),
        }
    }
    // A document without content is a scalar without text.
    found.retain(|root| !matches!(root.shape, Shape::Scalar) || !root.range.is_empty());
    Ok(found)
}

struct Reader<'f, 't> {
    file: &'f str,
    text: &'t str,
    parser: Parser<'t, granit_parser::StrInput<'t>>,
}

impl<'t> Reader<'_, 't> {
    fn step(&mut self) -> Result<Option<(Event<'t>, Span)>, Diagnostic> {
        self.parser.next().transpose().map_err(|error: ScanError| syntax(self.file, self.text, &error))
    }

    fn node(&mut self, event: &Event<'_>, span: &Span) -> Result<Outline, Diagnostic> {
        let at = super::yaml::place(&span.start);
        let mut range = span.start.byte_offset().unwrap_or_default()..span.end.byte_offset().unwrap_or_default();
        let (is_anchored, shape) = match event {
            Event::SequenceStart(style, anchor, _) => {
                let is_flow = *style == StructureStyle::Flow;
                let mut items = Vec::new();
                while let Some((event, span)) = self.step()? {
                    if matches!(event, Event::SequenceEnd) {
                        range.end = end(is_flow, &span, items.last());
                        break;
                    }
                    items.push(self.node(&event, &span)?);
                }
                (*anchor != 0, Shape::List { is_flow, items })
            }
            Event::MappingStart(style, anchor, _) => {
                let is_flow = *style == StructureStyle::Flow;
                let mut members: Vec<OutlineMember> = Vec::new();
                while let Some((event, span)) = self.step()? {
                    if matches!(event, Event::MappingEnd) {
                        range.end = end(is_flow, &span, members.last().map(|member| &member.value));
                        break;
                    }
                    members.push(self.member(&event, &span)?);
                }
                (*anchor != 0, Shape::Map { is_flow, members })
            }
            Event::Scalar(_, style, anchor, _) => {
                let source = self.text.get(range.clone()).unwrap_or_default();
                range.end = range.start.saturating_add(content(source, *style));
                (*anchor != 0, Shape::Scalar)
            }
            Event::Alias(_) => (false, Shape::Alias),
            _ => (false, Shape::Scalar),
        };
        Ok(Outline { range, at, is_anchored, shape })
    }

    fn member(&mut self, event: &Event<'_>, span: &Span) -> Result<OutlineMember, Diagnostic> {
        let key = self.node(event, span)?;
        let text = if let Event::Scalar(text, ..) = event { text.clone().into_owned() } else { String::new() };
        let behind = self.text.get(key.range.end..).unwrap_or_default();
        let gap = behind.len().saturating_sub(behind.trim_start().len());
        let colon_end = match behind.get(gap..) {
            Some(rest) if rest.starts_with(':') => key.range.end.saturating_add(gap).saturating_add(1),
            _ => key.range.end,
        };
        let mut value = match self.step()? {
            Some((event, span)) => self.node(&event, &span)?,
            None => Outline { range: 0..0, at: key.at, is_anchored: false, shape: Shape::Scalar },
        };
        if value.range.end < colon_end {
            // The parser puts a missing value before the colon.
            value.range = colon_end..colon_end;
        }
        Ok(OutlineMember { key: text, range: key.range, colon_end, value })
    }
}

/// Where a collection ends.
fn end(is_flow: bool, span: &Span, last: Option<&Outline>) -> usize {
    let at_end = span.end.byte_offset().unwrap_or_default();
    if is_flow { at_end } else { last.map_or(at_end, |last| last.range.end) }
}

/// Bytes of a scalar's source that are its own.
fn content(source: &str, style: ScalarStyle) -> usize {
    match style {
        // Empty lines at its end may be its content; the last line feed is left to what follows.
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let lines = source.trim_end_matches([' ', '\t']);
            let lines = lines.strip_suffix('\n').unwrap_or(lines);
            lines.strip_suffix('\r').unwrap_or(lines).len()
        }
        ScalarStyle::Plain => source.trim_end().len(),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => source.len(),
    }
}
