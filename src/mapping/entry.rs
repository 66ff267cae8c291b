//! One mapping entry, from the texts of a file to something that cannot be wrong.

use std::fmt;
use std::sync::Arc;

use super::principal::{ExactArn, Principal, parse_pattern};
use super::window::{self, Standing, Window};
use super::{EntryError, MappingError, SharedNames, Template};
use crate::clock::UnixSeconds;
use crate::diagnostic::Position;
use crate::iam::{CanonicalArn, SsoRole, VerifiedIdentity};

/// Where an entry stands: `FILE:LINE` (or an object's name), and the key path.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Origin {
    /// File or object.
    pub place: Arc<str>,
    /// Line and column in it.
    pub at: Position,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place, self.at.line)
    }
}

/// Which list an entry stands in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EntryList {
    /// `mapRoles`
    Roles,
    /// `mapUsers`
    Users,
}

/// An entry's members as written; nothing judged but their types. `None` is absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EntryText {
    /// `rolearn`
    pub role_arn: Option<String>,
    /// `rolearnLike`
    pub role_arn_like: Option<String>,
    /// `sso`
    pub sso: Option<SsoText>,
    /// `userarn`
    pub user_arn: Option<String>,
    /// `username`
    pub username: String,
    /// `groups`
    pub groups: Vec<String>,
    /// `userid` or `principalId`
    pub user_id: Option<String>,
    /// `notBefore`, RFC 3339
    pub not_before: Option<String>,
    /// `notAfter` or `expiresAt`, RFC 3339
    pub not_after: Option<String>,
    /// `reason`
    pub reason: Option<String>,
    /// `allowPrivileged`
    pub allow_privileged: bool,
}

/// Members of `sso`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SsoText {
    /// `permissionSetName`
    pub permission_set_name: String,
    /// `accountID`
    pub account_id: String,
    /// `partition`; empty when not given.
    pub partition: String,
}

/// `server.rolePaths`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RolePaths {
    /// A role ARN with a path never matches, as in the reference; loud at load.
    #[default]
    Exact,
    /// Match by account and name.
    Ignore,
}

/// One entry, parsed: principal, templates, pin, window. Small: a table may hold half a million.
#[derive(Clone, Debug)]
pub struct Entry {
    list: EntryList,
    principal: Principal,
    username: Template,
    groups: Arc<[Template]>,
    /// What few entries have.
    limits: Option<Box<Limits>>,
    origin: Origin,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub(super) user_id: Option<String>,
    pub(super) window: Window,
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) allow_privileged: bool,
}

impl Entry {
    /// Judges the members of an entry of the `mapRoles` / `mapUsers` formats with MountedFile's rules.
    ///
    /// Members of the other list (`userarn` in mapRoles, …) are not looked at, as in the reference.
    ///
    /// # Errors
    /// Every fault of the entry, not only the first.
    pub fn parse(list: EntryList, text: &EntryText, paths: RolePaths, origin: Origin) -> Result<Self, Vec<EntryError>> {
        Self::parse_sharing(list, text, paths, origin, &mut SharedNames::default())
    }

    /// As [`Entry::parse`]; names that earlier entries had too are kept once. For long lists.
    ///
    /// # Errors
    /// Every fault of the entry, not only the first.
    pub fn parse_sharing(
        list: EntryList,
        text: &EntryText,
        paths: RolePaths,
        origin: Origin,
        shared: &mut SharedNames,
    ) -> Result<Self, Vec<EntryError>> {
        let mut errors = Vec::new();
        let principal = parse_principal(list, text, paths, &mut errors);
        let limits = parse_limits(text, &mut errors);
        let username = shared.username(Template::parse(&text.username));
        let groups = shared.groups(text.groups.iter().map(|group| Template::parse(group)).collect());
        if text.role_arn_like.is_some() && list == EntryList::Roles && !text.allow_privileged {
            errors.extend(privileged_names(&username, &groups));
        }
        match principal {
            Some(principal) if errors.is_empty() => {
                Ok(Self { list, principal, username, groups, limits: limits.map(Box::new), origin })
            }
            _ => Err(errors),
        }
    }

