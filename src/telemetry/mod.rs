//! Logs and metrics: the formats and the one catalogue.

mod escape;
pub mod log;
pub mod metrics;

pub(crate) use escape::json_string;
pub use metrics::Metrics;
