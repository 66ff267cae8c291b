//! Flags, environment, file and defaults → `server::Settings`.
