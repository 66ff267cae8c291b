//! Whom an entry names.

use super::{RolePaths, SsoText};
use crate::iam::{CanonicalArn, PatternError, RolePattern, SsoRole, strip_role_path};

/// Whom an entry names; the rare forms are boxed, since tables hold mostly exact ARNs.
#[derive(Clone, Debug)]
pub(super) enum Principal {
    Exact(ExactArn),
    /// The pattern that matches, and the text as written: they differ in the path when paths are ignored.
    Pattern(Box<(RolePattern, String)>),
    Sso(Box<(SsoRole, SsoText)>),
}

/// One principal by its ARN. Most are written as they are matched, but for case: then one text serves for both.
#[derive(Clone, Debug)]
pub(super) struct ExactArn {
    written: Box<str>,
    /// What is matched, where it differs from `written` in more than case: a session's role, a role without its path.
    matched: Option<Box<str>>,
}

impl ExactArn {
    pub(super) fn new(written: &str, canonical: &CanonicalArn, paths: RolePaths) -> Self {
        let stripped = match paths {
            RolePaths::Exact => None,
            RolePaths::Ignore => strip_role_path(canonical.lowercase()).ok(),
        };
        let matched = stripped.as_deref().unwrap_or_else(|| canonical.lowercase());
        let differs = !matched.eq_ignore_ascii_case(written);
        Self { written: written.into(), matched: differs.then(|| matched.into()) }
    }

    pub(super) fn written(&self) -> &str {
        &self.written
    }

    /// Whether it names the principal with this lower-case canonical ARN.
    pub(super) fn is(&self, lowercase: &str) -> bool {
        self.matched.as_deref().unwrap_or(&self.written).eq_ignore_ascii_case(lowercase)
    }

    /// The lower-case canonical ARN it names.
    pub(super) fn key(&self) -> String {
        self.matched.as_deref().unwrap_or(&self.written).to_ascii_lowercase()
    }
}

/// Index key of an SSO entry: the roles' canonical ARN in lower case, without the suffix.
pub(super) fn sso_key(text: &SsoText) -> String {
    let partition = if text.partition.is_empty() { "aws" } else { &text.partition };
    let (account, set) = (&text.account_id, &text.permission_set_name);
    format!("arn:{partition}:iam::{account}:role/awsreservedsso_{set}").to_ascii_lowercase()
}

/// The SSO key a caller's lower-case canonical ARN falls under: all but `_` and 16 hex digits at its end.
pub(super) fn sso_key_of(lowercase: &str) -> Option<&str> {
    let (key, suffix) = lowercase.rsplit_once('_')?;
    let is_suffix = suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_suffix.then_some(key)
}

/// A `rolearnLike`, without the path when paths are ignored.
pub(super) fn parse_pattern(text: &str, paths: RolePaths) -> Result<Principal, PatternError> {
    let pattern = RolePattern::role(text)?;
    let pattern = match paths {
        RolePaths::Exact => pattern,
        RolePaths::Ignore => match strip_role_path(pattern.lowercase()) {
            Ok(stripped) => RolePattern::role(&stripped)?,
            Err(_) => pattern,
        },
    };
    Ok(Principal::Pattern(Box::new((pattern, text.to_owned()))))
}

/// `arn:PARTITION:iam::ACCOUNT` of a lower-case canonical role ARN.
pub(super) fn role_owner_of(lowercase: &str) -> Option<&str> {
    lowercase.split_once(":role/").map(|(owner, _)| owner)
}
