//! Every call to AWS: the one HTTP client, STS, the metadata service.

mod connector;
mod imds;
mod sts;
mod sts_limits;

pub use connector::{Connector, ConnectorError, ConnectorSettings};
pub use imds::instance_region;
pub use sts::{Sts, StsError, StsSettings};
