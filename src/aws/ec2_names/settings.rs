//! What the look-up of nodes goes by.

use std::path::PathBuf;
use std::time::Duration;

use aws_credential_types::Credentials;

use crate::aws::keys::{AssumedRole, KeySettings, SourceArnFault, judge_source};
use crate::iam::{ArnError, ArnSections};

/// The longest that anybody waits for a name.
const BUDGET: Duration = Duration::from_secs(5);

/// `server.ec2*`, `server.sourceARN`, `server.nodeName`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ec2Settings {
    /// `ec2DescribeInstancesQps`: calls a second.
    pub qps: u32,
    /// `ec2DescribeInstancesBurst`: calls at once.
    pub burst: u32,
    /// `ec2DescribeInstancesRoleARN`: role to assume for the calls.
    pub role_arn: Option<String>,
    /// `sourceARN`: signed into the AssumeRole call, with its account.
    pub source_arn: Option<String>,
    /// `ec2.instanceProfiles`: names or ARNs; empty does not check the profile.
    pub instance_profiles: Vec<String>,
    /// `nodeName`
    pub node_name: NodeName,
    /// `AWS_REGION`; else the instance's own.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL_EC2`, else `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`: what hosts there are without the two above and below.
    pub host_form: HostForm,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`: where the role is assumed.
    pub sts_endpoint: Option<String>,
    /// `AWS_CA_BUNDLE`, else `SSL_CERT_FILE`: trust roots for these calls.
    pub ca_bundle: Option<PathBuf>,
    /// `AWS_ACCESS_KEY_ID` and its companions; without them the default chain of the AWS SDK is walked.
    pub environment_keys: Option<Credentials>,
    /// The longest that anybody waits for a name; 5 s. No config key sets it.
    pub budget: Duration,
}

/// Which hosts of AWS are called.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HostForm {
    /// Those with FIPS cryptography.
    pub fips: bool,
    /// Those with IPv6 addresses, where the partition has such.
    pub dual_stack: bool,
}

/// What a node is called.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum NodeName {
    /// The private DNS name that EC2 tells, as the reference.
    #[default]
    PrivateDns,
    /// `ID.REGION.compute.internal` (`ID.ec2.internal` in us-east-1).
    ResourceName,
    /// The instance id.
    InstanceId,
}

/// An ARN that no role can be assumed with.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Ec2SettingsError {
    /// `ec2DescribeInstancesRoleARN` is none.
    #[error("server.ec2DescribeInstancesRoleARN is no ARN; write arn:aws:iam::ACCOUNT:role/NAME")]
    RoleArn(#[source] ArnError),
    /// `sourceARN` is none, and a role is to be assumed with it.
    #[error("server.sourceARN is no ARN; write arn:aws:eks:REGION:ACCOUNT:cluster/NAME")]
    SourceArn(#[source] ArnError),
    /// `sourceARN` holds what cannot stand in a header.
    #[error("server.sourceARN holds characters that cannot stand in a request")]
    SourceArnBytes,
}

impl Ec2Settings {
    /// Whether a role could be assumed with these; asked at the start, where somebody looks.
    ///
    /// # Errors
    /// [`Ec2SettingsError`]. A bad `sourceARN` is one only when a role is set, as in the reference.
    pub fn judge(&self) -> Result<(), Ec2SettingsError> {
        if let Some(role) = &self.role_arn {
            ArnSections::split(role).map_err(Ec2SettingsError::RoleArn)?;
            if let Some(source) = &self.source_arn {
                judge_source(source).map_err(|fault| match fault {
                    SourceArnFault::Arn(error) => Ec2SettingsError::SourceArn(error),
                    SourceArnFault::Bytes => Ec2SettingsError::SourceArnBytes,
                })?;
            }
        }
        Ok(())
    }

    /// Whose keys sign the calls.
    pub(super) fn keys(&self) -> KeySettings {
        let role = |arn: &String| AssumedRole {
            arn: arn.clone(),
            source_arn: self.source_arn.clone(),
            ..AssumedRole::default()
        };
        KeySettings {
            purpose: "EC2",
            environment_keys: self.environment_keys.clone(),
            role: self.role_arn.as_ref().map(role),
            host_form: self.host_form,
            sts_endpoint: self.sts_endpoint.clone(),
        }
    }
}

impl Default for Ec2Settings {
    fn default() -> Self {
        Self {
            qps: 15,
            burst: 5,
            role_arn: None,
            source_arn: None,
            instance_profiles: Vec::new(),
            node_name: NodeName::default(),
            region: None,
            endpoint: None,
            host_form: HostForm::default(),
            sts_endpoint: None,
            ca_bundle: None,
            environment_keys: None,
            budget: BUDGET,
        }
    }
}
