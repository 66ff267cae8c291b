//! A token for one cluster, out of whatever AWS credentials this machine has.
//!
//! ```text
//! Settings ─credentials─▶ keys ─role─▶ keys ─sign─▶ presigned URL ─token::encode─▶ SignedToken ─render─▶ stdout
//! ```
//!
//! Keys in the environment are signed with at once: no runtime, thread, socket, trust root or file but the AWS config.
//! Everything else goes through aws-config on a current-thread runtime.

mod endpoint;
mod exec_credential;
mod presign;

pub use endpoint::{EndpointError, EndpointForm, StsEndpoint};
pub use exec_credential::{ApiVersion, RenderError, Shape, render};
pub use presign::{PresignError, SignedToken, presign, sign};
