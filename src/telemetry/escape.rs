//! Values in log lines: quoted where logfmt asks for it, and never able to break a line or a terminal.

use std::fmt::Write as _;

/// Appends `value` as logfmt: bare if it needs no quotes, else quoted and escaped as Go's `%q` does.
pub(super) fn logfmt(value: &str, out: &mut String) {
    if !value.is_empty() && value.bytes().all(is_bare) {
        out.push_str(value);
        return;
    }
    out.push('"');
    if value.bytes().all(is_plain) {
        out.push_str(value);
    } else {
        value.chars().for_each(|c| push_quoted(c, out));
    }
    out.push('"');
}

/// Appends `value` as a JSON string.
pub(crate) fn json_string(value: &str, out: &mut String) {
    out.push('"');
    if value.bytes().all(is_plain) {
        out.push_str(value);
    } else {
        value.chars().for_each(|c| push_json(c, out));
    }
    out.push('"');
}

/// JSON as it was, with the active characters of its strings escaped: outside of strings there are none.
pub(crate) fn calm_json(json: String) -> String {
    if json.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return json;
    }
    let mut calm = String::with_capacity(json.len());
    json.chars().for_each(|c| if is_active(c) { push_json(c, &mut calm) } else { calm.push(c) });
    calm
}

/// Text as it was, with its active characters escaped as Rust writes them: what a file holds, shown on a terminal.
pub(crate) fn calm_text(text: &str) -> String {
    let mut calm = String::with_capacity(text.len());
    for c in text.chars() {
        if is_active(c) {
            calm.extend(c.escape_unicode());
        } else {
            calm.push(c);
        }
    }
    calm
}

/// Whether a terminal or a reader of lines may take a character for more than text: controls (ESC among them),
/// line and paragraph separators, bidirectional and invisible formatting.
const fn is_active(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/' | b'@' | b'^' | b'+')
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

fn push_quoted(c: char, out: &mut String) {
    let _written = match c {
        '"' | '\\' => write!(out, "\\{c}"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if !is_active(c) => out.write_char(c),
        c if u32::from(c) < 0x80 => write!(out, "\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x1_0000 => write!(out, "\\u{:04x}", u32::from(c)),
        c => write!(out, "\\U{:08x}", u32::from(c)),
    };
}

fn push_json(c: char, out: &mut String) {
    match c {
        '"' | '\\' => {
            out.push('\\');
            out.push(c);
        }
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if !is_active(c) => out.push(c),
        c => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _written = write!(out, "\\u{unit:04x}");
            }
        }
    }
}
