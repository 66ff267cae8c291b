//! `mapAccounts`, and the trap of account numbers without quotes.

use std::sync::Arc;

use crate::document::{Faults, Node, Place, Value};
use crate::mapping::{MappedAccount, Origin};

/// Account ids as the reference reads them. In YAML an account without quotes is a number: a leading zero is lost and
/// digits that are all octal are converted, there as here; a warning says so.
pub fn parse_accounts(node: Option<Node<'_>>, file: &Arc<str>, faults: &mut Faults) -> Vec<MappedAccount> {
    let account = |id: String, at| MappedAccount { id, origin: Origin { place: Arc::clone(file), at } };
    let server = Place::Key(&Place::Root, "server");
    let place = Place::Key(&server, "mapAccounts");
    let Some(node) = node else { return Vec::new() };
    warn_lost_digits(node, &place, faults);
    match node.value() {
        Value::List(items) => items
            .enumerate()
            .filter_map(|(number, item)| {
                let scalar = item.scalar();
                if scalar.is_none() {
                    let what = format!("{} stands where an account id belongs", item.kind());
                    faults.error(item.at(), &Place::Item(&place, number), "bad-type", what, "");
                }
                scalar.map(|scalar| account(scalar.to_mapping_text(), item.at()))
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
            scalar.to_mapping_text().split(',').map(|id| account(id.to_owned(), node.at())).collect()
        }
    }
}

/// Warns of each scalar of a list of account ids that is another number than its digits say.
pub fn warn_lost_digits(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) {
    let mut warn = |node: Node<'_>, place: &Place<'_>| {
        let Some(scalar) = node.scalar() else { return };
        let read = scalar.to_mapping_text();
        if read != scalar.text && !scalar.is_null() {
            let what = format!("`{}` without quotes is the number {read}, which is another account", scalar.text);
            faults.warning(node.at(), place, "account-number", what, "put it in quotes");
        }
    };
    match node.value() {
        Value::List(items) => {
            items.enumerate().for_each(|(number, item)| warn(item, &Place::Item(place, number)));
        }
        Value::Scalar(_) => warn(node, place),
        Value::Map(_) => {}
    }
}
