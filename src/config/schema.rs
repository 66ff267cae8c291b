//! The keys of one map of a config file: those that are known are shown to whoever types them, the others are told.

use crate::diagnostic::Severity;
use crate::document::{self, Faults, Member, Node, Place, Value};

/// Keys of one map: those that are read, and those that belong to features which do not exist yet.
#[derive(Clone, Copy)]
pub(super) struct Schema {
    pub(super) keys: &'static [&'static str],
    pub(super) later: &'static [&'static str],
}

impl Schema {
    /// These keys, and none that are to come.
    pub(super) const fn of(keys: &'static [&'static str]) -> Self {
        Self { keys, later: &[] }
    }
}

/// Shows `take` every known key of a map by its own spelling, and reports the others.
pub(super) fn each<'d>(
    map: Node<'d>,
    place: &Place<'_>,
    schema: Schema,
    unknown: Severity,
    faults: &mut Faults,
    mut take: impl FnMut(&'static str, Node<'d>, &Place<'_>, &mut Faults),
) {
    let members = match map.value() {
        Value::Map(members) => members,
        Value::Scalar(scalar) if scalar.is_null() => return,
        Value::List(_) | Value::Scalar(_) => {
            let what = format!("{} stands where a map belongs", map.kind());
            faults.error(map.at(), place, "bad-type", what, "write keys and values");
            return;
        }
    };
    for member in members {
        let here = Place::Key(place, member.key);
        if let Some(key) = document::known(schema.keys, member.key) {
            take(key, member.value, &here, faults);
        } else if let Some(key) = document::known(schema.later, member.key) {
            let what = format!("`{key}` is not available in this version");
            faults.error(member.at, &here, "not-available", what, "remove it");
        } else {
            report_unknown(member, &here, schema.keys, unknown, faults);
        }
    }
}

fn report_unknown(
    member: Member<'_>,
    place: &Place<'_>,
    keys: &[&'static str],
    unknown: Severity,
    faults: &mut Faults,
) {
    let cure = if member.key.eq_ignore_ascii_case("defaultRole") {
        "the key that is read is `role`".to_owned()
    } else {
        document::cure_for_unknown(keys, member.key)
    };
    faults.add(unknown, member.at, place, "unknown-key", format!("the key `{}` is not known", member.key), &cure);
}
