//! `mapAccounts`, and the trap of account numbers without quotes.

use std::sync::Arc;

use crate::document::{Faults, Node, Place, Scalar, Value};
use crate::mapping::{MappedAccount, Origin};

/// Account ids as the reference reads them. In YAML an account without quotes is a number: a leading zero is lost and
/// digits that are all octal are converted, there as here; a warning says so.
pub fn parse_accounts(node: Option<Node<'_>>, file: &Arc<str>, faults: &mut Faults) -> Vec<MappedAccount> {
    let server = Place::Key(&Place::Root, "server");
    let place = Place::Key(&server, "mapAccounts");
    let Some(node) = node else { return Vec::new() };
    let account = |id: &str, node: Node<'_>, place: &Place<'_>, faults: &mut Faults| {
        let account = MappedAccount { id: id.to_owned(), origin: Origin { place: Arc::clone(file), at: node.at() } };
        for warning in account.warnings() {
            faults.warning(node.at(), place, warning.code, warning.what, &warning.cure);
        }
        account
    };
    match node.value() {
        Value::List(items) => items
            .enumerate()
            .filter_map(|(number, item)| {
                let here = Place::Item(&place, number);
                let Some(scalar) = item.scalar() else {
                    let what = format!("{} stands where an account id belongs", item.kind());
                    faults.error(item.at(), &here, "bad-type", what, "begin each account id with `- `");
                    return None;
                };
                warn_lost_digits(item, scalar, &here, faults);
                Some(account(&scalar.to_mapping_text(), item, &here, faults))
            })
            .collect(),
        Value::Map(members) if members.count_left() == 0 => Vec::new(),
        Value::Map(_) => {
            let what = "a map stands where a list of account ids belongs".to_owned();
            faults.error(node.at(), &place, "bad-type", what, "begin each account id with `- `");
            Vec::new()
        }
        Value::Scalar(scalar) if scalar.is_null() || scalar.text.is_empty() => Vec::new(),
        Value::Scalar(scalar) => {
            warn_lost_digits(node, scalar, &place, faults);
            scalar.to_mapping_text().split(',').map(|id| account(id, node, &place, faults)).collect()
        }
    }
}

/// Warns of each scalar of a list of account ids that is another number than its digits say.
pub fn warn_of_lost_digits(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) {
    match node.value() {
        Value::List(items) => {
            for (number, item) in items.enumerate() {
                item.scalar()
                    .into_iter()
                    .for_each(|id| warn_lost_digits(item, id, &Place::Item(place, number), faults));
            }
        }
        Value::Scalar(scalar) => warn_lost_digits(node, scalar, place, faults),
        Value::Map(_) => {}
    }
}

fn warn_lost_digits(node: Node<'_>, scalar: Scalar<'_>, place: &Place<'_>, faults: &mut Faults) {
    let read = scalar.to_mapping_text();
    if read != scalar.text && !scalar.is_null() {
        let what = format!("`{}` without quotes is the number {read}, which is another account", scalar.text);
        faults.warning(node.at(), place, "account-number", what, "put it in quotes");
    }
}
