//! A kubeconfig's text with some of its entries put in, replaced or pointed to. Pure.

use std::ops::Range;

use serde_json::{Map, Value};

use super::splice::next;
use super::tree::{Kind, Tree, fault, member_of, parse, text as text_of};
use super::wanted;
use crate::diagnostic::Diagnostic;
use crate::document::render::{Style, dash_of, line_end, line_start, map_lines};
use crate::document::{Outline, OutlineMember, Shape, Splice};

/// Splices that one change may take: far more than one needs, so that a fault of ours ends.
const MAX_SPLICES: usize = 500;

/// One wish.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// `clusters[]`: put in, or server and CA set in it; a CA file and `insecure-skip-tls-verify` make way for the CA.
    Cluster {
        /// Name of the entry.
        name: String,
        /// `server`
        server: String,
        /// `certificate-authority-data`; `None` leaves what is there.
        certificate_authority_data: Option<String>,
    },
    /// `contexts[]`: put in, or cluster and user set in it.
    Context {
        /// Name of the entry.
        name: String,
        /// Its cluster.
        cluster: String,
        /// Its user.
        user: String,
        /// Its namespace; `None` leaves it.
        namespace: Option<String>,
    },
    /// `users[]`: put in, or its way in replaced.
    User {
        /// Name of the entry.
        name: String,
        /// Its plugin.
        exec: ExecUser,
    },
    /// `users[]`: the plugin called instead of the one it has, which the entry remembers.
    Convert {
        /// Name of the entry.
        name: String,
        /// Its plugin from now on; without variables it keeps its own.
        exec: ExecUser,
        /// Whether the one it has is worth going back to.
        remembers: bool,
    },
    /// `users[]`: back to what [`Change::Convert`] found.
    Revert {
        /// Name of the entry.
        name: String,
    },
    /// `current-context`
    UseContext(String),
}

/// `users[].user.exec`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExecUser {
    /// `client.authentication.k8s.io/…`
    pub api_version: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its variables.
    pub env: Vec<(String, String)>,
    /// `Never`, `IfAvailable`, `Always`.
    pub interactive_mode: String,
    /// Whether the plugin is told about the cluster; `false` leaves what [`Change::Convert`] finds.
    pub provide_cluster_info: bool,
    /// What a client shows when the program is missing.
    pub install_hint: String,
}

/// Why a text cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is no kubeconfig, or holds what cannot be edited safely.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Diagnostic>),
    /// The entry is not there.
    #[error("{kind} `{name}` is not in the kubeconfig")]
    NotFound {
        /// `cluster`, `context`, `user`.
        kind: &'static str,
        /// What was looked for.
        name: String,
    },
    /// The user was not converted.
    #[error("user `{0}` remembers no other plugin; only what --convert changed can be reverted")]
    NothingToRevert(String),
    /// The text is written in a way that our splices do not fit.
    #[error(
        "{file}: it is written in a way that cannot be edited safely ({why}); nothing was changed; `kubectl config view --raw --kubeconfig {file}` prints it in the usual way"
    )]
    Unusual {
        /// Which file.
        file: String,
        /// What went wrong.
        why: &'static str,
    },
}

/// The text with every change made. `file` names it in faults.
///
/// # Errors
/// [`EditError`].
pub fn edit(file: &str, text: &str, changes: &[Change]) -> Result<String, EditError> {
    let (mark, mut edited) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest.to_owned()),
        None => ("", text.to_owned()),
    };
    let tree = parse(file, &edited)?;
    if is_blank(&tree) {
        edited = fill(file, edited, tree.root, changes)?;
    } else {
        for change in changes {
            edited = make(file, edited, change)?;
        }
    }
    edited.insert_str(0, mark);
    Ok(edited)
}

/// All changes at once, so that the entries of a new file stand in the order in which kubectl writes them.
fn fill(file: &str, text: String, mut want: Map<String, Value>, changes: &[Change]) -> Result<String, EditError> {
    for change in changes {
        wanted::make(&mut want, change, None)?;
    }
    if want.is_empty() {
        return Ok(text);
    }
    want.entry("apiVersion").or_insert("v1".into());
    want.entry("kind").or_insert("Config".into());
    lead(file, text, &want)
}

