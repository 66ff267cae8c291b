//! Names of objects: from the principal's, the same in every run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

use crate::iam::{CanonicalArn, PrincipalKind, strip_role_path};

/// Longest name that we make: a label's.
const MAX_NAME: usize = 63;
/// Hex digits behind names that would be the same.
const DIGITS: usize = 8;

/// A name for each entry: the one it had, else its principal's. Names that are the same get a mark made of the ARN, all
/// of them, so that their order is of no weight. `entries` are ARNs, and names that were.
pub(super) fn names(entries: &[(&str, Option<&str>)]) -> Vec<String> {
    let wanted: Vec<String> = entries.iter().map(|(arn, had)| wish(arn, *had)).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &wanted {
        *counts.entry(name).or_default() += 1;
    }
    let alone = |name: &str| !name.is_empty() && counts.get(name) == Some(&1);
    let named =
        wanted.iter().zip(entries).map(|(name, (arn, _))| if alone(name) { name.clone() } else { marked(name, arn) });
    named.collect()
}

/// The name that an entry would like to have; empty if nothing is left of it.
fn wish(arn: &str, had: Option<&str>) -> String {
    if let Some(had) = had.filter(|had| is_good(had)) {
        return had.to_owned();
    }
    let Ok(parsed) = CanonicalArn::parse(arn) else { return String::new() };
    let name = match parsed.kind() {
        PrincipalKind::Root => format!("root-{}", parsed.account()),
        _ => parsed.name().rsplit('/').next().unwrap_or_default().to_ascii_lowercase(),
    };
    let legal = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let mut slug = String::new();
    for c in name.chars().map(legal) {
        if c != '-' || !slug.ends_with('-') {
            slug.push(c);
        }
    }
    slug.truncate(MAX_NAME);
    slug.trim_matches('-').to_owned()
}

/// Whether an object may be called so.
fn is_good(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn marked(name: &str, arn: &str) -> String {
    let key = strip_role_path(&arn.to_ascii_lowercase()).unwrap_or_else(|_| arn.to_ascii_lowercase());
    let mut mark = String::new();
    for byte in digest(&SHA256, key.as_bytes()).as_ref().iter().take(DIGITS / 2) {
        // Writing into a text cannot fail.
        let _ = write!(mark, "{byte:02x}");
    }
    let mut start = name.to_owned();
    start.truncate(MAX_NAME - DIGITS - 1);
    let start = if start.is_empty() { "entry" } else { start.trim_end_matches('-') };
    format!("{start}-{mark}")
}
