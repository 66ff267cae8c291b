//! The pins of a file of access entries: where each stands or could stand, and the text with others. Pure.
//!
//! The text is edited, not written anew: comments, order, quoting and line ends stay byte for byte. What comes out is
//! read again and must say what was there, with the pins; anything else is refused with its place.

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::render::{Style, column, inline, json, member_lines, pretty};
use crate::document::{self, Document, Format, Node, Outline, Shape, Splice, Value};

const PIN: &str = "principalId";

/// A file of access entries.
#[derive(Debug)]
pub struct Pins<'t> {
    file: &'t str,
    text: &'t str,
    format: Format,
    entries: Vec<Pinnable>,
}

/// One entry of it.
#[derive(Clone, Debug)]
pub struct Pinnable {
    /// `metadata.name`.
    pub name: Option<String>,
    /// Where the entry begins.
    pub at: Position,
    /// `principalArn`, as written.
    pub principal_arn: String,
    /// `principalId`, if it has one.
    pub pin: Option<String>,
    /// Why no pin can be written into it; `None` when one can.
    pub unwritable: Option<Unwritable>,
    /// From the document's root to the spec.
    path: Vec<Step>,
    document: usize,
}

/// Why no pin can be written into an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unwritable {
    /// `describe-access-entry` printed it.
    #[error("what EKS prints has no place for a pin")]
    Printed,
    /// An anchor or an alias: what is written there is written elsewhere too.
    #[error("its text stands for others too, by an anchor or an alias of YAML")]
    Shared,
}

impl Unwritable {
    /// What to do about it.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        match self {
            Self::Printed => "make a file of ours of it: iam-bridge entries convert FILE",
            Self::Shared => "write the entry out, without `&` and `*`",
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Step {
    Item(usize),
    Member(String),
}

impl<'t> Pins<'t> {
    /// Finds the entries. What they say is judged elsewhere.
    ///
    /// # Errors
    /// Faults of syntax.
    pub fn find(file: &'t str, text: &'t str, format: Format) -> Result<Self, Vec<Diagnostic>> {
        let mut entries = Vec::new();
        for (number, document) in documents(file, text, format)?.iter().enumerate() {
            search(document.root(), number, &mut Vec::new(), &mut entries);
        }
        let mut pins = Self { file, text, format, entries };
        let outlines = pins.outlines()?;
        for entry in &mut pins.entries {
            if entry.unwritable.is_none()
                && outlines.get(entry.document).is_none_or(|root| follow(root, &entry.path).is_none())
            {
                entry.unwritable = Some(Unwritable::Shared);
            }
        }
        Ok(pins)
    }

    /// The entries in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Pinnable] {
        &self.entries
    }

    /// The text with these pins, one place an entry; `None` leaves an entry as it is, and so does an entry that no pin
    /// can be written into.
    ///
    /// # Errors
    /// When the text cannot take them without another change.
    pub fn write(&self, pins: &[Option<String>]) -> Result<String, Vec<Diagnostic>> {
        let outlines = self.outlines()?;
        let styles: Vec<Style> = outlines.iter().map(|root| Style::of(self.text, Some(root))).collect();
        let mut splices = Vec::new();
        let mut wanted: Vec<Json> = self.documents()?.iter().map(|document| document.root().to_json()).collect();
        for (entry, pin) in self.entries.iter().zip(pins) {
            let (Some(pin), Some(root), Some(style)) = (pin, outlines.get(entry.document), styles.get(entry.document))
            else {
                continue;
            };
            let Some(spec) = follow(root, &entry.path).filter(|_| entry.unwritable.is_none()) else { continue };
            splices.push(self.splice(spec, pin, style).ok_or_else(|| self.fault(entry.at))?);
            if let Some(Json::Object(spec)) =
                wanted.get_mut(entry.document).and_then(|root| follow_json(root, &entry.path))
            {
                spec.retain(|key, _| !key.eq_ignore_ascii_case(PIN));
                spec.insert(PIN.to_owned(), pin.as_str().into());
            }
        }
        let text = spliced(self.text, splices);
        let says = documents(self.file, &text, self.format)
            .map(|documents| documents.iter().map(|document| document.root().to_json()).collect::<Vec<Json>>());
        match says {
            Ok(says) if says == wanted => Ok(text),
            _ => Err(vec![self.fault_of_file()]),
        }
    }

    fn splice(&self, spec: &Outline, pin: &str, style: &Style) -> Option<Splice> {
        let Shape::Map { is_flow, members } = &spec.shape else { return None };
        let value = Json::from(pin);
        if let Some(there) = members.iter().find(|member| member.key.eq_ignore_ascii_case(PIN)) {
            let range = there.value.range.clone();
            let old = self.text.get(range.clone()).unwrap_or_default();
            let quoted = old.starts_with('"') || *is_flow;
            let new = match old.as_bytes().first() {
                Some(b'\'') => format!("'{pin}'"),
                _ if quoted => json(&value),
                _ => inline(&value),
            };
            let gap = if range.start == there.colon_end { " " } else { "" };
            return matches!(there.value.shape, Shape::Scalar).then(|| Splice { range, text: format!("{gap}{new}") });
        }
        let first = members.first()?;
        if *is_flow {
            let last = members.last()?;
            let at = (first.range.start, last.range.start, last.value.range.end.max(last.colon_end));
            let key = if self.text.get(first.range.clone()).is_some_and(|key| key.starts_with('"')) {
                json(&PIN.into())
            } else {
                PIN.to_owned()
            };
            let render = |indent: Option<&str>| {
                let value = indent.map_or_else(|| json(&value), |indent| pretty(&value, indent, style));
                format!("{key}: {value}")
            };
            return Some(Splice::in_flow(self.text, spec, at, style, &render));
        }
        let beside =
            members.iter().find(|member| member.key.eq_ignore_ascii_case("principalArn")).or_else(|| members.last())?;
        let lines = member_lines(PIN, &value, column(self.text, first.range.start), style);
        Some(Splice::lines(self.text, beside.value.range.end.max(beside.colon_end), &lines, style))
    }

