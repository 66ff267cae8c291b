//! `CRD`: objects of kind IAMIdentityMapping, watched.

use super::fleet::Ground;
use super::outlet::Outlet;

/// Follows the objects until it is dropped.
pub(super) async fn run(ground: Ground, mut outlet: Outlet) {
    outlet.fail(format!("not built {:?}", ground.cluster()));
}
