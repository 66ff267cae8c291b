//! The types of access entries.

use std::fmt;

use super::subject::Subject;
use super::{AccessEntryError, AccessEntryForm, AccessEntryRules, AccessEntryText};

/// `type` of an access entry.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AccessEntryType {
    /// Nodes of EKS Auto Mode with a node class of their own; EKS alone writes it.
    Ec2,
    /// Linux nodes on EC2.
    Ec2Linux,
    /// Windows nodes on EC2.
    Ec2Windows,
    /// Pods on Fargate.
    FargateLinux,
    /// Hybrid nodes.
    HybridLinux,
    /// Nodes of `SageMaker` `HyperPod`; EKS alone writes it.
    HyperpodLinux,
    /// People, pipelines, everything else.
    #[default]
    Standard,
}

impl AccessEntryType {
    /// All of them, by word.
    pub const ALL: [Self; 7] = [
        Self::Ec2,
        Self::Ec2Linux,
        Self::Ec2Windows,
        Self::FargateLinux,
        Self::HybridLinux,
        Self::HyperpodLinux,
        Self::Standard,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Ec2Linux => "EC2_LINUX",
            Self::Ec2Windows => "EC2_WINDOWS",
            Self::FargateLinux => "FARGATE_LINUX",
            Self::HybridLinux => "HYBRID_LINUX",
            Self::HyperpodLinux => "HYPERPOD_LINUX",
            Self::Standard => "STANDARD",
        }
    }

    /// Whether its callers are nodes.
    #[must_use]
    pub const fn is_node(self) -> bool {
        !matches!(self, Self::Standard)
    }

    /// The username of its nodes where none is written; `None` where EKS alone knows, and for `STANDARD`.
    #[must_use]
    pub const fn default_username(self) -> Option<&'static str> {
        match self {
            Self::Ec2Linux | Self::Ec2Windows => Some("system:node:{{EC2PrivateDNSName}}"),
            Self::FargateLinux | Self::HybridLinux => Some("system:node:{{SessionName}}"),
            Self::Ec2 | Self::HyperpodLinux | Self::Standard => None,
        }
    }

    /// The groups of its nodes where none are written.
    #[must_use]
    pub const fn default_groups(self) -> &'static [&'static str] {
        match self {
            Self::Ec2 | Self::Ec2Linux | Self::HybridLinux | Self::HyperpodLinux => &["system:nodes"],
            Self::Ec2Windows => &["system:nodes", "eks:kube-proxy-windows"],
            Self::FargateLinux => &["system:nodes", "system:node-proxier"],
            Self::Standard => &[],
        }
    }

    /// The type that an entry of this form may have.
    pub(super) fn judge(text: &AccessEntryText, rules: &AccessEntryRules) -> Result<Self, AccessEntryError> {
        let Some(word) = text.entry_type.as_deref() else { return Ok(Self::Standard) };
        let bad = || AccessEntryError::Type(word.to_owned());
        let found = Self::ALL.into_iter().find(|known| known.as_str() == word).ok_or_else(bad)?;
        match found {
            // Only EKS knows what their nodes are called.
            Self::Ec2 | Self::HyperpodLinux if rules.form != AccessEntryForm::Eks || given(text).is_none() => {
                Err(bad())
            }
            _ => Ok(found),
        }
    }

    /// What a node type asks of the other members.
    pub(super) fn judge_node(
        self,
        subject: &Subject<'_>,
        text: &AccessEntryText,
        rules: &AccessEntryRules,
        errors: &mut Vec<AccessEntryError>,
    ) {
        let entry_type = self.as_str();
        if !subject.is_role() {
            errors.push(AccessEntryError::TypePrincipal(entry_type));
        }
        if let Some(cluster) = rules.cluster_account.filter(|cluster| *cluster != subject.account()) {
            let (account, cluster) = (subject.account().to_string(), cluster.to_string());
            errors.push(AccessEntryError::TypeAccount { entry_type, account, cluster });
        }
        if rules.form == AccessEntryForm::Eks {
            return;
        }
        let mut refuse = |given, key| {
            if given {
                errors.push(AccessEntryError::TypeFields { entry_type, key });
            }
        };
        refuse(given(text).is_some(), "username");
        refuse(!text.kubernetes_groups.is_empty(), "kubernetesGroups");
        refuse(!text.associations.is_empty(), "policyAssociations");
    }
}

/// The username, unless it is empty.
pub(super) fn given(text: &AccessEntryText) -> Option<&str> {
    text.username.as_deref().filter(|username| !username.is_empty())
}

impl fmt::Display for AccessEntryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
