//! The reference's arnLike, and what every pattern's error says.

use super::ArnSections;

/// The reference's arnLike: per section, `*` any run, `?` zero or one character, case-sensitive.
///
/// Neither matches a line feed; everything else is literal. Kept for parity with the reference's SSO matching and its
/// vectors; mappings of this project use [`super::RolePattern`] and [`super::SsoRole`], which are stricter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ArnPattern {
    sections: [String; 5],
}

/// Why a text is no pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// Lacks `arn:` or six sections.
    #[error("pattern `{0}` is no ARN: it needs `arn:` and six sections")]
    NotAnArn(String),
    /// A wildcard outside the role's name.
    #[error("pattern `{0}` has a wildcard outside the role's name; partition and account must be literal")]
    WildcardOutsideName(String),
    /// Not `arn:PARTITION:iam::ACCOUNT:role/NAME`.
    #[error("pattern `{0}` is not of the form `arn:PARTITION:iam::ACCOUNT:role/NAME`")]
    NotARole(String),
    /// Neither `*` nor `?` in it.
    #[error("pattern `{0}` has no `*` or `?`; write it as rolearn")]
    NoWildcard(String),
}

impl ArnPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`PatternError::NotAnArn`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let sections = ArnSections::split(text).map_err(|_| PatternError::NotAnArn(text.to_owned()))?;
        Ok(Self { sections: in_order(sections).map(str::to_owned) })
    }

    /// Whether every section of `arn` matches, case-sensitively.
    ///
    /// The steps are at most the pattern's length times the section's: a set of states is carried along, nothing is
    /// tried twice.
    #[must_use]
    pub fn matches(&self, arn: ArnSections<'_>) -> bool {
        self.sections.iter().zip(in_order(arn)).all(|(pattern, section)| section_matches(pattern, section))
    }
}

const fn in_order(sections: ArnSections<'_>) -> [&str; 5] {
    [sections.partition, sections.service, sections.region, sections.account, sections.resource]
}

/// One section, anchored at both ends.
fn section_matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return pattern == text;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    // reached: whether the text so far is matched by the first i characters of the pattern, for each i.
    let mut reached = after(&pattern, None, &[]);
    for character in text.chars() {
        reached = after(&pattern, Some(character), &reached);
    }
    reached.last().copied().unwrap_or(false)
}

/// The states after one more character of the text; without a character, the states before the first one.
fn after(pattern: &[char], character: Option<char>, before: &[bool]) -> Vec<bool> {
    let mut reached = Vec::with_capacity(before.len());
    let mut left = character.is_none();
    reached.push(left);
    let mut states = before.iter().copied();
    let mut diagonal = states.next().unwrap_or(false);
    for &wanted in pattern {
        let above = states.next().unwrap_or(false);
        let wild = character != Some('\n');
        left = match wanted {
            '*' => left || (above && wild),
            '?' => left || (diagonal && wild),
            literal => diagonal && character == Some(literal),
        };
        diagonal = above;
        reached.push(left);
    }
    reached
}
