//! The deny list: evaluated first, on every request, on cache hits too.
//!
//! All comparisons are without ASCII case. An entry that could not deny anybody is an error: a deny that
//! silently never matches is worse than none.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Origin;
use crate::iam::{
    AccountId, ArnSections, CanonicalArn, PatternError, PrincipalKind, RolePattern, VerifiedIdentity, strip_role_path,
};

/// Members of one `server.deny` entry as written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DenyText {
    /// `arn`
    pub arn: Option<String>,
    /// `arnLike`
    pub arn_like: Option<String>,
    /// `account`
    pub account: Option<String>,
    /// `userID`
    pub user_id: Option<String>,
    /// `accessKeyID`
    pub access_key_id: Option<String>,
    /// `sessionName`
    pub session_name: Option<String>,
    /// `reason`
    pub reason: Option<String>,
}

/// One parsed entry; all matchers given must match.
#[derive(Clone, Debug)]
pub struct DenyEntry {
    matchers: Vec<Matcher>,
    origin: Origin,
    reason: Option<String>,
}

/// Texts are lower case.
#[derive(Clone, Debug)]
enum Matcher {
    AccessKeyId(String),
    Account(String),
    /// Canonical, without a role's path: a deny holds for the name, which is unique in its account.
    Arn(String),
    ArnLike(ArnLike),
    SessionName(String),
    /// An assumed-role ARN as STS sends it: this one session.
    SessionArn(String),
    UserId(String),
}

/// A pattern, and the text its resource section begins with, which rules most callers out at once.
#[derive(Clone, Debug)]
struct ArnLike {
    pattern: RolePattern,
    resource_prefix: String,
}

/// A caller, split once for all entries.
struct Asked<'i> {
    identity: &'i VerifiedIdentity,
    /// Canonical, lower case, without a role's path.
    canonical: Cow<'i, str>,
    /// Canonical and as STS sent it: patterns are written over roles and over sessions.
    sections: [Option<ArnSections<'i>>; 2],
}

/// Why a deny entry is bad.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DenyEntryError {
    /// No matcher: it would deny nobody (or everybody).
    #[error("a deny entry needs at least one of arn, arnLike, account, userID, accessKeyID, sessionName")]
    NoMatcher,
    /// A matcher cannot be parsed, so it would never match; member and reason.
    #[error("{1}")]
    BadMatcher(&'static str, String),
}

impl DenyEntryError {
    /// Member at fault; empty for the whole entry.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::BadMatcher(key, _) => key,
            Self::NoMatcher => "",
        }
    }

    /// Stable diagnostic code, kebab-case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadMatcher(..) => "bad-deny-matcher",
            Self::NoMatcher => "no-deny-matcher",
        }
    }

    /// What to do.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::BadMatcher("account", _) => "write the twelve digits in quotes".to_owned(),
            Self::BadMatcher("arn", _) => "write it as `arn:aws:iam::111122223333:role/NAME`".to_owned(),
            Self::BadMatcher("arnLike", _) => "write it as `arn:aws:iam::111122223333:role/NAME*`".to_owned(),
            Self::BadMatcher(..) => "write the value, or delete the key".to_owned(),
            Self::NoMatcher => "give one; all that are given must match".to_owned(),
        }
    }
}

/// All entries, indexed by the rarest exact matcher of each.
#[derive(Clone, Debug, Default)]
pub struct DenyList {
    entries: Vec<DenyEntry>,
    access_key_ids: HashMap<String, Vec<usize>>,
    accounts: HashMap<String, Vec<usize>>,
    arns: HashMap<String, Vec<usize>>,
    session_arns: HashMap<String, Vec<usize>>,
    session_names: HashMap<String, Vec<usize>>,
    user_ids: HashMap<String, Vec<usize>>,
    /// Entries with nothing but a pattern over accounts.
    patterns: Vec<usize>,
}

