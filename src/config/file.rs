//! The config file: the reference's schema and ours.
