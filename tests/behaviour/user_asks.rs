//! user_asks