impl DenyEntry {
    /// Judges the members.
    ///
    /// # Errors
    /// Every fault of the entry.
    pub fn parse(text: &DenyText, origin: Origin) -> Result<Self, Vec<DenyEntryError>> {
        let mut errors = Vec::new();
        // Rarest first: the index takes the first.
        let matchers: Vec<Matcher> = [
            judged(&text.access_key_id, |id| plain("accessKeyID", id).map(Matcher::AccessKeyId), &mut errors),
            judged(&text.user_id, |id| plain("userID", id).map(Matcher::UserId), &mut errors),
            judged(&text.arn, parse_arn, &mut errors),
            judged(&text.session_name, |name| plain("sessionName", name).map(Matcher::SessionName), &mut errors),
            judged(&text.account, parse_account, &mut errors),
            judged(&text.arn_like, parse_pattern, &mut errors),
        ]
        .into_iter()
        .flatten()
        .collect();
        if errors.is_empty() && matchers.is_empty() {
            errors.push(DenyEntryError::NoMatcher);
        }
        if errors.is_empty() { Ok(Self { matchers, origin, reason: text.reason.clone() }) } else { Err(errors) }
    }

    /// Whether it has a matcher that no caller with a JWT ever meets: `userID`, `accessKeyID`, `sessionName`.
    #[must_use]
    pub fn never_matches_a_jwt(&self) -> bool {
        self.matchers
            .iter()
            .any(|matcher| matches!(matcher, Matcher::UserId(_) | Matcher::AccessKeyId(_) | Matcher::SessionName(_)))
    }

    /// Where it stands.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether every matcher matches.
    #[must_use]
    pub fn matches(&self, identity: &VerifiedIdentity) -> bool {
        self.matches_asked(&Asked::new(identity))
    }

    fn matches_asked(&self, asked: &Asked<'_>) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(asked))
    }
}

impl DenyList {
    /// From entries in file order.
    #[must_use]
    pub fn new(entries: Vec<DenyEntry>) -> Self {
        let mut list = Self::default();
        for (at, entry) in entries.iter().enumerate() {
            let group = match entry.matchers.first() {
                Some(Matcher::AccessKeyId(id)) => list.access_key_ids.entry(id.clone()).or_default(),
                Some(Matcher::Account(account)) => list.accounts.entry(account.clone()).or_default(),
                Some(Matcher::Arn(arn)) => list.arns.entry(arn.clone()).or_default(),
                Some(Matcher::SessionArn(arn)) => list.session_arns.entry(arn.clone()).or_default(),
                Some(Matcher::SessionName(name)) => list.session_names.entry(name.clone()).or_default(),
                Some(Matcher::UserId(id)) => list.user_ids.entry(id.clone()).or_default(),
                Some(Matcher::ArnLike(like)) => match literal_account(&like.pattern) {
                    Some(account) => list.accounts.entry(account.to_owned()).or_default(),
                    None => &mut list.patterns,
                },
                None => &mut list.patterns,
            };
            group.push(at);
        }
        list.entries = entries;
        list
    }

    /// The first entry that matches: its origin and reason.
    #[must_use]
    pub fn find(&self, identity: &VerifiedIdentity) -> Option<(&Origin, Option<&str>)> {
        if self.entries.is_empty() {
            return None;
        }
        let asked = Asked::new(identity);
        let groups = [
            exact(&self.access_key_ids, identity.access_key_id()),
            exact(&self.user_ids, identity.user_id()),
            self.arns.get(&*asked.canonical),
            exact(&self.session_arns, Some(identity.arn())),
            exact(&self.session_names, identity.session_name()),
            exact(&self.accounts, Some(identity.account_id())),
            Some(&self.patterns),
        ];
        let candidates = groups.into_iter().flatten().flatten();
        let matching = candidates.filter(|at| self.entries.get(**at).is_some_and(|entry| entry.matches_asked(&asked)));
        let first = self.entries.get(*matching.min()?)?;
        Some((&first.origin, first.reason.as_deref()))
    }

    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it denies nobody.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, in file order.
    #[must_use]
    pub fn entries(&self) -> &[DenyEntry] {
        &self.entries
    }
}

impl<'i> Asked<'i> {
    fn new(identity: &'i VerifiedIdentity) -> Self {
        let canonical = identity.canonical_arn();
        Self {
            identity,
            canonical: without_path(canonical.lowercase()),
            sections: [Some(canonical.sections()), ArnSections::split(identity.arn()).ok()],
        }
    }
}

