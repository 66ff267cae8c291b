//! `backendMode`: names of sources.

use crate::mapping::SourceKind;

/// A source's name as written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ModeName {
    /// The source.
    pub kind: SourceKind,
    /// Whether it is the deprecated name `File` or `ConfigMap`.
    pub deprecated: bool,
}

/// The text names no source.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no backend mode")]
pub struct UnknownMode(pub String);

/// Reads one name; case counts.
///
/// # Errors
/// [`UnknownMode`].
pub fn parse_mode(name: &str) -> Result<ModeName, UnknownMode> {
    let new = |kind| ModeName { kind, deprecated: false };
    match name {
        "File" => Ok(ModeName { kind: SourceKind::MountedFile, deprecated: true }),
        "ConfigMap" => Ok(ModeName { kind: SourceKind::EksConfigMap, deprecated: true }),
        _ => SourceKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .map(new)
            .ok_or_else(|| UnknownMode(name.to_owned())),
    }
}
