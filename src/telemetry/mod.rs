//! Logs and metrics: the formats and the one catalogue.

mod escape;
pub mod log;
pub mod metrics;

pub use metrics::Metrics;