    /// The members as written, those of the other list left out.
    #[must_use]
    pub fn text(&self) -> EntryText {
        let mut text = EntryText {
            username: self.username.to_string(),
            groups: self.groups.iter().map(Template::to_string).collect(),
            ..EntryText::default()
        };
        match (&self.principal, self.list) {
            (Principal::Exact(exact), EntryList::Roles) => text.role_arn = Some(exact.written().to_owned()),
            (Principal::Exact(exact), EntryList::Users) => text.user_arn = Some(exact.written().to_owned()),
            (Principal::Pattern(pattern), _) => text.role_arn_like = Some(pattern.1.clone()),
            (Principal::Sso(sso), _) => text.sso = Some(sso.1.clone()),
        }
        if let Some(limits) = self.limits.as_deref() {
            text.user_id.clone_from(&limits.user_id);
            text.not_before.clone_from(&limits.not_before);
            text.not_after.clone_from(&limits.not_after);
            text.reason.clone_from(&limits.reason);
            text.allow_privileged = limits.allow_privileged;
        }
        text
    }

    /// Where it stands.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Which list it stands in.
    #[must_use]
    pub const fn list(&self) -> EntryList {
        self.list
    }

    /// Template of the username.
    #[must_use]
    pub const fn username(&self) -> &Template {
        &self.username
    }

    /// Templates of the groups.
    #[must_use]
    pub fn groups(&self) -> &[Template] {
        &self.groups
    }

    /// Unique id it is pinned to.
    #[must_use]
    pub fn pin(&self) -> Option<&str> {
        self.limits.as_deref().and_then(|limits| limits.user_id.as_deref())
    }

    /// `reason`, for logs.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.limits.as_deref().and_then(|limits| limits.reason.as_deref())
    }

    /// What it matches, as a person would write it.
    #[must_use]
    pub fn principal_text(&self) -> String {
        match &self.principal {
            Principal::Exact(exact) => exact.written().to_owned(),
            Principal::Pattern(pattern) => pattern.1.clone(),
            Principal::Sso(sso) => sso.0.display(),
        }
    }

    /// Whether it names `arn`, pin and window aside. A table answers this for all its entries at once.
    #[must_use]
    pub fn names(&self, arn: &CanonicalArn) -> bool {
        match &self.principal {
            Principal::Exact(exact) => exact.is(arn.lowercase()),
            Principal::Pattern(pattern) => pattern.0.matches(arn),
            Principal::Sso(sso) => sso.0.matches(arn),
        }
    }

    /// Whether pin and window admit a caller the entry names.
    pub(super) fn admits(&self, identity: &VerifiedIdentity, now: UnixSeconds) -> Result<(), MappingError> {
        let Some(limits) = self.limits.as_deref() else { return Ok(()) };
        // A caller without a unique id never satisfies a pin.
        if limits.user_id.is_some() && limits.user_id.as_deref() != identity.user_id() {
            return Err(MappingError::UniqueIdMismatch(self.origin.clone()));
        }
        match limits.window.standing(now) {
            Standing::Within => Ok(()),
            Standing::Before => Err(MappingError::NotYetValid(self.origin.clone())),
            Standing::After => Err(MappingError::ExpiredEntry(self.origin.clone())),
        }
    }

    pub(super) const fn principal(&self) -> &Principal {
        &self.principal
    }
}

