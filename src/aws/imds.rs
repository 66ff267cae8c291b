//! The region the instance metadata service names (IMDSv2, one bounded attempt, never through a proxy).

/// Region of this instance; `None` off EC2, when AWS_EC2_METADATA_DISABLED is true, or when nothing answers in time.
pub async fn instance_region() -> Option<String> {
    todo!()
}
