//! The host rule: which hosts may be asked who a caller is.

use std::sync::Arc;

use crate::iam::Partition;

/// An STS host out of our own table. Display writes the host name.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum StsHost {
    /// `sts.amazonaws.com`.
    Global,
    /// A host of one region.
    Regional {
        /// Partition the region label belongs to by its form.
        partition: Partition,
        /// Region label, of the partition's form (or the instance region).
        region: Arc<str>,
        /// Which of its names.
        form: HostForm,
    },
}

/// Which of a region's names.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HostForm {
    /// `sts.<region>.<dual-stack suffix>`
    DualStack,
    /// `sts-fips.<region>.<regional suffix>`
    Fips,
    /// `sts-fips.<region>.<dual-stack suffix>`
    FipsDualStack,
    /// `sts.<region>.<regional suffix>`
    Regional,
}

/// Label value of an STS region: `global`, a region on the known list, or `other`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct StsRegion(&'static str);

impl StsRegion {
    /// The label's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl StsHost {
    /// The host rule for a verifier of `partition`.
    ///
    /// `None` refuses.
    #[must_use]
    pub fn parse(_host: &str, _partition: Partition, _instance_region: Option<&str>) -> Option<Self> {
        todo!()
    }

    /// The host name, built from our table.
    #[must_use]
    pub fn name(&self) -> String {
        todo!()
    }

    /// Partition of the host: the answer's ARN must be of it.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        todo!()
    }

    /// Label for metrics, and key of the breaker: closed set.
    #[must_use]
    pub fn region_label(&self) -> StsRegion {
        todo!()
    }
}

/// All hosts accepted for `region` by a verifier of `partition`, sorted; the global host not among them.
#[must_use]
pub fn accepted_hosts(_partition: Partition, _region: &str, _instance_region: Option<&str>) -> Vec<String> {
    todo!()
}
