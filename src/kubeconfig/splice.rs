//! The smallest step from a text to one that says what is wanted.
//!
//! [`next`] walks the text's outline beside the two trees and yields one splice for the first difference. A map is
//! mended member by member, a list of maps item by item, everything else is replaced as a whole; so comments, order,
//! quoting and unknown members of what stays are not touched.

use std::ops::Range;

use serde_json::{Map, Value};

use super::EditError;
use super::tree::fault;
use crate::document::render::{
    Style, column, dash_of, indentation, inline, is_inline, json, line_end, line_start, lines_below, list_lines,
    map_lines, member_lines, pretty,
};
use crate::document::{Outline, OutlineMember, Shape, Splice};

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
enum Slot {
    /// The whole.
    Root,
    /// In a list.
    Item { is_flow: bool },
    /// Behind a key, whose map's keys stand at `column`.
    Member { is_flow: bool, colon_end: usize, column: usize },
}

/// The splice for the first difference between `old`, which is what `text` says, and `want`.
///
/// # Errors
/// [`EditError::Faults`], when it would have to replace an anchor.
pub(super) fn next(
    file: &str,
    text: &str,
    root: &Outline,
    old: &Map<String, Value>,
    want: &Map<String, Value>,
) -> Result<Option<Splice>, EditError> {
    let editor = Editor { file, text, style: Style::of(text, Some(root)) };
    editor.difference(root, &Value::Object(old.clone()), &Value::Object(want.clone()), Slot::Root)
}

struct Editor<'t> {
    file: &'t str,
    text: &'t str,
    style: Style,
}

