//! Logs and metrics: the formats and the one catalogue.

pub mod log;
pub mod metrics;

pub use metrics::Metrics;
