//! get_token
