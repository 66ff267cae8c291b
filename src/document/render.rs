//! Values as YAML lines and as JSON, in the style of the text they go into: for those who edit texts.

use serde_json::{Map, Value};

use super::{Outline, Shape};

/// How the text around is written.
#[derive(Clone, Debug)]
pub struct Style {
    /// Ends its lines.
    pub newline: &'static str,
    /// Blanks by which a map stands deeper than its key.
    pub step: usize,
    /// Blanks by which the dash of a list stands deeper than its key.
    pub dash: usize,
    /// What one level of JSON on several lines is indented by.
    pub json_step: String,
}

impl Style {
    /// As the first places of the text show it; kubectl's own where it shows nothing.
    #[must_use]
    pub fn of(text: &str, outline: Option<&Outline>) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut style = Self { newline, step: 2, dash: 0, json_step: "  ".to_owned() };
        let (mut step, mut dash) = (None, None);
        if let Some(root) = outline {
            look(text, root, &mut step, &mut dash);
            if let Shape::Map { is_flow: true, members } = &root.shape
                && let Some(first) = members.first()
                && let Some(blanks) = indentation(text, first.range.start).filter(|blanks| !blanks.is_empty())
            {
                style.json_step = blanks.to_owned();
            }
        }
        style.step = step.unwrap_or(style.step);
        style.dash = dash.unwrap_or(style.dash);
        style
    }
}

fn look(text: &str, node: &Outline, step: &mut Option<usize>, dash: &mut Option<usize>) {
    match &node.shape {
        Shape::Map { is_flow: false, members } => {
            let own = members.first().map_or(0, |member| column(text, member.range.start));
            for member in members {
                match &member.value.shape {
                    Shape::Map { is_flow: false, members } => {
                        let theirs = members.first().map_or(0, |member| column(text, member.range.start));
                        step.get_or_insert(theirs.saturating_sub(own).max(1));
                    }
                    Shape::List { is_flow: false, items } => {
                        if let Some(item) = items.first() {
                            dash.get_or_insert(column(text, dash_of(text, item.range.start)).saturating_sub(own));
                        }
                    }
                    Shape::Alias | Shape::List { .. } | Shape::Map { .. } | Shape::Scalar => {}
                }
                look(text, &member.value, step, dash);
            }
        }
        Shape::List { is_flow: false, items } => items.iter().for_each(|item| look(text, item, step, dash)),
        Shape::Alias | Shape::List { .. } | Shape::Map { .. } | Shape::Scalar => {}
    }
}

/// Where the line of `at` begins.
#[must_use]
pub fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |feed| feed.saturating_add(1))
}

/// Where the line of `at` ends, its line feed not included.
#[must_use]
pub fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let line = rest.find('\n').map_or(rest, |feed| rest.get(..feed).unwrap_or_default());
    at.saturating_add(line.strip_suffix('\r').unwrap_or(line).len())
}

/// Bytes between the begin of the line and `at`; blanks are one byte each.
#[must_use]
pub fn column(text: &str, at: usize) -> usize {
    at.saturating_sub(line_start(text, at))
}

/// The blanks before `at`, if nothing else stands before it on its line.
#[must_use]
pub fn indentation(text: &str, at: usize) -> Option<&str> {
    let before = text.get(line_start(text, at)..at)?;
    before.bytes().all(|byte| byte == b' ' || byte == b'\t').then_some(before)
}

/// Where the dash of the block list's item stands that begins at `at`.
#[must_use]
pub fn dash_of(text: &str, at: usize) -> usize {
    let mut end = at;
    loop {
        let start = line_start(text, end);
        let line = text.get(start..end).unwrap_or_default();
        let blanks = line.len().saturating_sub(line.trim_start_matches(' ').len());
        if start == 0 || line.get(blanks..).is_some_and(|line| line.starts_with('-')) {
            return start.saturating_add(blanks);
        }
        end = start.saturating_sub(1);
    }
}

