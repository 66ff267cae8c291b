//! Where IAM is: one host a partition, and the region its signatures name. STS in a region.
//!
//! Source: the endpoint rules that AWS publishes for its SDKs.

use crate::aws::HostForm;
use crate::iam::Partition;

/// Signing region and host of a partition's IAM. Where a form has no host of its own, the plain one serves.
pub(super) const fn iam(partition: Partition, form: HostForm) -> (&'static str, &'static str) {
    match (partition, form.dual_stack, form.fips) {
        (Partition::Aws, true, true) => ("us-east-1", "iam-fips.global.api.aws"),
        (Partition::Aws, true, false) => ("us-east-1", "iam.global.api.aws"),
        (Partition::Aws, false, true) => ("us-east-1", "iam-fips.amazonaws.com"),
        (Partition::Aws, false, false) => ("us-east-1", "iam.amazonaws.com"),
        (Partition::AwsCn, true, _) => ("cn-north-1", "iam.global.api.amazonwebservices.com.cn"),
        (Partition::AwsCn, false, _) => ("cn-north-1", "iam.cn-north-1.amazonaws.com.cn"),
        // The FIPS hosts are the plain ones.
        (Partition::AwsUsGov, true, _) => ("us-gov-west-1", "iam.us-gov.api.aws"),
        (Partition::AwsUsGov, false, _) => ("us-gov-west-1", "iam.us-gov.amazonaws.com"),
        (Partition::AwsIso, _, true) => ("us-iso-east-1", "iam-fips.us-iso-east-1.c2s.ic.gov"),
        (Partition::AwsIso, _, false) => ("us-iso-east-1", "iam.us-iso-east-1.c2s.ic.gov"),
        (Partition::AwsIsoB, _, true) => ("us-isob-east-1", "iam-fips.us-isob-east-1.sc2s.sgov.gov"),
        (Partition::AwsIsoB, _, false) => ("us-isob-east-1", "iam.us-isob-east-1.sc2s.sgov.gov"),
        (Partition::AwsIsoE, _, _) => ("eu-isoe-west-1", "iam.eu-isoe-west-1.cloud.adc-e.uk"),
        (Partition::AwsIsoF, _, _) => ("us-isof-south-1", "iam.us-isof-south-1.csp.hci.ic.gov"),
        (Partition::AwsEusc, _, _) => ("eusc-de-east-1", "iam.eusc-de-east-1.amazonaws.eu"),
    }
}

/// The host of a region's STS.
pub(super) fn sts(region: &str, partition: Partition, form: HostForm) -> String {
    let dual_stack = partition.dual_stack_suffix().filter(|_| form.dual_stack);
    let is_fips = form.fips && (dual_stack.is_some() || partition.has_regional_fips());
    let service = if is_fips { "sts-fips" } else { "sts" };
    format!("{service}.{region}.{}", dual_stack.unwrap_or_else(|| partition.regional_suffix()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_its_host_and_the_region_of_its_signatures() {
        let form = |fips, dual_stack| HostForm { fips, dual_stack };
        for (partition, form, expected) in [
            (Partition::Aws, form(false, false), ("us-east-1", "iam.amazonaws.com")),
            (Partition::Aws, form(true, false), ("us-east-1", "iam-fips.amazonaws.com")),
            (Partition::AwsCn, form(true, false), ("cn-north-1", "iam.cn-north-1.amazonaws.com.cn")),
            (Partition::AwsUsGov, form(true, false), ("us-gov-west-1", "iam.us-gov.amazonaws.com")),
            (Partition::AwsEusc, form(false, true), ("eusc-de-east-1", "iam.eusc-de-east-1.amazonaws.eu")),
        ] {
            assert_eq!(iam(partition, form), expected);
        }
        for partition in Partition::ALL {
            let (region, host) = iam(partition, HostForm::default());
            assert_eq!(Partition::of_region(region), Some(partition));
            assert!(host.ends_with(partition.regional_suffix()), "{host}");
        }
        assert_eq!(sts("us-gov-west-1", Partition::AwsUsGov, form(true, false)), "sts.us-gov-west-1.amazonaws.com");
        assert_eq!(sts("eu-central-1", Partition::Aws, form(true, false)), "sts-fips.eu-central-1.amazonaws.com");
    }
}
