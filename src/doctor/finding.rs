//! A check in the making: everything it saw, the worst of it as verdict, and the cure for that.

use super::{Check, Snippet, Verdict};

/// What a check saw so far.
#[derive(Debug)]
pub(super) struct Finding {
    name: &'static str,
    verdict: Verdict,
    found: Vec<String>,
    remedy: Option<String>,
    causes: Vec<String>,
    snippets: Vec<Snippet>,
}

impl Finding {
    /// Nothing seen yet.
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, verdict: Verdict::Good, found: Vec::new(), remedy: None, causes: Vec::new(), snippets: Vec::new() }
    }

    /// As it should be.
    pub(super) fn good(&mut self, what: impl Into<String>) {
        self.found.push(what.into());
    }

    /// Does not stop kubectl.
    pub(super) fn warn(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.fault(Verdict::Warn, what.into(), remedy.into());
    }

    /// Stops kubectl.
    pub(super) fn bad(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.fault(Verdict::Bad, what.into(), remedy.into());
    }

    /// What it comes from, likeliest first.
    pub(super) fn causes(&mut self, causes: Vec<String>) {
        self.causes = causes;
    }

    /// Things to paste.
    pub(super) fn snippets(&mut self, snippets: Vec<Snippet>) {
        self.snippets = snippets;
    }

    /// The check. Faults come first, the worst before the others.
    pub(super) fn end(self) -> Check {
        let Self { name, verdict, found, remedy, causes, snippets } = self;
        Check { name, verdict, found: found.join("; "), remedy, causes, snippets }
    }

    /// The remedy is that of the first of the worst.
    fn fault(&mut self, verdict: Verdict, what: String, remedy: String) {
        if verdict > self.verdict {
            self.verdict = verdict;
            self.remedy = Some(remedy);
            self.found.insert(0, what);
        } else {
            self.found.push(what);
        }
    }
}
