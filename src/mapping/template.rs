//! Templates: parsed once, filled in one pass; what was substituted is data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::iam::{VerifiedIdentity, is_instance_id};

/// Longest rendered username or group, in bytes.
pub const MAX_NAME_BYTES: usize = 1024;

/// Private DNS names of instances, where a template asked for one.
#[derive(Clone, Debug, Default)]
pub enum NodeNames {
    /// Nobody can be asked now: every template that asks is refused with `node_lookup_unavailable`.
    #[default]
    Unavailable,
    /// Names by instance id; an id that is not here is not verified.
    Known(BTreeMap<String, String>),
}

/// A username or group with placeholders; a copy with placeholders shares them.
///
/// Placeholders are `{{EC2PrivateDNSName}}`, `{{AccountID}}`, `{{SessionName}}`, `{{SessionNameRaw}}` and
/// `{{AccessKeyID}}`, spelled exactly so; all else is text. Display writes what was parsed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Template(Shape);

/// Most names hold no placeholder and cost one allocation.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Shape {
    Plain(Box<str>),
    Mixed(Arc<[Piece]>),
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Piece {
    Text(Box<str>),
    Value(Placeholder),
}

/// What stands between double braces.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Placeholder {
    /// The key id that signed the token.
    AccessKeyId,
    /// The caller's account.
    AccountId,
    /// The private DNS name of the instance whose id is the session name.
    Ec2PrivateDnsName,
    /// The session name with every `@` as `-`.
    SessionName,
    /// The session name as it is.
    SessionNameRaw,
}

/// Why a template cannot be filled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// An absent value (a JWT has none).
    #[error("the caller's token carries no value for `{0}`")]
    Absent(&'static str),
    /// An empty value, in an access entry: other formats let it be.
    #[error("the caller's value for `{0}` is empty")]
    Empty(&'static str),
    /// `{{EC2PrivateDNSName}}` and the session name is no instance id.
    #[error("the session name is no instance id")]
    SessionIsNotInstanceId,
    /// `{{EC2PrivateDNSName}}` and the instance is not known.
    #[error("the instance is not verified")]
    NodeNotVerified,
    /// `{{EC2PrivateDNSName}}` and EC2 does not say.
    #[error("the name of the node cannot be looked up at EC2")]
    NodeLookupUnavailable,
    /// Over [`MAX_NAME_BYTES`].
    #[error("the rendered name is longer than {MAX_NAME_BYTES} bytes")]
    TooLong,
}

impl Template {
    /// Parses a template; unknown placeholders stay as text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, from_braces)) = rest.find("{{").and_then(|at| rest.split_at_checked(at)) {
            literal.push_str(before);
            if let Some((placeholder, after)) = Placeholder::leading(from_braces) {
                push_text(&mut pieces, &mut literal);
                pieces.push(Piece::Value(placeholder));
                rest = after;
            } else {
                // Only the first brace is surely text: `{{{AccountID}}` holds a placeholder.
                literal.push('{');
                rest = from_braces.get(1..).unwrap_or_default();
            }
        }
        if pieces.is_empty() {
            return Self(Shape::Plain(text.into()));
        }
        literal.push_str(rest);
        push_text(&mut pieces, &mut literal);
        Self(Shape::Mixed(pieces.into()))
    }

    /// Fills it.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn render(&self, identity: &VerifiedIdentity, names: &NodeNames) -> Result<String, TemplateError> {
        self.fill(identity, names, false)
    }

    /// As [`Template::render`]; a value that is empty refuses too.
    pub(super) fn render_strictly(
        &self,
        identity: &VerifiedIdentity,
        names: &NodeNames,
    ) -> Result<String, TemplateError> {
        self.fill(identity, names, true)
    }

    fn fill(&self, identity: &VerifiedIdentity, names: &NodeNames, strictly: bool) -> Result<String, TemplateError> {
        let rendered = match &self.0 {
            Shape::Plain(text) => text.to_string(),
            Shape::Mixed(pieces) => {
                let mut rendered = String::with_capacity(64);
                for piece in pieces.iter() {
                    match piece {
                        Piece::Text(text) => rendered.push_str(text),
                        Piece::Value(placeholder) => {
                            let before = rendered.len();
                            placeholder.write(&mut rendered, identity, names)?;
                            if strictly && rendered.len() == before {
                                return Err(TemplateError::Empty(placeholder.as_str()));
                            }
                        }
                    }
                    if rendered.len() > MAX_NAME_BYTES {
                        return Err(TemplateError::TooLong);
                    }
                }
                rendered
            }
        };
        if rendered.len() > MAX_NAME_BYTES { Err(TemplateError::TooLong) } else { Ok(rendered) }
    }

    /// The placeholders, in the order they stand.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Value(placeholder) => Some(*placeholder),
            Piece::Text(_) => None,
        })
    }

    /// The texts between the placeholders, as written.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        let plain = match &self.0 {
            Shape::Plain(text) => Some(&**text),
            Shape::Mixed(_) => None,
        };
        plain.into_iter().chain(self.pieces().filter_map(|piece| match piece {
            Piece::Text(text) => Some(&**text),
            Piece::Value(_) => None,
        }))
    }

    /// The text before the first placeholder; the whole text when there is none.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        match &self.0 {
            Shape::Plain(text) => text,
            Shape::Mixed(pieces) => match pieces.first() {
                Some(Piece::Text(text)) => text,
                _ => "",
            },
        }
    }

    /// Whether a session name stands in it with no colon anywhere before: the caller then chooses the whole name.
    #[must_use]
    pub fn caller_chooses_freely(&self) -> bool {
        let mut colon = false;
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => colon |= text.contains(':'),
                Piece::Value(Placeholder::SessionName | Placeholder::SessionNameRaw) if !colon => return true,
                Piece::Value(_) => {}
            }
        }
        false
    }

    /// Whether it is text alone.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        matches!(self.0, Shape::Plain(_))
    }

    /// Whether it is the empty text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Shape::Plain(text) if text.is_empty())
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        match &self.0 {
            Shape::Plain(_) => [].iter(),
            Shape::Mixed(pieces) => pieces.iter(),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Shape::Plain(text) = &self.0 {
            return f.write_str(text);
        }
        self.pieces().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Value(placeholder) => write!(f, "{{{{{}}}}}", placeholder.as_str()),
        })
    }
}

