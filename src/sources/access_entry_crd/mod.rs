//! `accessentries.iam-bridge.dev`, watched.

use super::fleet::Ground;
use super::outlet::Outlet;

/// Follows it until it is dropped.
pub(super) async fn run(ground: Ground, outlet: Outlet) {
    let (_, _) = (ground, outlet);
    std::future::pending::<()>().await;
}
