//! The AWS bank of the bridge: who a caller is.
//!
//! Pure: no I/O, no clock. Source: aws-iam-authenticator 0.7.18; where we differ: `docs/compatibility.md`.

mod account;
mod arn;
mod arn_pattern;
mod canonical_arn;
mod identity;
mod partition;

pub use account::{AccountId, AccountIdError};
pub use arn::{Arn, ArnError};
pub use arn_pattern::{ArnPattern, PatternError, RolePattern, SsoRole, SsoRoleError};
pub use canonical_arn::{CanonicalArn, PrincipalKind, strip_role_path};
pub use identity::{CallerIdentity, IdentityError, VerifiedIdentity, is_instance_id};
pub use partition::{Partition, UnknownPartition};
