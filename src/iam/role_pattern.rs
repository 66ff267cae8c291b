//! Our own pattern: `rolearnLike` of a mapping entry, `arnLike` of a deny entry.

use std::cmp::Reverse;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::Chars;

use super::{ArnSections, CanonicalArn, Partition, PatternError};

/// `*` any run, `?` exactly one character, without ASCII case.
///
/// As `rolearnLike` ([`RolePattern::role`]) partition, account and resource type are literal and the wildcards stand in
/// the role's name only, where they match no `/`; as a deny entry's `arnLike` ([`RolePattern::any`]) they may stand in
/// every section, and match whatever is in it. Equality and hash are those of [`RolePattern::lowercase`].
#[derive(Clone)]
pub struct RolePattern {
    text: String,
    lowercase: String,
    scope: Scope,
}

/// Order of precedence among patterns; sorts best first.
pub type Precedence = (Reverse<usize>, Reverse<usize>, String);

#[derive(Clone, Debug)]
enum Scope {
    /// Every section on its own.
    AnyPrincipal,
    /// One account's roles, by name.
    RoleNames {
        partition: Partition,
        /// Lower case.
        account: String,
        /// Lower case: what follows `role/`.
        name: String,
    },
}

impl RolePattern {
    /// A `rolearnLike`.
    ///
    /// # Errors
    /// Every variant of [`PatternError`].
    pub fn role(text: &str) -> Result<Self, PatternError> {
        let lowercase = text.to_ascii_lowercase();
        let sections = sections_of(text, &lowercase)?;
        let not_a_role = || PatternError::NotARole(text.to_owned());
        let outside = || PatternError::WildcardOutsideName(text.to_owned());
        let ArnSections { partition, service, region, account, resource } = sections;
        if [partition, service, region, account].into_iter().any(has_wildcard) {
            return Err(outside());
        }
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        // A path is no part of the name.
        let path = name.rsplit_once('/').map_or("", |(path, _)| path);
        if has_wildcard(kind) || has_wildcard(path) {
            return Err(outside());
        }
        let partition = partition.parse().map_err(|_| not_a_role())?;
        if service != "iam" || !region.is_empty() || account.is_empty() || kind != "role" || name.is_empty() {
            return Err(not_a_role());
        }
        if !has_wildcard(name) {
            return Err(PatternError::NoWildcard(text.to_owned()));
        }
        let scope = Scope::RoleNames { partition, account: account.to_owned(), name: name.to_owned() };
        Ok(Self { text: text.to_owned(), lowercase, scope })
    }

    /// A deny entry's `arnLike`: wildcards in any section; each section is matched on its own.
    ///
    /// # Errors
    /// [`PatternError::NotAnArn`].
    pub fn any(text: &str) -> Result<Self, PatternError> {
        let lowercase = text.to_ascii_lowercase();
        sections_of(text, &lowercase)?;
        Ok(Self { text: text.to_owned(), lowercase, scope: Scope::AnyPrincipal })
    }

    /// Whether it matches, without ASCII case. No recursion; the steps are at most pattern times text.
    #[must_use]
    pub fn matches(&self, arn: &CanonicalArn) -> bool {
        match &self.scope {
            Scope::AnyPrincipal => self.matches_sections(arn.sections()),
            Scope::RoleNames { partition, account, name } => {
                *partition == arn.partition()
                    && account.eq_ignore_ascii_case(arn.account())
                    && arn
                        .lowercase_role()
                        .and_then(|resource| resource.strip_prefix("role/"))
                        .is_some_and(|caller| name_matches(name, caller))
            }
        }
    }

    /// Whether every section of a text that need not be canonical (an `assumed-role` ARN, say) matches its section of
    /// the pattern, without ASCII case. What [`RolePattern::any`] made, matches so.
    #[must_use]
    pub fn matches_sections(&self, arn: ArnSections<'_>) -> bool {
        let Ok(pattern) = ArnSections::split(&self.lowercase) else { return false };
        [
            (pattern.partition, arn.partition),
            (pattern.service, arn.service),
            (pattern.region, arn.region),
            (pattern.account, arn.account),
            (pattern.resource, arn.resource),
        ]
        .into_iter()
        .all(|(pattern, text)| glob(pattern, text))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// In ASCII lower case: two patterns are identical when these are equal.
    #[must_use]
    pub fn lowercase(&self) -> &str {
        &self.lowercase
    }

    /// Order of precedence: longer literal prefix, then more literal characters, then bytes; sorts best first.
    #[must_use]
    pub fn precedence(&self) -> Precedence {
        let literal = |c: &char| !matches!(c, '*' | '?');
        let prefix = self.lowercase.chars().take_while(literal).count();
        let literals = self.lowercase.chars().filter(literal).count();
        (Reverse(prefix), Reverse(literals), self.lowercase.clone())
    }

    /// Partition and lower-case account, for the index of a table; absent for [`RolePattern::any`].
    #[must_use]
    pub fn account_key(&self) -> Option<(Partition, String)> {
        match &self.scope {
            Scope::AnyPrincipal => None,
            Scope::RoleNames { partition, account, .. } => Some((*partition, account.clone())),
        }
    }
}

impl Eq for RolePattern {}

impl PartialEq for RolePattern {
    fn eq(&self, other: &Self) -> bool {
        self.lowercase == other.lowercase
    }
}

impl Hash for RolePattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lowercase.hash(state);
    }
}

impl fmt::Debug for RolePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RolePattern({})", self.text)
    }
}

fn sections_of<'l>(text: &str, lowercase: &'l str) -> Result<ArnSections<'l>, PatternError> {
    ArnSections::split(lowercase).map_err(|_| PatternError::NotAnArn(text.to_owned()))
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Path and name of a role are compared apart, so that a wildcard never runs over a `/`.
fn name_matches(pattern: &str, caller: &str) -> bool {
    let split = |text| str::rsplit_once(text, '/').unwrap_or(("", text));
    let ((pattern_path, pattern_name), (path, name)) = (split(pattern), split(caller));
    pattern_path == path && glob(pattern_name, name)
}

/// Anchored at both ends: `*` any run, `?` exactly one character, without ASCII case.
///
/// Only the newest `*` is ever retried: an earlier one could not do better.
fn glob(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let mut pattern_rest = pattern.clone();
        let mut text_rest = text.clone();
        match (pattern_rest.next(), text_rest.next()) {
            (Some('*'), _) => {
                pattern = pattern_rest;
                retry = Some((pattern.clone(), text.clone()));
                continue;
            }
            (Some(wanted), Some(character)) if wanted == '?' || wanted.eq_ignore_ascii_case(&character) => {
                (pattern, text) = (pattern_rest, text_rest);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        let Some((star_pattern, star_text)) = &mut retry else { return false };
        if star_text.next().is_none() {
            return false;
        }
        (pattern, text) = (star_pattern.clone(), star_text.clone());
    }
}
