//! What rooms find wrong with a document, gathered and shown together.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Position, Severity};

/// Faults that one run reports; of more only the number is told.
const MAX_FAULTS: usize = 1_000;
/// Bytes of a key path or of a fault's words: what stands in a file may be long.
const MAX_WORDS: usize = 2_048;

/// Gathers the faults of one file.
#[derive(Debug)]
pub struct Faults {
    file: Arc<str>,
    list: Vec<Diagnostic>,
    errors: usize,
    left_out: usize,
}

/// A key path, made into text only when a fault needs it: `server.mapRoles[2].rolearn`.
#[derive(Clone, Copy, Debug)]
pub enum Place<'p> {
    /// The item of a list, from 0.
    Item(&'p Self, usize),
    /// The member of a map.
    Key(&'p Self, &'p str),
    /// The document.
    Root,
}

impl Faults {
    /// None yet, for the file of this name.
    #[must_use]
    pub const fn new(file: Arc<str>) -> Self {
        Self { file, list: Vec::new(), errors: 0, left_out: 0 }
    }

    /// Name of the file.
    #[must_use]
    pub const fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The file cannot be used.
    pub fn error(&mut self, at: Position, place: &Place<'_>, code: &'static str, what: String, cure: &str) {
        self.add(Severity::Error, at, place, code, what, cure);
    }

    /// The file works, probably not as meant.
    pub fn warning(&mut self, at: Position, place: &Place<'_>, code: &'static str, what: String, cure: &str) {
        self.add(Severity::Warning, at, place, code, what, cure);
    }

    /// Any of both.
    pub fn add(
        &mut self,
        severity: Severity,
        at: Position,
        place: &Place<'_>,
        code: &'static str,
        what: String,
        cure: &str,
    ) {
        let (file, cure) = (Some(self.file.as_ref().into()), cure.to_owned());
        self.push(Diagnostic { severity, code, file, at: Some(at), key: place.to_string(), what, cure });
    }

    /// One that is ready made.
    pub fn push(&mut self, mut fault: Diagnostic) {
        shorten(&mut fault.key);
        shorten(&mut fault.what);
        if fault.severity == Severity::Error {
            self.errors = self.errors.saturating_add(1);
        }
        if self.list.len() < MAX_FAULTS {
            self.list.push(fault);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Whether the file cannot be used.
    #[must_use]
    pub const fn any_error(&self) -> bool {
        self.errors > 0
    }

    /// All of them in the order found.
    #[must_use]
    pub fn into_list(mut self) -> Vec<Diagnostic> {
        if self.left_out > 0 {
            let what = format!("{} more faults are not listed", self.left_out);
            let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
            let file = Some(self.file.as_ref().into());
            let (key, cure) = (String::new(), "cure those above first".to_owned());
            self.list.push(Diagnostic { severity, code: "too-many-faults", file, at: None, key, what, cure });
        }
        self.list
    }
}

fn shorten(words: &mut String) {
    if words.len() > MAX_WORDS {
        words.truncate(words.floor_char_boundary(MAX_WORDS));
        words.push('…');
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(list, number) => write!(f, "{list}[{number}]"),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(map, key) => write!(f, "{map}.{key}"),
            Self::Root => Ok(()),
        }
    }
}

/// The known key that `key` spells, without ASCII case.
#[must_use]
pub fn known(keys: &[&'static str], key: &str) -> Option<&'static str> {
    keys.iter().copied().find(|known| known.eq_ignore_ascii_case(key))
}

/// What to do about a key that is none of `keys`.
#[must_use]
pub fn cure_for_unknown(keys: &[&'static str], key: &str) -> String {
    nearest(keys, key).map_or_else(|| "remove it".to_owned(), |near| format!("did you mean `{near}`?"))
}

/// The known key that `key` was probably meant to be: at most a third of it differs.
#[must_use]
pub fn nearest(keys: &[&'static str], key: &str) -> Option<&'static str> {
    let lower = key.to_ascii_lowercase();
    let most = key.len().div_ceil(3).min(4);
    keys.iter()
        .filter(|known| key.len().abs_diff(known.len()) <= most.saturating_mul(4))
        .map(|known| (strsim::damerau_levenshtein(&lower, &known.to_ascii_lowercase()), *known))
        .filter(|(edits, _)| *edits <= most)
        .min()
        .map(|(_, known)| known)
}
