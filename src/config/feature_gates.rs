//! `--feature-gates`.