impl Matcher {
    fn matches(&self, asked: &Asked<'_>) -> bool {
        let identity = asked.identity;
        let is = |value: Option<&str>, text: &str| value.is_some_and(|value| value.eq_ignore_ascii_case(text));
        match self {
            Self::AccessKeyId(id) => is(identity.access_key_id(), id),
            Self::Account(account) => is(Some(identity.account_id()), account),
            Self::Arn(arn) => asked.canonical == *arn,
            Self::ArnLike(like) => asked.sections.iter().flatten().any(|arn| like.matches(*arn)),
            Self::SessionArn(arn) => is(Some(identity.arn()), arn),
            Self::SessionName(name) => is(identity.session_name(), name),
            Self::UserId(id) => is(identity.user_id(), id),
        }
    }
}

impl ArnLike {
    fn parse(text: &str) -> Result<Self, PatternError> {
        let pattern = RolePattern::any(text)?;
        let resource = ArnSections::split(pattern.lowercase()).map_or("", |sections| sections.resource);
        let resource_prefix = resource.split(['*', '?']).next().unwrap_or_default().to_owned();
        Ok(Self { pattern, resource_prefix })
    }

    fn matches(&self, arn: ArnSections<'_>) -> bool {
        let prefix = self.resource_prefix.as_bytes();
        let begins = arn.resource.as_bytes().get(..prefix.len()).is_some_and(|text| text.eq_ignore_ascii_case(prefix));
        begins && self.pattern.matches_sections(arn)
    }
}

/// The account section of a pattern without a wildcard in it.
fn literal_account(pattern: &RolePattern) -> Option<&str> {
    let account = ArnSections::split(pattern.lowercase()).ok()?.account;
    (!account.contains(['*', '?'])).then_some(account)
}

fn judged(
    member: &Option<String>,
    parse: impl FnOnce(&str) -> Result<Matcher, DenyEntryError>,
    errors: &mut Vec<DenyEntryError>,
) -> Option<Matcher> {
    parse(member.as_deref()?).map_err(|error| errors.push(error)).ok()
}

fn plain(key: &'static str, text: &str) -> Result<String, DenyEntryError> {
    if text.trim().is_empty() {
        return Err(DenyEntryError::BadMatcher(key, "the value is empty".to_owned()));
    }
    Ok(text.to_ascii_lowercase())
}

fn parse_arn(text: &str) -> Result<Matcher, DenyEntryError> {
    let lowercase = text.to_ascii_lowercase();
    match CanonicalArn::parse(&lowercase) {
        Ok(arn) if arn.kind() == PrincipalKind::AssumedRole => Ok(Matcher::SessionArn(lowercase)),
        Ok(arn) => Ok(Matcher::Arn(without_path(arn.lowercase()).into_owned())),
        Err(error) => Err(DenyEntryError::BadMatcher("arn", error.to_string())),
    }
}

fn parse_account(text: &str) -> Result<Matcher, DenyEntryError> {
    match text.parse::<AccountId>() {
        Ok(account) => Ok(Matcher::Account(account.to_string())),
        Err(error) => Err(DenyEntryError::BadMatcher("account", error.to_string())),
    }
}

fn parse_pattern(text: &str) -> Result<Matcher, DenyEntryError> {
    match ArnLike::parse(text) {
        Ok(like) => Ok(Matcher::ArnLike(like)),
        Err(error) => Err(DenyEntryError::BadMatcher("arnLike", error.to_string())),
    }
}

/// A lower-case canonical ARN without a role's path; callers have none, so this allocates for entries alone.
fn without_path(lowercase: &str) -> Cow<'_, str> {
    let has_path = lowercase.split_once(":role/").is_some_and(|(_, name)| name.contains('/'));
    if !has_path {
        return lowercase.into();
    }
    strip_role_path(lowercase).map_or_else(|_| lowercase.into(), Into::into)
}

fn exact<'m>(index: &'m HashMap<String, Vec<usize>>, value: Option<&str>) -> Option<&'m Vec<usize>> {
    // Lower-casing allocates; most lists use few of the matchers.
    if index.is_empty() { None } else { index.get(&value?.to_ascii_lowercase()) }
}
