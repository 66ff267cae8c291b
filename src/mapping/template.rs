//! Templates: parsed once, filled in one pass; what was substituted is data.

use std::collections::BTreeMap;

use crate::iam::VerifiedIdentity;

/// Private DNS names of instances, where a template asked for one.
#[derive(Clone, Debug, Default)]
pub enum NodeNames {
    /// No lookup exists: every template that asks is refused with `node_lookup_unavailable`.
    #[default]
    Unavailable,
    /// Names by instance id; an id that is not here is not verified.
    Known(BTreeMap<String, String>),
}

/// A username or group with placeholders.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    // private
}

/// Why a template cannot be filled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// An absent value (a JWT has none).
    #[error("the caller's token carries no value for `{0}`")]
    Absent(&'static str),
    /// `{{EC2PrivateDNSName}}` and the session name is no instance id.
    #[error("the session name is no instance id")]
    SessionIsNotInstanceId,
    /// `{{EC2PrivateDNSName}}` and the instance is not known.
    #[error("the instance is not verified")]
    NodeNotVerified,
    /// `{{EC2PrivateDNSName}}` and there is no lookup.
    #[error("looking up EC2 private DNS names is not available in this version")]
    NodeLookupUnavailable,
    /// Over 1 024 bytes.
    #[error("the rendered name is longer than 1024 bytes")]
    TooLong,
}

impl Template {
    /// Parses a template; unknown placeholders stay as text.
    #[must_use]
    pub fn parse(_text: &str) -> Self {
        todo!()
    }

    /// Fills it.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn render(&self, _identity: &VerifiedIdentity, _names: &NodeNames) -> Result<String, TemplateError> {
        todo!()
    }
}
