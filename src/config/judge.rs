//! Faults of settings, wherever their values came from.

use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::document::Faults;

/// Where a value came from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    /// The config file.
    File(Position),
    /// A flag or a variable of this name.
    Flag(&'static str),
    /// It is missing, or a default.
    Nowhere,
}

/// Gathers the faults.
pub(super) struct Judge {
    pub(super) faults: Faults,
}

impl Judge {
    pub(super) fn error(&mut self, from: From, key: &str, code: &'static str, what: String, cure: &str) {
        self.add(Severity::Error, from, key, code, what, cure);
    }

    pub(super) fn warning(&mut self, from: From, key: &str, code: &'static str, what: String, cure: &str) {
        self.add(Severity::Warning, from, key, code, what, cure);
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        from: From,
        key: &str,
        code: &'static str,
        what: String,
        cure: &str,
    ) {
        let name = self.faults.file();
        let file = (!name.is_empty()).then(|| name.as_ref().into());
        let (file, at, key) = match from {
            From::File(at) => (file, Some(at), key),
            From::Flag(flag) => (None, None, flag),
            From::Nowhere => (file, None, key),
        };
        self.faults.push(Diagnostic { severity, code, file, at, key: key.to_owned(), what, cure: cure.to_owned() });
    }
}
