//! Every call to AWS: STS for the webhook, the metadata service, EC2, EKS, IAM; and the HTTP client under the SDK.

mod answer;
mod breaker;
mod connector;
mod ec2_names;
mod eks;
mod eks_access_entries;
mod iam;
mod imds;
mod keys;
mod known_callers;
mod pace;
mod query;
mod sdk_http;
mod sts;
mod sts_error;
mod sts_limits;
mod surroundings;

pub use connector::{Connector, ConnectorError, ConnectorSettings};
pub use ec2_names::{Ec2Names, Ec2Settings, Ec2SettingsError, HostForm, NodeError, NodeName};
pub use eks::{EksCall, EksCluster, EksError, describe_cluster};
pub use eks_access_entries::{
    EksAccessEntries, EksAssociation, EksEntriesError, EksEntriesSettings, EksEntry, EksEntryCluster, EksOperation,
};
pub use iam::{Iam, IamError, IamKind, IamPrincipal, IamSettings};
pub use imds::{ImdsSettings, instance_region};
pub use sdk_http::{SdkHttp, TRUST_ROOTS};
pub use sts::{Errand, Sts, StsSettings};
pub use sts_error::{AnswerFault, Bearing, StsError};
pub use surroundings::AwsSurroundings;
