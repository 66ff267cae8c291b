//! Entries as texts: our objects, command lines, Terraform.

mod aws;
mod terraform;
mod yaml;

pub use aws::{commands, shell};
pub use terraform::terraform;
pub use yaml::{object, yaml};

use crate::iam::Arn;
use crate::mapping::AccessEntryText;

/// An entry, and the name of its object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedEntry {
    /// `metadata.name`
    pub name: String,
    /// The members of its spec.
    pub text: AccessEntryText,
}

/// The policy's ARN in the partition of a principal.
fn policy_arn(policy: &str, principal: &str) -> String {
    if policy.starts_with("arn:") {
        return policy.to_owned();
    }
    let partition = Arn::parse(principal).map_or("aws", |arn| arn.partition().as_str());
    format!("arn:{partition}:eks::aws:cluster-access-policy/{policy}")
}

/// `type`, spelled out.
fn type_of(text: &AccessEntryText) -> &str {
    text.entry_type.as_deref().unwrap_or("STANDARD")
}
