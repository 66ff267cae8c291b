//! What tests stand on.

pub mod vectors;

pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod waiting;
