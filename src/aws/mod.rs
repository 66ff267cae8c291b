//! Every call to AWS: the one HTTP client, STS, the metadata service.

mod answer;
mod breaker;
mod connector;
mod imds;
mod known_callers;
mod sts;
mod sts_error;
mod sts_limits;

pub use connector::{Connector, ConnectorError, ConnectorSettings};
pub use imds::{ImdsSettings, instance_region};
pub use sts::{Errand, Sts, StsSettings};
pub use sts_error::{AnswerFault, Bearing, StsError};