impl Editor<'_> {
    fn difference(&self, node: &Outline, old: &Value, want: &Value, slot: Slot) -> Result<Option<Splice>, EditError> {
        if old == want {
            return Ok(None);
        }
        match (&node.shape, old, want) {
            (Shape::Map { is_flow, members }, Value::Object(old), Value::Object(want))
                if !want.is_empty() && !members.is_empty() && members.iter().all(|member| member.key != "<<") =>
            {
                self.in_map(node, *is_flow, members, old, want)
            }
            (Shape::List { is_flow, items }, Value::Array(old), Value::Array(want))
                if !want.is_empty() && !items.is_empty() && old.iter().chain(want).all(Value::is_object) =>
            {
                self.in_list(node, *is_flow, items, old, want)
            }
            _ => self.replace(node, want, slot).map(Some),
        }
    }

    fn in_map(
        &self,
        node: &Outline,
        is_flow: bool,
        members: &[OutlineMember],
        old: &Map<String, Value>,
        want: &Map<String, Value>,
    ) -> Result<Option<Splice>, EditError> {
        let keys_at = members.first().map_or(0, |member| column(self.text, member.range.start));
        for member in members {
            if let (Some(old), Some(want)) = (old.get(&member.key), want.get(&member.key)) {
                let slot = Slot::Member { is_flow, colon_end: member.colon_end, column: keys_at };
                if let Some(splice) = self.difference(&member.value, old, want, slot)? {
                    return Ok(Some(splice));
                }
            }
        }
        if let Some((key, value)) = want.iter().find(|(key, _)| !old.contains_key(*key)) {
            return Ok(self.insert_member(node, is_flow, members, key, value));
        }
        match members.iter().position(|member| !want.contains_key(&member.key)) {
            Some(gone) => self.remove_member(is_flow, members, gone),
            None => Ok(None),
        }
    }

    fn in_list(
        &self,
        node: &Outline,
        is_flow: bool,
        items: &[Outline],
        old: &[Value],
        want: &[Value],
    ) -> Result<Option<Splice>, EditError> {
        if want.len() < old.len() {
            let gone = old.iter().zip(want).position(|(old, want)| old != want).unwrap_or(want.len());
            return self.remove_item(is_flow, items, gone);
        }
        for ((item, old), want) in items.iter().zip(old).zip(want) {
            if let Some(splice) = self.difference(item, old, want, Slot::Item { is_flow })? {
                return Ok(Some(splice));
            }
        }
        Ok(want.get(old.len()).and_then(|value| Splice::item(self.text, node, value, &self.style)))
    }

    fn insert_member(
        &self,
        node: &Outline,
        is_flow: bool,
        members: &[OutlineMember],
        key: &str,
        value: &Value,
    ) -> Option<Splice> {
        let (first, last) = (members.first()?, members.last()?);
        let end = end_of(last);
        if is_flow {
            let key = json(&key.into());
            let at = (first.range.start, last.range.start, end);
            return Some(Splice::in_flow(self.text, node, at, &self.style, &|indent| {
                let value = indent.map_or_else(|| json(value), |indent| pretty(value, indent, &self.style));
                format!("{key}: {value}")
            }));
        }
        let lines = member_lines(key, value, column(self.text, first.range.start), &self.style);
        Some(Splice::lines(self.text, end, &lines, &self.style))
    }

    fn remove_member(
        &self,
        is_flow: bool,
        members: &[OutlineMember],
        gone: usize,
    ) -> Result<Option<Splice>, EditError> {
        let Some(member) = members.get(gone) else { return Ok(None) };
        self.refuse_anchors(&member.value)?;
        let next = gone.checked_add(1).and_then(|next| members.get(next)).map(|next| next.range.start);
        let previous = gone.checked_sub(1).and_then(|previous| members.get(previous)).map(end_of);
        let is_on_own_line = !is_flow && indentation(self.text, member.range.start).is_some();
        Ok(self.cut(is_on_own_line, member.range.start..end_of(member), previous, next))
    }

    fn remove_item(&self, is_flow: bool, items: &[Outline], gone: usize) -> Result<Option<Splice>, EditError> {
        let Some(item) = items.get(gone) else { return Ok(None) };
        self.refuse_anchors(item)?;
        if is_flow {
            let next = gone.checked_add(1).and_then(|next| items.get(next)).map(|next| next.range.start);
            let previous = gone.checked_sub(1).and_then(|previous| items.get(previous)).map(|item| item.range.end);
            return Ok(self.cut(false, item.range.clone(), previous, next));
        }
        Ok(self.cut(true, dash_of(self.text, item.range.start)..item.range.end, None, None))
    }

    /// Takes out whole lines, or what stands from here to the next, or from the previous to the end.
    fn cut(&self, by_lines: bool, range: Range<usize>, previous: Option<usize>, next: Option<usize>) -> Option<Splice> {
        let range = match (by_lines, previous, next) {
            (true, ..) => self.lines_of(range),
            (false, _, Some(next)) => range.start..next,
            (false, Some(previous), None) => previous..range.end,
            (false, None, None) => return None,
        };
        Some(Splice { range, text: String::new() })
    }

    /// Whole lines with their line feed; that of the line before when the last has none.
    fn lines_of(&self, range: Range<usize>) -> Range<usize> {
        let (start, end) = (line_start(self.text, range.start), line_end(self.text, range.end));
        match self.text.get(end..).and_then(|rest| rest.find('\n')) {
            Some(feed) => start..end.saturating_add(feed).saturating_add(1),
            None => line_end(self.text, start.saturating_sub(1))..self.text.len(),
        }
    }

    fn replace(&self, node: &Outline, want: &Value, slot: Slot) -> Result<Splice, EditError> {
        self.refuse_anchors(node)?;
        let newline = self.style.newline;
        let (colon_end, keys_at) = match slot {
            Slot::Member { is_flow: false, colon_end, column } => (colon_end, column),
            Slot::Item { is_flow: false } if is_block(node) && !is_inline(want) => {
                return Ok(Splice {
                    range: node.range.clone(),
                    text: self.lines_at(node, want).join(newline).trim_start().to_owned(),
                });
            }
            Slot::Root => return Ok(Splice { range: node.range.clone(), text: pretty(want, "", &self.style) }),
            Slot::Item { .. } | Slot::Member { .. } => return Ok(self.replace_inline(node, want)),
        };
        let end = node.range.end.max(colon_end);
        if is_inline(want) {
            // The comment behind the key of a block stays with the key.
            let tail = if is_block(node) { self.text.get(colon_end..line_end(self.text, colon_end)) } else { None };
            let range = if tail.is_some() { colon_end..line_end(self.text, end) } else { colon_end..end };
            return Ok(Splice { range, text: format!(" {}{}", inline(want), tail.unwrap_or_default()) });
        }
        if is_block(node) && self.is_below(colon_end, node) {
            let first = match node.shape {
                Shape::List { .. } => dash_of(self.text, self.first_of(node)),
                Shape::Alias | Shape::Map { .. } | Shape::Scalar => node.range.start,
            };
            let range = line_start(self.text, first)..line_end(self.text, end);
            let is_same_kind = matches!(
                (&node.shape, want),
                (Shape::List { .. }, Value::Array(_)) | (Shape::Map { .. }, Value::Object(_))
            );
            let lines = if is_same_kind { self.lines_at(node, want) } else { lines_below(want, keys_at, &self.style) };
            return Ok(Splice { range, text: lines.join(newline) });
        }
        let behind = self.text.get(end..line_end(self.text, end)).unwrap_or_default().trim_end();
        let lines = lines_below(want, keys_at, &self.style).join(newline);
        Ok(Splice { range: colon_end..line_end(self.text, end), text: format!("{behind}{newline}{lines}") })
    }

    /// In its place on the line.
    fn replace_inline(&self, node: &Outline, want: &Value) -> Splice {
        let before = self.text.get(..node.range.start).unwrap_or_default();
        let pad = if before.ends_with([' ', '\t', '\n', '[', '{', ',']) { "" } else { " " };
        Splice { range: node.range.clone(), text: format!("{pad}{}", json(want)) }
    }

    /// The lines of `want` where the block collection `node` stands.
    fn lines_at(&self, node: &Outline, want: &Value) -> Vec<String> {
        match want {
            Value::Object(members) => map_lines(members, column(self.text, node.range.start), &self.style),
            Value::Array(items) => {
                list_lines(items, column(self.text, dash_of(self.text, self.first_of(node))), &self.style)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }

    /// Where the first child begins.
    fn first_of(&self, node: &Outline) -> usize {
        match &node.shape {
            Shape::List { items, .. } => items.first().map_or(node.range.start, |item| item.range.start),
            Shape::Alias | Shape::Map { .. } | Shape::Scalar => node.range.start,
        }
    }

    /// Whether it begins on a line below that of `at`.
    fn is_below(&self, at: usize, node: &Outline) -> bool {
        self.text.get(at..node.range.start).is_some_and(|gap| gap.contains('\n'))
    }

    /// An anchor that goes may be what an alias elsewhere stands for.
    fn refuse_anchors(&self, node: &Outline) -> Result<(), EditError> {
        if node.is_anchored {
            let what = "a value with an anchor (`&…`) would have to be replaced".to_owned();
            return Err(fault(
                self.file,
                node.at,
                "kubeconfig-anchor",
                what,
                "write the value out where its alias stands",
            ));
        }
        match &node.shape {
            Shape::List { items, .. } => items.iter().try_for_each(|item| self.refuse_anchors(item)),
            Shape::Map { members, .. } => members.iter().try_for_each(|member| self.refuse_anchors(&member.value)),
            Shape::Alias | Shape::Scalar => Ok(()),
        }
    }
}

/// A collection without brackets.
const fn is_block(node: &Outline) -> bool {
    matches!(node.shape, Shape::List { is_flow: false, .. } | Shape::Map { is_flow: false, .. })
}

/// Where a member ends.
fn end_of(member: &OutlineMember) -> usize {
    member.value.range.end.max(member.colon_end)
}
