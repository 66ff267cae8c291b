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

/// The names of all sources, for messages.
#[must_use]
pub fn mode_names() -> String {
    let mut names: Vec<&str> = SourceKind::ALL.into_iter().map(SourceKind::as_str).collect();
    let last = names.pop().unwrap_or_default();
    format!("{} and {last}", names.join(", "))
}

/// Whether a source of access entries is asked after aws-auth: of whom both know, aws-auth then decides, and on EKS the
/// entry does.
#[must_use]
pub fn stands_behind_aws_auth(kind: SourceKind, list: &[SourceKind]) -> bool {
    let place = |wanted: SourceKind| list.iter().position(|kind| *kind == wanted);
    let of_entries =
        matches!(kind, SourceKind::AccessEntry | SourceKind::AccessEntryFile | SourceKind::EksAccessEntries);
    of_entries && matches!((place(SourceKind::EksConfigMap), place(kind)), (Some(first), Some(then)) if first < then)
}
