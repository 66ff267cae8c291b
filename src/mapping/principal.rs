//! Whom an entry names.

use std::borrow::Cow;

use super::{ArnReading, EntryError, EntryList, EntryRules, EntryText, RolePaths, SsoText};
use crate::iam::{CanonicalArn, PatternError, RolePattern, SsoRole, strip_role_path};

/// Whom an entry names; the rare forms are boxed, since tables hold mostly exact ARNs.
#[derive(Clone, Debug)]
pub(super) enum Principal {
    Exact(ExactArn),
    /// The pattern that matches, and the text as written: they differ in the path when paths are ignored.
    Pattern(Box<(RolePattern, String)>),
    Sso(Box<(SsoRole, SsoText)>),
    /// The unique id the entry is pinned to, and the ARN the caller must have besides.
    UserId(Option<Box<ExactArn>>),
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

    /// Compared as it stands. A path is left out where paths are ignored.
    fn as_written(written: &str, paths: RolePaths) -> Self {
        let stripped = match paths {
            RolePaths::Exact => None,
            RolePaths::Ignore => strip_role_path(&written.to_ascii_lowercase()).ok(),
        };
        let matched = stripped.filter(|stripped| !stripped.eq_ignore_ascii_case(written));
        Self { written: written.into(), matched: matched.map(Into::into) }
    }

    /// Names nobody: no caller's ARN is empty.
    fn never(written: &str) -> Self {
        Self { written: written.into(), matched: Some("".into()) }
    }

    /// In lower case and without path, and not canonical: a session's ARN stays one, and names nobody.
    fn without_path(written: &str) -> Self {
        match strip_role_path(&written.to_ascii_lowercase()) {
            Ok(stripped) => {
                let differs = !stripped.eq_ignore_ascii_case(written);
                Self { written: written.into(), matched: differs.then(|| stripped.into()) }
            }
            Err(_) => Self::never(written),
        }
    }

    /// Whether no caller can have it.
    pub(super) fn is_never(&self) -> bool {
        self.matched.as_deref() == Some("")
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

/// What access entries compare of a caller: its lower-case canonical ARN, a role's without path. STS never sends one; who
/// asks by hand may.
pub(super) fn caller_key(arn: &CanonicalArn) -> Cow<'_, str> {
    let lowercase = arn.lowercase();
    let has_path = lowercase.split_once(":role/").is_some_and(|(_, name)| name.contains('/'));
    if !has_path {
        return lowercase.into();
    }
    strip_role_path(lowercase).map_or_else(|_| lowercase.into(), Into::into)
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

/// Whom the members name; every fault is told.
pub(super) fn parse_principal(
    list: EntryList,
    text: &EntryText,
    rules: EntryRules,
    errors: &mut Vec<EntryError>,
) -> Option<Principal> {
    // An empty ARN counts as absent, as in the reference.
    let given = |member: &'_ Option<String>| member.as_deref().filter(|arn| !arn.is_empty()).map(str::to_owned);
    let arn = match list {
        EntryList::Roles => given(&text.role_arn),
        EntryList::Users => given(&text.user_arn),
    };
    if rules.arn == ArnReading::ByUserId {
        if text.user_id.is_none() {
            errors.push(EntryError::NoUserId);
        }
        if list == EntryList::Roles && text.role_arn_like.is_some() {
            errors.push(EntryError::PatternBesideUserId);
        }
        return Some(Principal::UserId(arn.map(|arn| Box::new(ExactArn::without_path(&arn)))));
    }
    let mut exact = |arn: String| parse_arn(list, &arn, rules).map_err(|error| errors.push(error)).ok();
    if list == EntryList::Users {
        let Some(arn) = arn else {
            errors.push(EntryError::NoPrincipal(list));
            return None;
        };
        return exact(arn).map(Principal::Exact);
    }
    let pattern = given(&text.role_arn_like);
    let keys: Vec<&'static str> =
        [(arn.is_some(), "rolearn"), (text.sso.is_some(), "sso"), (pattern.is_some(), "rolearnLike")]
            .into_iter()
            .filter_map(|(is_given, key)| is_given.then_some(key))
            .collect();
    let exact = arn.and_then(exact);
    match keys.len() {
        0 => errors.push(EntryError::NoPrincipal(list)),
        1 => {}
        _ => errors.insert(0, EntryError::SeveralPrincipals(keys)),
    }
    let pattern = pattern.and_then(|pattern| {
        parse_pattern(&pattern, rules.paths).map_err(|reason| errors.push(EntryError::BadPattern(reason))).ok()
    });
    let sso = text.sso.as_ref().and_then(|sso| parse_sso(sso, errors));
    exact.map(Principal::Exact).or(sso).or(pattern)
}

fn parse_arn(list: EntryList, arn: &str, rules: EntryRules) -> Result<ExactArn, EntryError> {
    let canonical = match (rules.arn, list) {
        (ArnReading::AsWritten | ArnReading::ByUserId, _) => return Ok(ExactArn::as_written(arn, rules.paths)),
        (ArnReading::Canonical, EntryList::Roles) if arn.contains('*') => {
            return Err(EntryError::WildcardInRoleArn(arn.to_owned()));
        }
        // As written: `ARN:` is a fault here, as in the reference.
        (ArnReading::Canonical, EntryList::Roles) => CanonicalArn::parse(arn),
        (ArnReading::Canonical | ArnReading::Lowered | ArnReading::LoweredOrNever, _) => {
            CanonicalArn::parse(&arn.to_ascii_lowercase())
        }
    };
    match canonical {
        Ok(canonical) => Ok(ExactArn::new(arn, &canonical, rules.paths)),
        Err(_) if rules.arn == ArnReading::LoweredOrNever => Ok(ExactArn::never(arn)),
        Err(reason) => {
            let key = match list {
                EntryList::Roles => "rolearn",
                EntryList::Users => "userarn",
            };
            let reason = CanonicalArn::parse(arn).err().unwrap_or(reason); // shows the text as written
            Err(EntryError::BadArn { key, reason })
        }
    }
}

/// Each member is judged beside good others, so that every fault shows.
fn parse_sso(text: &SsoText, errors: &mut Vec<EntryError>) -> Option<Principal> {
    let (set, account, partition) = (&text.permission_set_name, &text.account_id, &text.partition);
    for (key, judged) in [
        ("sso.permissionSetName", SsoRole::parse(set, "000000000000", "")),
        ("sso.accountID", SsoRole::parse("set", account, "")),
        ("sso.partition", SsoRole::parse("set", "000000000000", partition)),
    ] {
        errors.extend(judged.err().map(|reason| EntryError::BadSso { key, reason }));
    }
    let role = SsoRole::parse(set, account, partition).ok()?;
    Some(Principal::Sso(Box::new((role, text.clone()))))
}

/// A `rolearnLike`, without the path when paths are ignored.
fn parse_pattern(text: &str, paths: RolePaths) -> Result<Principal, PatternError> {
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