    fn documents(&self) -> Result<Vec<Document<'_>>, Vec<Diagnostic>> {
        documents(self.file, self.text, self.format)
    }

    fn outlines(&self) -> Result<Vec<Outline>, Vec<Diagnostic>> {
        document::outlines(self.file, self.text).map_err(|fault| vec![fault])
    }

    fn fault(&self, at: Position) -> Vec<Diagnostic> {
        let what = "a pin cannot be written here without changing what stands here".to_owned();
        vec![self.told(at, what)]
    }

    fn fault_of_file(&self) -> Diagnostic {
        let what = "pins cannot be written into this text without changing what else it says".to_owned();
        self.told(Position { line: 1, column: 1 }, what)
    }

    fn told(&self, at: Position, what: String) -> Diagnostic {
        let cure = "write principalId by hand; the report names the ids";
        Diagnostic::keyless(Severity::Error, "cannot-pin", Some(self.file.into()), Some(at), what, cure)
    }
}

/// Every document with content; a fault anywhere is one of the file.
fn documents<'t>(file: &str, text: &'t str, format: Format) -> Result<Vec<Document<'t>>, Vec<Diagnostic>> {
    let several = document::parse_all(file, text, format);
    let (mut found, mut faults) = (Vec::new(), several.end);
    for (document, own) in several.documents {
        faults.extend(own);
        found.push(document);
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

fn search(node: Node<'_>, document: usize, path: &mut Vec<Step>, found: &mut Vec<Pinnable>) {
    let text = |node: Node<'_>, key: &str| {
        node.member(key)
            .and_then(Node::scalar)
            .filter(|scalar| !scalar.is_null() && !scalar.text.is_empty())
            .map(|scalar| scalar.text.to_owned())
    };
    let pinnable = |spec: Node<'_>, path: Vec<Step>, unwritable| Pinnable {
        name: node.member("metadata").and_then(|metadata| text(metadata, "name")),
        at: node.at(),
        principal_arn: text(spec, "principalArn").unwrap_or_default(),
        pin: text(spec, PIN),
        unwritable,
        path,
        document,
    };
    match node.value() {
        Value::List(items) => {
            for (number, item) in items.enumerate() {
                path.push(Step::Item(number));
                search(item, document, path, found);
                path.pop();
            }
        }
        Value::Map(_) => {
            if let Some(spec) = node.member("spec").filter(|spec| spec.member("principalArn").is_some()) {
                let path = path.iter().cloned().chain([Step::Member("spec".to_owned())]).collect();
                found.push(pinnable(spec, path, None));
            } else if text(node, "principalArn").is_some() {
                // `list-associated-access-policies` names the principal beside its policies.
                if node.member("associatedAccessPolicies").is_none() || node.member("accessEntryArn").is_some() {
                    found.push(pinnable(node, path.clone(), Some(Unwritable::Printed)));
                }
            } else {
                for key in ["items", "accessEntry", "accessEntries"] {
                    if let Some(inner) = node.member(key) {
                        path.push(Step::Member(key.to_owned()));
                        search(inner, document, path, found);
                        path.pop();
                    }
                }
            }
        }
        Value::Scalar(_) => {}
    }
}

/// The outline at a path that no anchor and no alias lies on.
fn follow<'o>(root: &'o Outline, path: &[Step]) -> Option<&'o Outline> {
    let mut node = root;
    for step in path {
        if node.is_anchored {
            return None;
        }
        node = match (step, &node.shape) {
            (Step::Item(number), Shape::List { items, .. }) => items.get(*number)?,
            (Step::Member(key), Shape::Map { members, .. }) => {
                &members.iter().find(|member| member.key.eq_ignore_ascii_case(key))?.value
            }
            _ => return None,
        };
    }
    (!node.is_anchored && matches!(node.shape, Shape::Map { .. })).then_some(node)
}

fn follow_json<'j>(root: &'j mut Json, path: &[Step]) -> Option<&'j mut Json> {
    path.iter().try_fold(root, |node, step| match (step, node) {
        (Step::Item(number), Json::Array(items)) => items.get_mut(*number),
        (Step::Member(key), Json::Object(members)) => {
            members.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
        }
        _ => None,
    })
}

/// The text with all of them, which do not overlap.
fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| splice.range.start);
    let (mut new, mut at) = (String::with_capacity(text.len().saturating_add(splices.len().saturating_mul(48))), 0);
    for splice in &splices {
        new.push_str(text.get(at..splice.range.start).unwrap_or_default());
        new.push_str(&splice.text);
        at = splice.range.end;
    }
    new.push_str(text.get(at..).unwrap_or_default());
    new
}