fn parse_principal(
    list: EntryList,
    text: &EntryText,
    paths: RolePaths,
    errors: &mut Vec<EntryError>,
) -> Option<Principal> {
    // An empty ARN counts as absent, as in the reference.
    let given = |member: &'_ Option<String>| member.as_deref().filter(|arn| !arn.is_empty()).map(str::to_owned);
    if list == EntryList::Users {
        let Some(arn) = given(&text.user_arn) else {
            errors.push(EntryError::NoPrincipal(list));
            return None;
        };
        // Lower case first, as in the reference: `ARN:AWS:…` works here.
        return match CanonicalArn::parse(&arn.to_ascii_lowercase()) {
            Ok(canonical) => Some(Principal::Exact(ExactArn::new(&arn, &canonical, paths))),
            Err(reason) => {
                let reason = CanonicalArn::parse(&arn).err().unwrap_or(reason); // shows the text as written
                errors.push(EntryError::BadArn { key: "userarn", reason });
                None
            }
        };
    }
    let (exact, pattern) = (given(&text.role_arn), given(&text.role_arn_like));
    let keys: Vec<&'static str> =
        [(exact.is_some(), "rolearn"), (text.sso.is_some(), "sso"), (pattern.is_some(), "rolearnLike")]
            .into_iter()
            .filter_map(|(is_given, key)| is_given.then_some(key))
            .collect();
    match keys.len() {
        0 => errors.push(EntryError::NoPrincipal(list)),
        1 => {}
        _ => errors.push(EntryError::SeveralPrincipals(keys)),
    }
    let exact = exact.and_then(|arn| parse_role_arn(&arn, paths).map_err(|error| errors.push(error)).ok());
    let pattern = pattern.and_then(|pattern| {
        parse_pattern(&pattern, paths).map_err(|reason| errors.push(EntryError::BadPattern(reason))).ok()
    });
    let sso = text.sso.as_ref().and_then(|sso| parse_sso(sso, errors));
    exact.map(Principal::Exact).or(sso).or(pattern)
}

fn parse_role_arn(arn: &str, paths: RolePaths) -> Result<ExactArn, EntryError> {
    if arn.contains('*') {
        return Err(EntryError::WildcardInRoleArn(arn.to_owned()));
    }
    // As written: `ARN:` is an error here, as in the reference.
    match CanonicalArn::parse(arn) {
        Ok(canonical) => Ok(ExactArn::new(arn, &canonical, paths)),
        Err(reason) => Err(EntryError::BadArn { key: "rolearn", reason }),
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

fn parse_limits(text: &EntryText, errors: &mut Vec<EntryError>) -> Option<Limits> {
    let mut instant = |key: &'static str, text: &Option<String>| {
        let text = text.as_deref()?;
        let instant = window::parse_rfc3339(text);
        if instant.is_none() {
            errors.push(EntryError::BadTime { key, text: text.to_owned() });
        }
        instant
    };
    let not_before = instant("notBefore", &text.not_before);
    let not_after = instant("notAfter", &text.not_after);
    let window = Window { not_before, not_after };
    if window.is_empty() {
        errors.push(EntryError::EmptyWindow {
            not_before: text.not_before.clone().unwrap_or_default(),
            not_after: text.not_after.clone().unwrap_or_default(),
        });
    }
    if text.user_id.as_ref().is_some_and(|pin| pin.trim().is_empty()) {
        errors.push(EntryError::EmptyPin);
    }
    let limits = Limits {
        user_id: text.user_id.clone(),
        window,
        not_before: text.not_before.clone(),
        not_after: text.not_after.clone(),
        reason: text.reason.clone(),
        allow_privileged: text.allow_privileged,
    };
    let any = limits.user_id.is_some()
        || limits.not_before.is_some()
        || limits.not_after.is_some()
        || limits.reason.is_some()
        || limits.allow_privileged;
    any.then_some(limits)
}

fn privileged_names(username: &Template, groups: &[Template]) -> Vec<EntryError> {
    let named = |key, template: &Template| {
        template
            .literal_prefix()
            .starts_with("system:")
            .then(|| EntryError::Privileged { key, name: template.to_string() })
    };
    named("username", username).into_iter().chain(groups.iter().filter_map(|group| named("groups", group))).collect()
}
