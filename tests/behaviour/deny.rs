//! deny
