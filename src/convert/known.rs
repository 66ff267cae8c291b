//! What IAM says of the principals: their path, and their unique id.

use std::collections::BTreeMap;

use super::key_of;
use super::line::{Line, What};
use super::made::{Made, Refusal, Target};
use crate::iam::{CanonicalArn, PrincipalKind};

/// Answers, by the key that [`questions`] gave.
pub type Known = BTreeMap<String, KnownPrincipal>;

/// What IAM says of one principal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KnownPrincipal {
    /// Its ARN with its path, and its id.
    Found {
        /// The ARN.
        arn: String,
        /// `AROA…`, `AIDA…`.
        id: String,
    },
    /// There is none of this name.
    Missing,
    /// IAM cannot be asked about it, and why.
    NotAsked(String),
}

/// The roles and users that lines name, by the key under which their answers are looked for.
#[must_use]
pub fn questions(lines: &[Line]) -> BTreeMap<String, String> {
    lines.iter().filter_map(question).collect()
}

fn question(line: &Line) -> Option<(String, String)> {
    let text = match &line.what {
        What::Account(_) => return None,
        What::Entry(entry, _) => entry.entry.text(),
        What::Mapping(entry) => entry.text(),
    };
    let written = text.role_arn.or(text.user_arn)?;
    let arn = CanonicalArn::parse(&written).or_else(|_| CanonicalArn::parse(&written.to_ascii_lowercase())).ok()?;
    match arn.kind() {
        PrincipalKind::AssumedRole | PrincipalKind::Role | PrincipalKind::User => {
            Some((key_of(arn.as_str()), arn.as_str().to_owned()))
        }
        PrincipalKind::Root | PrincipalKind::FederatedUser => None,
    }
}

/// Puts path and id into an entry. Only our objects hold ids.
pub(super) fn apply(known: &Known, target: Target, made: &mut Made) -> Result<(), Refusal> {
    match known.get(&key_of(&made.text.principal_arn)) {
        None => Ok(()),
        Some(KnownPrincipal::Missing) => {
            let why = format!("IAM has no principal `{}`", made.text.principal_arn);
            Err(Refusal::new(why, "remove the line, or correct its ARN"))
        }
        Some(KnownPrincipal::NotAsked(why)) => {
            made.notes.push(format!("path and id are not known: {why}"));
            Ok(())
        }
        Some(KnownPrincipal::Found { arn, id }) => {
            made.notes.retain(|note| !note.contains("--iam looks it up"));
            made.text.principal_arn.clone_from(arn);
            match &made.text.principal_id {
                Some(pin) if pin != id => made.notes.push(format!(
                    "pinned to `{pin}`, and the principal has the id `{id}` now: it was made again, and nobody gets in"
                )),
                None if target == Target::Yaml => {
                    made.notes.push(format!("pinned to `{id}`, the id that IAM tells"));
                    made.text.principal_id = Some(id.clone());
                }
                _ => {}
            }
            Ok(())
        }
    }
}
