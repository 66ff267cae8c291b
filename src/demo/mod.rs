//! The whole path on loopback: an embedded STS, the real server, the real token code.

pub mod sts;
mod webhook;

pub use webhook::{Answer, Webhook, WebhookError};
