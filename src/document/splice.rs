//! One edit of a text: bytes that make way for others, and nothing else touched.

use std::ops::Range;

use serde_json::Value;

use super::render::{Style, column, dash_of, indentation, item_lines, json, line_end, pretty};
use super::{Outline, Shape};

/// Bytes to be replaced, and by what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Splice {
    /// The bytes that go.
    pub range: Range<usize>,
    /// What comes instead.
    pub text: String,
}

impl Splice {
    /// The text with it.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let before = text.get(..self.range.start).unwrap_or_default();
        let after = text.get(self.range.end..).unwrap_or_default();
        [before, &self.text, after].concat()
    }

    /// Puts `lines` behind the line on which `end` stands.
    #[must_use]
    pub fn lines(text: &str, end: usize, lines: &[String], style: &Style) -> Self {
        let at = line_end(text, end);
        Self { range: at..at, text: format!("{}{}", style.newline, lines.join(style.newline)) }
    }

    /// Puts what `render` makes behind the last child of a flow collection, which ends at `end`; on a line of its own,
    /// whose indentation `render` is told, if the others have one. A comment behind the last child stays with it.
    #[must_use]
    pub fn in_flow(
        text: &str,
        node: &Outline,
        (first, last, end): (usize, usize, usize),
        style: &Style,
        render: &dyn Fn(Option<&str>) -> String,
    ) -> Self {
        let is_spread = text.get(node.range.start..first).is_some_and(|lead| lead.contains('\n'));
        let Some(indent) = indentation(text, last).filter(|_| is_spread) else {
            return Self { range: end..end, text: format!(", {}", render(None)) };
        };
        let line = format!("{}{indent}{}", style.newline, render(Some(indent)));
        let stop = line_end(text, end);
        let tail = text.get(end..stop).unwrap_or_default();
        let behind_comma = tail.trim_start().strip_prefix(',');
        if !behind_comma.unwrap_or(tail).trim_start().starts_with('#') {
            return Self { range: end..end, text: format!(",{line}") };
        }
        match behind_comma {
            Some(_) => Self { range: stop..stop, text: format!("{line},") },
            None => Self { range: end..stop, text: format!(",{tail}{line}") },
        }
    }

    /// Puts `value` behind the last item of a list, written as the others are; `None` for a list without items and for
    /// what is no list. Comments below the last item that stand deeper than its dash stay with it.
    #[must_use]
    pub fn item(text: &str, list: &Outline, value: &Value, style: &Style) -> Option<Self> {
        let Shape::List { is_flow, items } = &list.shape else { return None };
        let (first, last) = (items.first()?, items.last()?);
        if *is_flow {
            let at = (first.range.start, last.range.start, last.range.end);
            return Some(Self::in_flow(text, list, at, style, &|indent| {
                indent.map_or_else(|| json(value), |indent| pretty(value, indent, style))
            }));
        }
        let dash = dash_of(text, first.range.start);
        // Blanks between dash and content count as style; an anchor, or a line feed, does not.
        let is_plain_lead = text
            .get(dash..first.range.start)
            .is_some_and(|lead| lead.strip_prefix('-').is_some_and(|blanks| blanks.bytes().all(|byte| byte == b' ')));
        let gap = if is_plain_lead { first.range.start.saturating_sub(dash) } else { 2 };
        let dash = column(text, dash);
        let lines = if items.iter().all(|item| matches!(item.shape, Shape::Map { is_flow: true, .. })) {
            vec![format!("{}-{}{}", " ".repeat(dash), " ".repeat(gap.saturating_sub(1)), json(value))]
        } else {
            item_lines(value, dash, gap, style)
        };
        Some(Self::lines(text, with_own_comments(text, last.range.end, dash), &lines, style))
    }
}

/// The end of the last comment line below `end` that stands deeper than `dash`, with only such and empty lines between.
fn with_own_comments(text: &str, end: usize, dash: usize) -> usize {
    let mut kept = line_end(text, end);
    let mut seen = kept;
    while let Some(feed) = text.get(seen..).and_then(|rest| rest.find('\n')) {
        let start = seen.saturating_add(feed).saturating_add(1);
        seen = line_end(text, start);
        let line = text.get(start..seen).unwrap_or_default();
        let content = line.trim_start_matches(' ');
        if content.starts_with('#') && line.len().saturating_sub(content.len()) > dash {
            kept = seen;
        } else if !content.trim().is_empty() {
            break;
        }
    }
    kept
}
