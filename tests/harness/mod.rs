//! What tests stand on.

pub mod vectors;
