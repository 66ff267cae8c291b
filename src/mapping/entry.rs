//! One mapping entry, from the texts of a file to something that cannot be wrong.

use std::fmt;
use std::sync::Arc;

use super::principal::{ExactArn, Principal, caller_key, parse_principal};
use super::window::{self, Standing, Window};
use super::{AccessEntryType, EntryError, EntryRules, Grant, MappingError, SharedNames, Template};
use crate::clock::UnixSeconds;
use crate::diagnostic::Position;
use crate::iam::{CanonicalArn, VerifiedIdentity};

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
        // An object of the API server has no lines.
        match self.at.line {
            0 => f.write_str(&self.place),
            line => write!(f, "{}:{line}", self.place),
        }
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

/// One entry, parsed: principal, templates, pin, window. Small: a table may hold half a million.
#[derive(Clone, Debug)]
pub struct Entry {
    list: EntryList,
    /// That of an access entry.
    access_type: Option<AccessEntryType>,
    principal: Principal,
    username: Template,
    groups: Arc<[Template]>,
    /// What few entries have.
    limits: Option<Box<Limits>>,
    origin: Origin,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub(super) user_id: Option<Box<str>>,
    pub(super) window: Window,
    pub(super) not_before: Option<Box<str>>,
    pub(super) not_after: Option<Box<str>>,
    pub(super) reason: Option<Box<str>>,
    pub(super) allow_privileged: bool,
    pub(super) grants: Option<Arc<[Grant]>>,
}

/// What an access entry is made of.
pub(super) struct AccessParts {
    pub(super) list: EntryList,
    pub(super) principal: ExactArn,
    pub(super) username: Template,
    pub(super) groups: Arc<[Template]>,
    pub(super) access_type: AccessEntryType,
    pub(super) limits: Limits,
    pub(super) origin: Origin,
}

impl Entry {
    /// Judges the members of an entry of the `mapRoles` / `mapUsers` formats by the rules of its source.
    ///
    /// Members of the other list (`userarn` in mapRoles, …) are not looked at, as in the reference.
    ///
    /// # Errors
    /// Every fault of the entry, not only the first.
    pub fn parse(
        list: EntryList,
        text: &EntryText,
        rules: impl Into<EntryRules>,
        origin: Origin,
    ) -> Result<Self, Vec<EntryError>> {
        Self::parse_sharing(list, text, rules.into(), origin, &mut SharedNames::default())
    }

    /// As [`Entry::parse`]; names that earlier entries had too are kept once. For long lists.
    ///
    /// # Errors
    /// Every fault of the entry, not only the first.
    pub fn parse_sharing(
        list: EntryList,
        text: &EntryText,
        rules: EntryRules,
        origin: Origin,
        shared: &mut SharedNames,
    ) -> Result<Self, Vec<EntryError>> {
        let mut errors = Vec::new();
        let principal = parse_principal(list, text, rules, &mut errors);
        let limits = parse_limits(text, &mut errors);
        let username = shared.username(Template::parse(&text.username));
        let groups = shared.groups(text.groups.iter().map(|group| Template::parse(group)).collect());
        if text.role_arn_like.is_some() && list == EntryList::Roles && !text.allow_privileged {
            errors.extend(privileged_names(&username, &groups));
        }
        match principal {
            Some(principal) if errors.is_empty() => {
                Ok(Self { list, access_type: None, principal, username, groups, limits: limits.boxed(), origin })
            }
            _ => Err(errors),
        }
    }

    /// An access entry, judged.
    pub(super) fn of_access_entry(parts: AccessParts) -> Self {
        Self {
            list: parts.list,
            access_type: Some(parts.access_type),
            principal: Principal::Exact(parts.principal),
            username: parts.username,
            groups: parts.groups,
            limits: parts.limits.boxed(),
            origin: parts.origin,
        }
    }

