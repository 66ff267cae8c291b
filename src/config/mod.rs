//! config

pub mod env;
pub mod flags;
