//! One line of the input: a mapping, an account, an access entry, and where it stands.

use std::fmt;

use crate::mapping::{AccessEntry, Entry, MappedAccount, Origin, SourceKind};

/// The format a line stands in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Written {
    /// Ours, or as EKS prints them.
    AccessEntry,
    /// Of AWS Controllers for Kubernetes.
    Ack,
    /// `aws-auth`.
    AwsAuth,
    /// The dynamic file.
    DynamicFile,
    /// `accessConfig.accessEntries` of eksctl.
    Eksctl,
    /// An `IAMIdentityMapping`.
    IamIdentityMapping,
    /// The config of the server.
    ServerConfig,
}

/// One line of the input.
#[derive(Clone, Debug)]
pub struct Line {
    /// The format it stands in.
    pub written: Written,
    /// What it says.
    pub what: What,
}

/// What a line says.
#[derive(Clone, Debug)]
pub enum What {
    /// All principals of an account.
    Account(MappedAccount),
    /// An access entry already, and the name of its object.
    Entry(Box<AccessEntry>, Option<String>),
    /// An entry of `mapRoles` or `mapUsers`, or an `IAMIdentityMapping`.
    Mapping(Box<Entry>),
}

impl Line {
    /// Where it stands.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        match &self.what {
            What::Account(account) => &account.origin,
            What::Entry(entry, _) => entry.entry.origin(),
            What::Mapping(entry) => entry.origin(),
        }
    }

    /// Its entry; absent for an account.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match &self.what {
            What::Account(_) => None,
            What::Entry(entry, _) => Some(&entry.entry),
            What::Mapping(entry) => Some(entry),
        }
    }

    /// Whom it names, as a person would write it.
    #[must_use]
    pub fn principal(&self) -> String {
        match &self.what {
            What::Account(account) => format!("account {}", account.id),
            What::Entry(entry, _) => entry.entry.principal_text(),
            What::Mapping(entry) => entry.principal_text(),
        }
    }
}

impl Written {
    /// The source that reads it.
    #[must_use]
    pub const fn source(self) -> SourceKind {
        match self {
            Self::AccessEntry | Self::Ack | Self::Eksctl => SourceKind::AccessEntryFile,
            Self::AwsAuth => SourceKind::EksConfigMap,
            Self::DynamicFile => SourceKind::DynamicFile,
            Self::IamIdentityMapping => SourceKind::Crd,
            Self::ServerConfig => SourceKind::MountedFile,
        }
    }

    /// Whether the source itself does not settle which of two lines of one principal counts.
    pub(super) const fn leaves_repeats_open(self) -> bool {
        match self {
            Self::AwsAuth | Self::IamIdentityMapping => true,
            Self::AccessEntry | Self::Ack | Self::DynamicFile | Self::Eksctl | Self::ServerConfig => false,
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessEntry => "access entry",
            Self::Ack => "ACK",
            Self::AwsAuth => "aws-auth",
            Self::DynamicFile => "dynamic file",
            Self::Eksctl => "eksctl",
            Self::IamIdentityMapping => "IAMIdentityMapping",
            Self::ServerConfig => "server config",
        })
    }
}