    /// The members as written, those of the other list left out. Of an access entry, what a mapping entry can say of it.
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
            (Principal::UserId(arn), EntryList::Roles) => text.role_arn = written(arn.as_deref()),
            (Principal::UserId(arn), EntryList::Users) => text.user_arn = written(arn.as_deref()),
        }
        if let Some(limits) = self.limits() {
            text.user_id = owned(&limits.user_id);
            text.not_before = owned(&limits.not_before);
            text.not_after = owned(&limits.not_after);
            text.reason = owned(&limits.reason);
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
        self.limits()?.user_id.as_deref()
    }

    /// `reason`, for logs.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.limits()?.reason.as_deref()
    }

    /// Access policies that it gives, those that are over included; an access entry alone does.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        self.limits().and_then(|limits| limits.grants.as_deref()).unwrap_or_default()
    }

    /// Type of an access entry; `None` for entries of the other formats.
    #[must_use]
    pub const fn access_type(&self) -> Option<AccessEntryType> {
        self.access_type
    }

    /// `notBefore`: it holds from this second on.
    #[must_use]
    pub fn not_before(&self) -> Option<UnixSeconds> {
        self.limits()?.window.not_before
    }

    /// `notAfter` or `expiresAt`: it ends at this second.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixSeconds> {
        self.limits()?.window.not_after
    }

    /// The key that an access entry is found by: partition, account, kind and name in lower case, a role's path left out.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match (&self.principal, self.access_type) {
            (Principal::Exact(exact), Some(_)) => Some(exact.key()),
            _ => None,
        }
    }

    /// What it matches, as a person would write it.
    #[must_use]
    pub fn principal_text(&self) -> String {
        match &self.principal {
            Principal::Exact(exact) => exact.written().to_owned(),
            Principal::Pattern(pattern) => pattern.1.clone(),
            Principal::Sso(sso) => sso.0.display(),
            Principal::UserId(Some(exact)) => exact.written().to_owned(),
            Principal::UserId(None) => self.pin().unwrap_or_default().to_owned(),
        }
    }

    /// Whether it names `arn`, pin and window aside. A table answers this for all its entries at once.
    #[must_use]
    pub fn names(&self, arn: &CanonicalArn) -> bool {
        match &self.principal {
            Principal::Exact(exact) if self.access_type.is_some() => exact.is(&caller_key(arn)),
            Principal::Exact(exact) => exact.is(arn.lowercase()),
            Principal::Pattern(pattern) => pattern.0.matches(arn),
            Principal::Sso(sso) => sso.0.matches(arn),
            Principal::UserId(exact) => exact.as_deref().is_some_and(|exact| exact.is(arn.lowercase())),
        }
    }

    /// Whether pin and window admit a caller the entry names.
    pub(super) fn admits(&self, identity: &VerifiedIdentity, now: UnixSeconds) -> Result<(), MappingError> {
        let Some(limits) = self.limits() else { return Ok(()) };
        // Found by its unique id, and the ARN is another's: the id is not the caller's to be known by.
        if let Principal::UserId(Some(exact)) = &self.principal
            && !exact.is(identity.canonical_arn().lowercase())
        {
            return Err(MappingError::UniqueIdMismatch(self.origin.clone()));
        }
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

    pub(super) fn limits(&self) -> Option<&Limits> {
        self.limits.as_deref()
    }
}

impl Limits {
    /// Nothing when they limit nothing.
    fn boxed(self) -> Option<Box<Self>> {
        let any = self.user_id.is_some()
            || self.not_before.is_some()
            || self.not_after.is_some()
            || self.reason.is_some()
            || self.allow_privileged
            || self.grants.is_some();
        any.then(|| Box::new(self))
    }
}

fn owned(text: &Option<Box<str>>) -> Option<String> {
    text.as_deref().map(str::to_owned)
}

fn written(arn: Option<&ExactArn>) -> Option<String> {
    arn.map(|arn| arn.written().to_owned())
}

fn parse_limits(text: &EntryText, errors: &mut Vec<EntryError>) -> Limits {
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
    let boxed = |text: &Option<String>| text.as_deref().map(Into::into);
    Limits {
        user_id: boxed(&text.user_id),
        window,
        not_before: boxed(&text.not_before),
        not_after: boxed(&text.not_after),
        reason: boxed(&text.reason),
        allow_privileged: text.allow_privileged,
        grants: None,
    }
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
