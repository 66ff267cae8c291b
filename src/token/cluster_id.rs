//! The name that binds a token to one cluster.

use std::fmt;

/// A cluster id that can be signed without ambiguity: 1 to 253 bytes of visible ASCII and single inner blanks.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ClusterId(String);

/// Why a text is no cluster id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClusterIdError {
    /// Empty.
    #[error("cluster ID cannot be empty")]
    Empty,
    /// Over 253 bytes.
    #[error("cluster ID is longer than 253 bytes")]
    TooLong,
    /// A byte that is not visible ASCII, or leading, trailing or doubled blanks.
    #[error("cluster ID may hold visible ASCII and single inner blanks only; SigV4 folds others into one")]
    BadCharacter,
}

impl ClusterId {
    /// Longest id, in bytes.
    const LONGEST: usize = 253;

    /// Checks a cluster id.
    ///
    /// # Errors
    /// [`ClusterIdError`].
    pub fn parse(text: &str) -> Result<Self, ClusterIdError> {
        if text.is_empty() {
            return Err(ClusterIdError::Empty);
        }
        if text.len() > Self::LONGEST {
            return Err(ClusterIdError::TooLong);
        }
        let is_visible = |byte: u8| matches!(byte, b' '..=b'~');
        let has_outer_blank = text.starts_with(' ') || text.ends_with(' ');
        if has_outer_blank || text.contains("  ") || !text.bytes().all(is_visible) {
            return Err(ClusterIdError::BadCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
