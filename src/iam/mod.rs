//! The AWS bank of the bridge: who a caller is.
//!
//! ```text
//! answer of STS ──VerifiedIdentity::from_sts──▶ VerifiedIdentity ──canonical_arn──▶ what mappings name
//! ```
//!
//! Pure: no I/O, no clock. Source: aws-iam-authenticator 0.7.18; where we differ: `docs/compatibility.md`.
#![deny(clippy::arithmetic_side_effects)]

mod account;
mod arn;
mod arn_pattern;
mod canonical_arn;
mod identity;
mod partition;
mod role_pattern;
mod sso_role;

pub use account::{AccountId, AccountIdError};
pub use arn::{Arn, ArnError, ArnSections};
pub use arn_pattern::{ArnPattern, PatternError};
pub use canonical_arn::{CanonicalArn, PrincipalKind, strip_role_path};
pub use identity::{CallerIdentity, IdentityError, VerifiedIdentity, forward_session_name, is_instance_id};
pub use partition::{Partition, UnknownPartition};
pub use role_pattern::{Precedence, RolePattern};
pub use sso_role::{SsoRole, SsoRoleError};
