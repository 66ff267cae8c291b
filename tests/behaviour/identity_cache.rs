//! identity_cache