fn make(file: &str, text: String, change: &Change) -> Result<String, EditError> {
    let tree = parse(file, &text)?;
    let (memory, place) = match change {
        Change::Convert { name, remembers: true, .. } => (remember(&text, &tree, name), None),
        Change::Revert { name } => (recall(&tree, name), exec_of(&tree, name).map(span)),
        Change::Cluster { .. }
        | Change::Context { .. }
        | Change::Convert { .. }
        | Change::User { .. }
        | Change::UseContext(_) => (None, None),
    };
    let value = match (change, &memory) {
        (Change::Revert { .. }, Some(Value::String(raw))) => value_of(raw),
        _ => memory.clone(),
    };
    let mut want = tree.root.clone();
    wanted::make(&mut want, change, value)?;
    if want == tree.root {
        return Ok(text);
    }
    let restored = match (place, &memory) {
        (Some(range), Some(Value::String(raw))) if raw.contains("\r\n") == text.contains("\r\n") => {
            lead(file, Splice { range, text: raw.clone() }.apply(&text), &want).ok()
        }
        _ => None,
    };
    let edited = match restored {
        Some(restored) => restored,
        None => lead(file, text.clone(), &want)?,
    };
    let mut lines = edited.lines();
    if kept_lines(&text, &tree, &want).all(|kept| lines.any(|line| line == kept)) {
        return Ok(edited);
    }
    match tree.outline.as_ref().and_then(first_anchor) {
        Some(anchor) => {
            let what = "an alias elsewhere stands for a value with an anchor (`&…`) that would change".to_owned();
            Err(fault(file, anchor.at, "kubeconfig-anchor", what, "write the value out where its alias stands"))
        }
        None => Err(EditError::Unusual { file: file.to_owned(), why: "a line outside the entry would change" }),
    }
}

fn first_anchor(node: &Outline) -> Option<&Outline> {
    if node.is_anchored {
        return Some(node);
    }
    match &node.shape {
        Shape::List { items, .. } => items.iter().find_map(first_anchor),
        Shape::Map { members, .. } => members.iter().find_map(|member| first_anchor(&member.value)),
        Shape::Alias | Shape::Scalar => None,
    }
}

/// Splices until the text says what is wanted.
fn lead(file: &str, mut text: String, want: &Map<String, Value>) -> Result<String, EditError> {
    let unusual = |why| EditError::Unusual { file: file.to_owned(), why };
    for number in 0..MAX_SPLICES {
        let tree = match parse(file, &text) {
            Ok(tree) => tree,
            Err(fault) if number == 0 => return Err(fault),
            Err(_) => return Err(unusual("it could not be read after the change")),
        };
        if tree.root == *want {
            return Ok(text);
        }
        let splice = match &tree.outline {
            Some(outline) if !is_blank(&tree) => next(file, &text, outline, &tree.root, want)?,
            _ => Some(begin(&text, want)),
        };
        text = splice.ok_or_else(|| unusual("no place was found for the change"))?.apply(&text);
    }
    Err(unusual("the change did not come to an end"))
}

/// The first entries of a text without content.
fn begin(text: &str, want: &Map<String, Value>) -> Splice {
    let style = Style::of(text, None);
    let lead = if text.is_empty() || text.ends_with('\n') { "" } else { style.newline };
    let lines = map_lines(want, 0, &style).join(style.newline);
    Splice { range: text.len()..text.len(), text: format!("{lead}{lines}{}", style.newline) }
}

fn is_blank(tree: &Tree) -> bool {
    let is_empty = |outline: &Outline| matches!(outline.shape, Shape::Scalar) && outline.range.is_empty();
    tree.outline.as_ref().is_none_or(is_empty)
}