/// Whether it stands behind its key on one line.
#[must_use]
pub fn is_inline(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// What stands on one line in block style.
#[must_use]
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => json(other),
    }
}

/// On one line, as JSON, which is YAML too.
#[must_use]
pub fn json(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{}: {}", quoted(key), json(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// As JSON on several lines; all but the first begin with `indent`.
#[must_use]
pub fn pretty(value: &Value, indent: &str, style: &Style) -> String {
    let (deeper, newline) = (format!("{indent}{}", style.json_step), style.newline);
    let between = format!(",{newline}{deeper}");
    match value {
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().map(|item| pretty(item, &deeper, style)).collect::<Vec<_>>().join(&between);
            format!("[{newline}{deeper}{items}{newline}{indent}]")
        }
        Value::Object(members) if !members.is_empty() => {
            let member =
                |(key, value): (&String, &Value)| format!("{}: {}", quoted(key), pretty(value, &deeper, style));
            let members = members.iter().map(member).collect::<Vec<_>>().join(&between);
            format!("{{{newline}{deeper}{members}{newline}{indent}}}")
        }
        other => json(other),
    }
}

/// The lines of a member of a block map whose keys stand at `column`.
#[must_use]
pub fn member_lines(key: &str, value: &Value, column: usize, style: &Style) -> Vec<String> {
    let key = if is_plain(key) { key.to_owned() } else { quoted(key) };
    let blanks = " ".repeat(column);
    if is_inline(value) {
        return vec![format!("{blanks}{key}: {}", inline(value))];
    }
    let mut lines = vec![format!("{blanks}{key}:")];
    lines.extend(lines_below(value, column, style));
    lines
}

/// The lines of a collection that stands below a key at `column`.
#[must_use]
pub fn lines_below(value: &Value, column: usize, style: &Style) -> Vec<String> {
    match value {
        Value::Object(members) => map_lines(members, column.saturating_add(style.step), style),
        Value::Array(items) => list_lines(items, column.saturating_add(style.dash), style),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The lines of a block map whose keys stand at `column`.
#[must_use]
pub fn map_lines(members: &Map<String, Value>, column: usize, style: &Style) -> Vec<String> {
    members.iter().flat_map(|(key, value)| member_lines(key, value, column, style)).collect()
}

/// The lines of a block list whose dashes stand at `column`.
#[must_use]
pub fn list_lines(items: &[Value], column: usize, style: &Style) -> Vec<String> {
    items.iter().flat_map(|item| item_lines(item, column, 2, style)).collect()
}

/// The lines of an item whose dash stands at `column` and whose content stands `gap` behind it.
#[must_use]
pub fn item_lines(item: &Value, column: usize, gap: usize, style: &Style) -> Vec<String> {
    let blanks = " ".repeat(column);
    let lead = format!("{blanks}-{}", " ".repeat(gap.saturating_sub(1)));
    match item {
        Value::Object(members) if !members.is_empty() => {
            let mut lines = map_lines(members, column.saturating_add(gap), style);
            if let Some(first) = lines.first_mut() {
                *first = format!("{lead}{}", first.trim_start_matches(' '));
            }
            lines
        }
        other => vec![format!("{lead}{}", inline(other))],
    }
}

/// Text that no YAML reader, old or new, takes for something else without quotes.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];
    let bare = text.strip_prefix("--").unwrap_or(text);
    let begins = bare.starts_with(|first: char| first.is_ascii_alphabetic() || (first == '/' && bare == text));
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b" _./:@+=,;()'-".contains(&byte);
    begins
        && text.bytes().all(keeps)
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// In quotes; what older YAML readers take for a line break is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = Value::String(text.to_owned()).to_string();
    for (character, escape) in [
        ('\u{85}', "\\u0085"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
        ('\u{feff}', "\\ufeff"),
        ('\u{7f}', "\\u007f"),
    ] {
        if quoted.contains(character) {
            quoted = quoted.replace(character, escape);
        }
    }
    quoted
}
