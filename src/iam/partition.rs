//! The eight AWS partitions: their names, the form of their regions, the suffixes of their STS hosts.
//!
//! Source of forms and suffixes: `docs/token-rules.md`, rule 6.

use std::fmt;
use std::str::FromStr;

/// An AWS partition, in the order the reference's help prints them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Partition {
    /// `aws`
    Aws,
    /// `aws-cn`
    AwsCn,
    /// `aws-us-gov`
    AwsUsGov,
    /// `aws-iso`
    AwsIso,
    /// `aws-iso-b`
    AwsIsoB,
    /// `aws-iso-e`
    AwsIsoE,
    /// `aws-iso-f`
    AwsIsoF,
    /// `aws-eusc`
    AwsEusc,
}

/// The text names no partition.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("partition `{0}` is not one of aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f, aws-eusc")]
pub struct UnknownPartition(pub String);

impl Partition {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Aws,
        Self::AwsCn,
        Self::AwsUsGov,
        Self::AwsIso,
        Self::AwsIsoB,
        Self::AwsIsoE,
        Self::AwsIsoF,
        Self::AwsEusc,
    ];

    /// Its name as it stands in an ARN.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
            Self::AwsIso => "aws-iso",
            Self::AwsIsoB => "aws-iso-b",
            Self::AwsIsoE => "aws-iso-e",
            Self::AwsIsoF => "aws-iso-f",
            Self::AwsEusc => "aws-eusc",
        }
    }

    /// The partition whose region form `region` has; `None` for a label of no known form.
    ///
    /// Forms are a prefix, a word and a number, joined by hyphens. They exclude each other: the word holds no hyphen.
    #[must_use]
    pub fn of_region(region: &str) -> Option<Self> {
        let (rest, number) = region.rsplit_once('-')?;
        let (prefix, word) = rest.rsplit_once('-')?;
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_word(word) || !is_number(number) {
            return None;
        }
        match prefix {
            "us" | "eu" | "ap" | "sa" | "ca" | "me" | "af" | "il" | "mx" => Some(Self::Aws),
            "cn" => Some(Self::AwsCn),
            "us-gov" => Some(Self::AwsUsGov),
            "us-iso" => Some(Self::AwsIso),
            "us-isob" => Some(Self::AwsIsoB),
            "eu-isoe" => Some(Self::AwsIsoE),
            "us-isof" => Some(Self::AwsIsoF),
            "eusc-de" => Some(Self::AwsEusc),
            _ => None,
        }
    }

    /// What follows the region in the host of a regional endpoint.
    #[must_use]
    pub const fn regional_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::AwsUsGov => "amazonaws.com",
            Self::AwsCn => "amazonaws.com.cn",
            Self::AwsIso => "c2s.ic.gov",
            Self::AwsIsoB => "sc2s.sgov.gov",
            Self::AwsIsoE => "cloud.adc-e.uk",
            Self::AwsIsoF => "csp.hci.ic.gov",
            Self::AwsEusc => "amazonaws.eu",
        }
    }

    /// What follows the region in the host of a dual-stack endpoint; `None` where the reference accepts none.
    #[must_use]
    pub const fn dual_stack_suffix(self) -> Option<&'static str> {
        match self {
            Self::Aws | Self::AwsUsGov => Some("api.aws"),
            Self::AwsCn => Some("api.amazonwebservices.com.cn"),
            Self::AwsEusc => Some("api.amazonwebservices.eu"),
            Self::AwsIso | Self::AwsIsoB | Self::AwsIsoE | Self::AwsIsoF => None,
        }
    }

    /// Whether `sts-fips.<region>.<regional suffix>` exists: everywhere but in GovCloud, whose plain host is the FIPS one.
    #[must_use]
    pub const fn has_regional_fips(self) -> bool {
        !matches!(self, Self::AwsUsGov)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Partition {
    type Err = UnknownPartition;

    fn from_str(text: &str) -> Result<Self, UnknownPartition> {
        Self::ALL
            .into_iter()
            .find(|partition| partition.as_str() == text)
            .ok_or_else(|| UnknownPartition(text.to_owned()))
    }
}
