//! How a source reads its entries, as data: one parser serves them all.

/// `server.rolePaths`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RolePaths {
    /// A role ARN with a path never matches, as in the reference; loud at load.
    #[default]
    Exact,
    /// Match by account and name.
    Ignore,
}

/// What an entry's ARN means to its source. Source: aws-iam-authenticator 0.7.18, the mapper of each backend.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ArnReading {
    /// Compared as written, without case, and never judged: what is no canonical ARN matches nobody (`EKSConfigMap`).
    AsWritten,
    /// The entry is looked up by its `userid`. An ARN, if there is one, must be the caller's without path, or the hit
    /// refuses (`DynamicFile` with strict user ids).
    ByUserId,
    /// A role's as written, a user's in lower case; anything but a principal's ARN is a fault (`MountedFile`).
    #[default]
    Canonical,
    /// In lower case; anything but a principal's ARN is a fault (`CRD`).
    Lowered,
    /// In lower case; what is no principal's ARN loads and matches nobody (`DynamicFile`).
    LoweredOrNever,
}

/// How entries are read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EntryRules {
    /// What their ARNs mean.
    pub arn: ArnReading,
    /// `server.rolePaths`
    pub paths: RolePaths,
}

impl From<RolePaths> for EntryRules {
    /// Those of `MountedFile`.
    fn from(paths: RolePaths) -> Self {
        Self { arn: ArnReading::Canonical, paths }
    }
}
