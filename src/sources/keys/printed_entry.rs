//! An access entry as the AWS CLI prints it: the entry of one output, its access policies of another.

use super::access_entry::access_entry_text;
use super::typing::Typing;
use crate::diagnostic::Severity;
use crate::document::{Faults, Node, Place, Value};
use crate::mapping::{AccessEntry, AccessEntryError, AccessEntryRules, AssociationText, Origin};

/// What `associatedAccessPolicies` holds, and where it stands.
pub(super) type Associations<'d, 'p> = Option<(Node<'d>, Place<'p>)>;

/// One entry, judged, and the policies that are listed for it.
pub(super) fn parse_printed_entry(
    entry: Node<'_>,
    associations: Associations<'_, '_>,
    rules: &AccessEntryRules,
    origin: Origin,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<AccessEntry> {
    let mut text = access_entry_text(entry, rules, place, Severity::Note, faults)?;
    if let Some((policies, place)) = &associations {
        text.associations.extend(read_associations(*policies, place, faults)?);
    }
    match AccessEntry::parse(&text, rules, origin) {
        Ok(entry) => Some(entry),
        Err(errors) => {
            errors.iter().for_each(|error| report(error, entry, associations, place, faults));
            None
        }
    }
}

/// `None` if one of them cannot be read: who reads on gives rights that are not meant.
fn read_associations(list: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<Vec<AssociationText>> {
    let Value::List(items) = list.value() else {
        let what = format!("{} stands where a list belongs", list.kind());
        faults.error(list.at(), place, "bad-type", what, "write what list-associated-access-policies prints");
        return None;
    };
    items.enumerate().map(|(number, item)| association(item, &Place::Item(place, number), faults)).collect()
}

fn association(item: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<AssociationText> {
    let (Value::Map(_), Some(policy)) = (item.value(), item.member("policyArn")) else {
        let what = "an associated policy has no `policyArn`".to_owned();
        faults.error(item.at(), place, "bad-type", what, "write what list-associated-access-policies prints");
        return None;
    };
    let scope = item.member("accessScope");
    let outer = Place::Key(place, "accessScope");
    let of = |key| scope.and_then(|scope| scope.member(key));
    let policy = Typing::Json.text(policy, &Place::Key(place, "policyArn"), faults)?;
    let scope_type = match of("type") {
        Some(scope_type) => Typing::Json.text(scope_type, &Place::Key(&outer, "type"), faults)?,
        None => String::new(),
    };
    let namespaces = of("namespaces");
    let namespaces = namespaces.map(|list| Typing::Json.texts(list, &Place::Key(&outer, "namespaces"), faults));
    Some(AssociationText { policy, scope_type, namespaces: namespaces.unwrap_or_default(), expires_at: None })
}

/// Tells a fault where its member stands.
fn report(
    error: &AccessEntryError,
    entry: Node<'_>,
    associations: Associations<'_, '_>,
    place: &Place<'_>,
    faults: &mut Faults,
) {
    let (code, key, cure) = (error.class(), error.key(), error.cure());
    let association = key.strip_prefix("policyAssociations[").and_then(|rest| rest.split_once(']'));
    if let (Some((number, _)), Some((list, outer))) = (association, &associations)
        && let Ok(number) = number.parse()
    {
        let item = match list.value() {
            Value::List(mut items) => items.nth(number),
            Value::Map(_) | Value::Scalar(_) => None,
        };
        let at = item.unwrap_or(*list).at();
        return faults.error(at, &Place::Item(outer, number), code, error.to_string(), &cure);
    }
    let name = key.split(['.', '[']).next().unwrap_or_default();
    let at = entry.member(name).unwrap_or(entry).at();
    faults.error(at, &Place::Key(place, &key), code, error.to_string(), &cure);
}
