//! Whether this server can answer, and what is amiss: `/readyz`.
//!
//! Unready only until the certificate is loaded and each source has published once, and from the drain on. Later faults
//! are detail text: an old table answers, and if faults made unready, every replica would drop at once. STS is no part.
//! The text names sources, files and lines, never an entry's content: anyone may read it.

use std::fmt::Write as _;

use tokio_util::sync::CancellationToken;

use crate::live::Live;
use crate::sources::SourcesState;

/// What readiness is made of.
#[derive(Clone, Debug)]
pub(super) struct Readiness {
    pub(super) sources: Live<SourcesState>,
    pub(super) certificate_faults: Live<Vec<String>>,
    pub(super) end: CancellationToken,
}

impl Readiness {
    /// Whether ready, and the text that says so.
    pub(super) fn now(&self) -> (bool, String) {
        let sources = self.sources.now();
        let draining = self.end.is_cancelled();
        let ready = sources.ready() && !draining;
        let mut detail = String::from(if ready { "ok" } else { "not ready" });
        let mut line = |what: std::fmt::Arguments<'_>| {
            let _written = write!(detail, "\n{what}");
        };
        if draining {
            line(format_args!("shutting down"));
        }
        for source in &sources.sources {
            match &source.fault {
                Some(fault) => line(format_args!("source {}: {}; see the log", source.kind, without_values(fault))),
                None if !source.published => line(format_args!("source {}: nothing loaded yet", source.kind)),
                None => {}
            }
        }
        if let Some(fault) = &sources.list_fault {
            line(format_args!("backend-mode file: {}; see the log", without_values(fault)));
        }
        for fault in self.certificate_faults.now().iter() {
            line(format_args!("certificate: {fault}"));
        }
        (ready, detail)
    }
}

/// A fault's text, its values (which stand in backticks) left out.
fn without_values(fault: &str) -> String {
    let outside = |(index, part): (usize, &str)| if index % 2 == 0 { part.to_owned() } else { "`…`".to_owned() };
    fault.split('`').enumerate().map(outside).collect()
}
