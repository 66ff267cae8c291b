//! What EKS tells of a cluster's access entries, in types of our own.

use aws_sdk_eks::operation::describe_access_entry::DescribeAccessEntryOutput;
use aws_sdk_eks::operation::describe_cluster::DescribeClusterOutput;
use aws_sdk_eks::types::{AssociatedAccessPolicy, AuthenticationMode as Mode};
use serde::{Deserialize, Serialize};

use super::EksEntriesError;
use crate::clock::UnixSeconds;
use crate::mapping::AuthenticationMode;

/// The cluster whose entries are read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EksEntryCluster {
    /// `arn:PARTITION:eks:REGION:ACCOUNT:cluster/NAME`
    pub arn: String,
    /// `accessConfig.authenticationMode`; absent when EKS does not say.
    pub mode: Option<AuthenticationMode>,
}

/// An access entry, without its policies.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EksEntry {
    /// `principalArn`
    pub principal_arn: String,
    /// `type`
    pub entry_type: Option<String>,
    /// `username`
    pub username: Option<String>,
    /// `kubernetesGroups`
    pub kubernetes_groups: Vec<String>,
    /// `createdAt`, Unix seconds
    pub created_at: Option<i64>,
}

/// An access policy of an entry.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EksAssociation {
    /// `policyArn`
    pub policy_arn: String,
    /// `accessScope.type`
    pub scope_type: String,
    /// `accessScope.namespaces`
    pub namespaces: Vec<String>,
}

impl EksEntryCluster {
    pub(super) fn of(answer: DescribeClusterOutput) -> Result<Self, EksEntriesError> {
        let cluster = answer.cluster.ok_or(EksEntriesError::Malformed("no cluster in it"))?;
        let mode = match cluster.access_config.and_then(|config| config.authentication_mode) {
            None => None,
            Some(Mode::Api) => Some(AuthenticationMode::Api),
            Some(Mode::ApiAndConfigMap) => Some(AuthenticationMode::ApiAndConfigMap),
            Some(Mode::ConfigMap) => Some(AuthenticationMode::ConfigMap),
            Some(_) => {
                return Err(EksEntriesError::Malformed("an authentication mode that this version does not know"));
            }
        };
        let arn = cluster.arn.ok_or(EksEntriesError::Malformed("no ARN of the cluster"))?;
        Ok(Self { arn, mode })
    }
}

impl EksEntry {
    /// The entry that was asked for.
    pub(super) fn of(answer: DescribeAccessEntryOutput, principal: &str) -> Result<Self, EksEntriesError> {
        let entry = answer.access_entry.ok_or(EksEntriesError::Malformed("no entry in it"))?;
        if entry.principal_arn.as_deref() != Some(principal) {
            return Err(EksEntriesError::Malformed("the entry of another principal"));
        }
        Ok(Self {
            principal_arn: principal.to_owned(),
            entry_type: entry.r#type,
            username: entry.username,
            kubernetes_groups: entry.kubernetes_groups.unwrap_or_default(),
            created_at: entry.created_at.map(|at| at.secs()),
        })
    }

    /// When the entry was made.
    #[must_use]
    pub fn created(&self) -> Option<UnixSeconds> {
        self.created_at.map(UnixSeconds)
    }
}

impl EksAssociation {
    pub(super) fn of(policy: AssociatedAccessPolicy) -> Result<Self, EksEntriesError> {
        let policy_arn = policy.policy_arn.ok_or(EksEntriesError::Malformed("a policy without ARN"))?;
        let scope = policy.access_scope.ok_or(EksEntriesError::Malformed("a policy without scope"))?;
        let scope_type = scope.r#type.as_ref().map_or("", |scope_type| scope_type.as_str()).to_owned();
        Ok(Self { policy_arn, scope_type, namespaces: scope.namespaces.unwrap_or_default() })
    }
}
