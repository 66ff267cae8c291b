//! What a line becomes, and what happens to lines on the way.

use serde::Serialize;

use crate::mapping::AccessEntryText;

/// How entries are made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct How {
    /// What they are written as.
    pub target: Target,
    /// What becomes of usernames that no entry may have.
    pub usernames: Usernames,
}

/// What entries are written as.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Target {
    /// Command lines of the AWS CLI.
    Aws,
    /// The map that terraform-aws-modules/eks takes.
    Terraform,
    /// Our objects.
    #[default]
    Yaml,
}

/// What becomes of a username that no entry may have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Usernames {
    /// A colon is put before the session name; where that does not help, as `Drop`.
    Colon,
    /// The default name stands for it.
    #[default]
    Drop,
    /// The line is not carried.
    Refuse,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its principals become other users than before; `changes` says how.
    Changed,
    /// Its principals become the same users.
    Converted,
    /// No entry is made of it; `why` and `cure` say more.
    NotCarried,
}

/// What became of one line.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LineReport {
    /// `FILE:LINE`, or the object.
    pub place: String,
    /// The format it stands in.
    pub format: String,
    /// Whom it names.
    pub principal: String,
    /// How it ends.
    pub outcome: Outcome,
    /// Name of the entry it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What is other than before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Why it is not carried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// Worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Why no entry is made of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) cure: String,
}

/// An entry in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    pub(super) text: AccessEntryText,
    /// What its principals lose or are called otherwise; told.
    pub(super) changes: Vec<String>,
    pub(super) notes: Vec<String>,
    /// The name of its object, if the line had one.
    pub(super) name: Option<String>,
    /// `system:masters` became a policy, whose group is no gain.
    pub(super) was_master: bool,
    /// The username is another, as told.
    pub(super) renamed: bool,
}

impl Refusal {
    pub(super) fn new(why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { why: why.into(), cure: cure.into() }
    }
}
