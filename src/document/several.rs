//! A text that holds several YAML documents.

use granit_parser::{Event, Parser};

use super::tape::Document;
use super::yaml::{Builder, nested, place, syntax};
use super::{MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES, fault};
use crate::diagnostic::Diagnostic;

/// What [`super::parse_all`] reads.
#[derive(Debug, Default)]
pub struct Several<'t> {
    /// The documents that have content. One with faults ends where it could be read no further, and serves to tell what
    /// it was meant to be.
    pub documents: Vec<(Document<'t>, Vec<Diagnostic>)>,
    /// Why the reading ended before the text did; empty when it did not.
    pub end: Vec<Diagnostic>,
}

/// Reads every document of `text` that has content, each as far as its own faults allow.
pub(super) fn parse<'t>(file: &str, text: &'t str) -> Several<'t> {
    let (mut several, mut values) = (Several::default(), 0_usize);
    // Absent between documents.
    let mut builder: Option<Builder<'_, 't>> = None;
    // Deeper than a document of ours: others, such as CRDs, are no fault of the file.
    let options = nested(MAX_DEPTH.saturating_mul(4));
    for step in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match step {
            Ok(step) => step,
            Err(error) => {
                several.end = builder.map(|builder| builder.faults).unwrap_or_default();
                several.end.push(syntax(file, text, &error));
                break;
            }
        };
        match event {
            Event::DocumentStart(..) => {
                if several.documents.len() >= MAX_DOCUMENTS || values >= MAX_NODES {
                    let what = format!("the file has more than {MAX_DOCUMENTS} documents or {MAX_NODES} values");
                    several.end.push(fault(file, place(&span.start), "too-large", what, "split it"));
                    break;
                }
                builder = Some(Builder::new(file, text));
            }
            Event::DocumentEnd => {
                let Some(done) = builder.take() else { continue };
                values = values.saturating_add(done.len());
                several.documents.extend(done.seal());
            }
            event => {
                if let Some(open) = &mut builder {
                    open.take_some(&event, &span);
                }
            }
        }
    }
    several
}
