//! Rule 6, the host rule: which hosts may be asked who a caller is.
//!
//! A host is recognised by comparing whole parts with our own table, and its name is written from that table again: the
//! region label is the one part a caller can make up, within its partition's form.

use std::fmt;

use crate::iam::Partition;

/// An STS host out of our own table. Display writes the host name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StsHost {
    /// `sts.amazonaws.com`.
    Global,
    /// A host of one region.
    Regional {
        /// Partition the region label belongs to by its form (the verifier's, for an instance region of no known form).
        partition: Partition,
        /// Region label.
        region: Region,
        /// Which of its names.
        form: HostForm,
    },
}

/// A region label: 1 to 32 of `[a-z0-9-]`, no hyphen at either end. Held in place, so that a host needs no allocation.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Region {
    bytes: [u8; Self::LONGEST],
    length: u8,
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
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StsRegion(&'static str);

/// The host of the whole `aws` partition; no other is global.
const GLOBAL_HOST: &str = "sts.amazonaws.com";

/// Regions that exist today. Others of legal form are asked too, but share one label. Sorted.
const KNOWN_REGIONS: [&str; 46] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

impl StsHost {
    /// The host rule for a verifier of `partition`; `host` is the authority as it stands in the URL.
    ///
    /// `instance_region` is the region the metadata service named. `None` refuses.
    #[must_use]
    pub fn parse(host: &str, partition: Partition, instance_region: Option<&str>) -> Option<Self> {
        if host == GLOBAL_HOST {
            return (partition == Partition::Aws).then_some(Self::Global);
        }
        let (service, rest) = host.split_once('.')?;
        let (label, suffix) = rest.split_once('.')?;
        let fips = match service {
            "sts" => false,
            "sts-fips" => true,
            _ => return None,
        };
        let region = Region::parse(label)?;
        let is_verifiers = suffix == partition.regional_suffix() || Some(suffix) == partition.dual_stack_suffix();
        // (c): a host of the partition that the region's form says, if the verifier's suffixes are the same.
        let own = Partition::of_region(label).filter(|_| is_verifiers);
        if let Some(form) = own.and_then(|own| HostForm::of(own, suffix, fips)) {
            return Some(Self::Regional { partition: own?, region, form });
        }
        // (d): the region we run in, whatever its form; never FIPS.
        let here = instance_region == Some(label) && !fips;
        let form = HostForm::of(partition, suffix, false).filter(|_| here)?;
        Some(Self::Regional { partition, region, form })
    }

    /// The host name, built from our table.
    #[must_use]
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// Partition of the host: the answer's ARN must be of it.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        match self {
            Self::Global => Partition::Aws,
            Self::Regional { partition, .. } => *partition,
        }
    }

    /// The region that a signature for this host must name; the global host takes any.
    #[must_use]
    pub const fn region(&self) -> Option<&Region> {
        match self {
            Self::Global => None,
            Self::Regional { region, .. } => Some(region),
        }
    }

    /// Label for metrics, and key of the breaker: closed set.
    #[must_use]
    pub fn region_label(&self) -> StsRegion {
        let Self::Regional { region, .. } = self else { return StsRegion::GLOBAL };
        let known = KNOWN_REGIONS.binary_search(&region.as_str()).ok().and_then(|at| KNOWN_REGIONS.get(at));
        known.map_or(StsRegion::OTHER, |known| StsRegion(known))
    }
}

impl fmt::Display for StsHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Regional { partition, region, form } = self else { return f.write_str(GLOBAL_HOST) };
        let service = match form {
            HostForm::DualStack | HostForm::Regional => "sts",
            HostForm::Fips | HostForm::FipsDualStack => "sts-fips",
        };
        let suffix = match form {
            HostForm::DualStack | HostForm::FipsDualStack => partition.dual_stack_suffix(),
            HostForm::Fips | HostForm::Regional => None,
        };
        write!(f, "{service}.{region}.{}", suffix.unwrap_or_else(|| partition.regional_suffix()))
    }
}

impl HostForm {
    /// The form of a host of `partition` that ends in `suffix`; `None` where there is no such host.
    fn of(partition: Partition, suffix: &str, fips: bool) -> Option<Self> {
        if suffix == partition.regional_suffix() {
            match fips {
                false => Some(Self::Regional),
                true => partition.has_regional_fips().then_some(Self::Fips),
            }
        } else {
            let is_dual_stack = Some(suffix) == partition.dual_stack_suffix();
            is_dual_stack.then_some(if fips { Self::FipsDualStack } else { Self::DualStack })
        }
    }
}

impl Region {
    /// Longest label that is accepted.
    const LONGEST: usize = 32;

    /// Checks a label.
    #[must_use]
    pub fn parse(label: &str) -> Option<Self> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let ends_in_hyphen = label.starts_with('-') || label.ends_with('-');
        if label.is_empty() || ends_in_hyphen || !label.bytes().all(legal) {
            return None;
        }
        let mut bytes = [0; Self::LONGEST];
        bytes.get_mut(..label.len())?.copy_from_slice(label.as_bytes());
        Some(Self { bytes, length: u8::try_from(label.len()).ok()? })
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // INVARIANT: the bytes came from a text of at most 32 bytes of ASCII.
        self.bytes.get(..usize::from(self.length)).and_then(|label| str::from_utf8(label).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl StsRegion {
    /// The global host.
    pub const GLOBAL: Self = Self("global");
    /// Every region of legal form that is not on the known list.
    pub const OTHER: Self = Self("other");

    /// The label's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Every label there can be.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::GLOBAL, Self::OTHER].into_iter().chain(KNOWN_REGIONS.into_iter().map(Self))
    }
}

/// All hosts accepted for `region` by a verifier of `partition`, sorted; the global host not among them.
#[must_use]
pub fn accepted_hosts(partition: Partition, region: &str, instance_region: Option<&str>) -> Vec<String> {
    let suffixes = [Some(partition.regional_suffix()), partition.dual_stack_suffix()];
    let names = ["sts", "sts-fips"]
        .into_iter()
        .flat_map(|service| suffixes.into_iter().flatten().map(move |suffix| format!("{service}.{region}.{suffix}")));
    let mut accepted: Vec<String> =
        names.filter(|name| StsHost::parse(name, partition, instance_region).is_some()).collect();
    accepted.sort_unstable();
    accepted
}