/// What a user's plugin is now: its text behind the colon if that can be read alone, else its value.
fn remember(text: &str, tree: &Tree, user: &str) -> Option<Value> {
    let exec = user_of(tree, user)?.get("exec")?;
    let raw = exec_of(tree, user).and_then(|member| text.get(span(member)));
    match raw.filter(|raw| value_of(raw).as_ref() == Some(exec)) {
        Some(raw) => Some(raw.into()),
        None => Some(exec.clone()),
    }
}

fn recall(tree: &Tree, user: &str) -> Option<Value> {
    wanted::recall(user_of(tree, user)?).cloned()
}

/// What the text behind the colon of `exec:` means, in a block or between braces.
fn value_of(raw: &str) -> Option<Value> {
    let is_map = |value: &Value| value.is_object();
    let block = member_of(&format!("exec:{raw}"), "exec").filter(is_map);
    block.or_else(|| member_of(&format!("{{\"exec\":{raw}}}"), "exec").filter(is_map))
}

fn user_of<'t>(tree: &'t Tree, name: &str) -> Option<&'t Map<String, Value>> {
    let mut users = tree.root.get(Kind::User.list())?.as_array()?.iter();
    users.find(|user| text_of(user.get("name")) == name)?.get(Kind::User.word())?.as_object()
}

/// Where the user's plugin stands, if it stands there itself and not by an alias.
fn exec_of<'t>(tree: &'t Tree, name: &str) -> Option<&'t OutlineMember> {
    let users = member(tree.outline.as_ref()?, Kind::User.list())?;
    let at = tree.root.get(Kind::User.list())?.as_array()?.iter().position(|user| text_of(user.get("name")) == name)?;
    let Shape::List { items, .. } = &users.value.shape else { return None };
    member(&member(items.get(at)?, Kind::User.word())?.value, "exec")
}

fn member<'o>(node: &'o Outline, key: &str) -> Option<&'o OutlineMember> {
    match &node.shape {
        Shape::Map { members, .. } => members.iter().find(|member| member.key == key),
        Shape::Alias | Shape::List { .. } | Shape::Scalar => None,
    }
}

/// From behind the colon to the end of the value.
fn span(member: &OutlineMember) -> Range<usize> {
    member.colon_end..member.value.range.end.max(member.colon_end)
}

/// The lines of `text` that hold nothing that changes. Of a text between braces nothing is promised by lines.
fn kept_lines<'t>(text: &'t str, tree: &Tree, want: &Map<String, Value>) -> impl Iterator<Item = &'t str> {
    let mut touched = Vec::new();
    match tree.outline.as_ref().map(|root| &root.shape) {
        Some(Shape::Map { is_flow: false, members }) => {
            for member in members {
                let (old, new) = (tree.root.get(&member.key), want.get(&member.key));
                if old != new {
                    touch(text, member, old, new, &mut touched);
                }
            }
        }
        Some(Shape::Map { .. } | Shape::Alias | Shape::List { .. }) => touched.push(0..text.len()),
        Some(Shape::Scalar) if !is_blank(tree) => touched.push(0..text.len()),
        Some(Shape::Scalar) | None => {}
    }
    let mut at = 0_usize;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at = at.saturating_add(line.len());
        let is_touched = touched.iter().any(|range| range.start < at && start <= range.end);
        (!is_touched).then(|| line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line)))
    })
}

/// The lines of a list's changed items; of anything else all its lines.
fn touch(
    text: &str,
    member: &OutlineMember,
    old: Option<&Value>,
    new: Option<&Value>,
    touched: &mut Vec<Range<usize>>,
) {
    match (&member.value.shape, old.and_then(Value::as_array), new.and_then(Value::as_array)) {
        (Shape::List { is_flow: false, items }, Some(old), Some(new)) => {
            for (number, item) in items.iter().enumerate() {
                if old.get(number) != new.get(number) {
                    let dash = dash_of(text, item.range.start);
                    touched.push(line_start(text, dash)..line_end(text, item.range.end));
                }
            }
        }
        _ => touched
            .push(line_start(text, member.range.start)..line_end(text, member.value.range.end.max(member.colon_end))),
    }
}