impl Placeholder {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AccessKeyId, Self::AccountId, Self::Ec2PrivateDnsName, Self::SessionName, Self::SessionNameRaw];

    /// Its name, as it stands between the braces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessKeyId => "AccessKeyID",
            Self::AccountId => "AccountID",
            Self::Ec2PrivateDnsName => "EC2PrivateDNSName",
            Self::SessionName => "SessionName",
            Self::SessionNameRaw => "SessionNameRaw",
        }
    }

    /// The placeholder `text` begins with, and what follows it.
    fn leading(text: &str) -> Option<(Self, &str)> {
        let (name, after) = text.strip_prefix("{{")?.split_once("}}")?;
        Self::ALL.into_iter().find(|placeholder| placeholder.as_str() == name).map(|placeholder| (placeholder, after))
    }

    fn write(self, to: &mut String, identity: &VerifiedIdentity, names: &NodeNames) -> Result<(), TemplateError> {
        let session = || identity.session_name().ok_or(TemplateError::Absent(self.as_str()));
        match self {
            Self::AccessKeyId => to.push_str(identity.access_key_id().ok_or(TemplateError::Absent(self.as_str()))?),
            Self::AccountId => to.push_str(identity.account_id()),
            Self::Ec2PrivateDnsName => {
                let NodeNames::Known(names) = names else { return Err(TemplateError::NodeLookupUnavailable) };
                let session = session()?;
                if !is_instance_id(session) {
                    return Err(TemplateError::SessionIsNotInstanceId);
                }
                // An empty name is that of an instance which is gone: `system:node:` must never come of it.
                let name = names.get(session).filter(|name| !name.is_empty());
                to.push_str(name.ok_or(TemplateError::NodeNotVerified)?);
            }
            Self::SessionName => to.extend(session()?.chars().map(|c| if c == '@' { '-' } else { c })),
            Self::SessionNameRaw => to.push_str(session()?),
        }
        Ok(())
    }
}

fn push_text(pieces: &mut Vec<Piece>, literal: &mut String) {
    if !literal.is_empty() {
        pieces.push(Piece::Text(std::mem::take(literal).into()));
    }
}
