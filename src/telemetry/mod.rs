//! Logs and metrics: the formats and the one catalogue.

mod escape;
pub mod log;
pub mod metrics;

pub(crate) use escape::{calm_json, calm_text, json_string};
pub use metrics::Metrics;
