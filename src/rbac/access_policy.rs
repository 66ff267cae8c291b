//! The access policies of Amazon EKS that people are given, as RBAC rules.
//!
//! Source: Amazon EKS User Guide, "Review access policy permissions", after November 2025.

use std::fmt;

use super::PolicyRule;
use super::policy_rules::{ADMIN, ADMIN_VIEW, EDIT, Rule, SECRET_READER, VIEW, cluster_admin};

/// A policy that AWS publishes the rules of.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AccessPolicy {
    /// `AmazonEKSAdminPolicy`
    Admin,
    /// `AmazonEKSAdminViewPolicy`
    AdminView,
    /// `AmazonEKSClusterAdminPolicy`
    ClusterAdmin,
    /// `AmazonEKSEditPolicy`
    Edit,
    /// `AmazonEKSSecretReaderPolicy`
    SecretReader,
    /// `AmazonEKSViewPolicy`
    View,
}

/// A policy name or ARN that is none of ours.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no access policy this version has rules for")]
pub struct UnknownPolicy(pub String);

impl AccessPolicy {
    /// All of them, by name.
    pub const ALL: [Self; 6] =
        [Self::Admin, Self::AdminView, Self::ClusterAdmin, Self::Edit, Self::SecretReader, Self::View];

    /// Its name at AWS.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "AmazonEKSAdminPolicy",
            Self::AdminView => "AmazonEKSAdminViewPolicy",
            Self::ClusterAdmin => "AmazonEKSClusterAdminPolicy",
            Self::Edit => "AmazonEKSEditPolicy",
            Self::SecretReader => "AmazonEKSSecretReaderPolicy",
            Self::View => "AmazonEKSViewPolicy",
        }
    }

    /// The policy of this name.
    ///
    /// # Errors
    /// [`UnknownPolicy`].
    pub fn of_name(name: &str) -> Result<Self, UnknownPolicy> {
        let mut all = Self::ALL.into_iter();
        all.find(|policy| policy.as_str() == name).ok_or_else(|| UnknownPolicy(name.to_owned()))
    }

    /// The policy of this ARN, `arn:PARTITION:eks::aws:cluster-access-policy/NAME`.
    ///
    /// # Errors
    /// [`UnknownPolicy`].
    pub fn of_arn(arn: &str) -> Result<Self, UnknownPolicy> {
        let sections: Vec<&str> = arn.splitn(6, ':').collect();
        match sections.as_slice() {
            ["arn", partition, "eks", "", "aws", resource] if partition.starts_with("aws") => {
                let name = resource.strip_prefix("cluster-access-policy/");
                Self::of_name(name.unwrap_or(arn)).map_err(|_unknown| UnknownPolicy(arn.to_owned()))
            }
            _ => Err(UnknownPolicy(arn.to_owned())),
        }
    }

    /// What it allows, in the order AWS publishes it.
    #[must_use]
    pub fn rules(self) -> Vec<PolicyRule> {
        let tables: &[&[Rule]] = match self {
            Self::Admin => &[VIEW, EDIT, ADMIN],
            Self::AdminView => &[ADMIN_VIEW],
            Self::ClusterAdmin => return cluster_admin(),
            Self::Edit => &[VIEW, EDIT],
            Self::SecretReader => &[SECRET_READER],
            Self::View => &[VIEW],
        };
        tables.iter().copied().flatten().map(PolicyRule::from).collect()
    }

    /// The spelling of a policy that AWS has, by its name or ARN, whether or not its rules are known: a label of
    /// bounded number. `other` for what this version has not heard of.
    #[must_use]
    pub fn known_name(name_or_arn: &str) -> &'static str {
        let name = name_or_arn.rsplit_once('/').map_or(name_or_arn, |(_, name)| name);
        KNOWN.into_iter().find(|known| *known == name).unwrap_or("other")
    }

    /// Name of the `ClusterRole` that holds its rules, of the `ClusterRoleBinding`, and of each `RoleBinding`:
    /// `iam-bridge.dev:NAME`.
    #[must_use]
    pub fn object_name(self) -> String {
        format!("{GROUP_PREFIX}{self}")
    }
}

/// The names that the User Guide and the reference of the AWS CLI tell of.
const KNOWN: [&str; 23] = [
    "AmazonAIOpsAssistantPolicy",
    "AmazonARCRegionSwitchScalingPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSBlockStorageClusterPolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSClusterInsightsPolicy",
    "AmazonEKSComputeClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSHybridPolicy",
    "AmazonEKSLoadBalancingClusterPolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingClusterPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEMRJobPolicy",
    "AmazonSagemakerHyperpodClusterPolicy",
    "AmazonSagemakerHyperpodControllerPolicy",
    "AmazonSagemakerHyperpodSystemNamespacePolicy",
];

/// Begins every name that access policies make.
const GROUP_PREFIX: &str = "iam-bridge.dev:";

impl fmt::Display for AccessPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
