//! Parsers of the mapping, deny, reserved-prefix and backendMode keys: Node → typed, every fault with its place.
