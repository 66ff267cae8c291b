//! A file that is watched: symlink swaps, rename-over, in-place writes; a poll where watching fails.
