//! The input `access_entries` of terraform-aws-modules/eks.

use std::fmt::Write as _;

use super::{NamedEntry, policy_arn, type_of};

/// The entries as a map of HCL.
#[must_use]
pub fn terraform(entries: &[NamedEntry]) -> String {
    let mut text = "access_entries = {\n".to_owned();
    for entry in entries {
        write_entry(&mut text, entry);
    }
    text.push_str("}\n");
    text
}

fn write_entry(to: &mut String, entry: &NamedEntry) {
    let text = &entry.text;
    let mut members = vec![("principal_arn", quoted(&text.principal_arn)), ("type", quoted(type_of(text)))];
    members.extend(text.username.as_deref().map(|username| ("user_name", quoted(username))));
    if !text.kubernetes_groups.is_empty() {
        members.push(("kubernetes_groups", list(&text.kubernetes_groups)));
    }
    // Writing into a text cannot fail.
    let _ = writeln!(to, "  {} = {{", quoted(&entry.name));
    let width = members.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    for (key, value) in members {
        let _ = writeln!(to, "    {key:width$} = {value}");
    }
    if !text.associations.is_empty() {
        to.push_str("    policy_associations = {\n");
        for association in &text.associations {
            let name = association.policy.rsplit('/').next().unwrap_or_default();
            let _ = writeln!(to, "      {} = {{", quoted(name));
            let _ =
                writeln!(to, "        policy_arn = {}", quoted(&policy_arn(&association.policy, &text.principal_arn)));
            to.push_str("        access_scope = {\n");
            let key = if association.namespaces.is_empty() { "type" } else { "type      " };
            let _ = writeln!(to, "          {key} = {}", quoted(&association.scope_type));
            if !association.namespaces.is_empty() {
                let _ = writeln!(to, "          namespaces = {}", list(&association.namespaces));
            }
            to.push_str("        }\n      }\n");
        }
        to.push_str("    }\n");
    }
    to.push_str("  }\n");
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
}

/// A text of HCL, in which nothing is evaluated.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => quoted.extend([character, character]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
