//! The whole path on loopback: an embedded STS, the real server over TLS, tokens by the real get-token code.
//!
//! ```text
//! scenario ──token──▶ Webhook ──TLS──▶ server ──TLS──▶ sts::Sts, which makes each signature again
//!     └──────────────▶ Report: every answer beside the expected one, and how long it took
//! ```
//!
//! Nothing is set up first and nothing is left behind: free ports of 127.0.0.1, state in a temporary folder, principals
//! and keys that are random on every run. No mapping of it yields a `system:` name.

mod report;
mod scenario;
mod stage;
pub mod sts;
mod webhook;

pub use report::{Decision, Report, Row};
pub use stage::{CLUSTER_ID, DemoError, Stage, settings};
pub use webhook::{Answer, Webhook, WebhookError};

/// Starts the stage and asks everything there is to ask. The stage is still up afterwards.
///
/// # Errors
/// [`DemoError`] when something could not be asked at all; an answer other than the expected one stands in the report.
pub async fn run() -> Result<(Report, Stage), DemoError> {
    let mut stage = Stage::start().await?;
    let report = scenario::play(&mut stage).await?;
    Ok((report, stage))
}
