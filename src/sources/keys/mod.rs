//! The keys that change while the server runs: `mapRoles`, `mapUsers`, `mapAccounts`, `deny` and
//! `reservedPrefixConfig` under `server`. Node → typed, every fault with its place.
//!
//! The source re-reads them, `config` and `check` judge a whole file by them, `explain` reads server configs by them:
//! one parser, so none can disagree. What the reference accepts is accepted (a list of one entry without its dash, a
//! number for a name, `a,b` for a list); what it swallows in silence is told.

mod access_entry;
mod access_entry_file;
mod access_entry_objects;
mod accounts;
mod append;
mod aws_auth;
mod aws_auth_text;
mod backend_mode;
mod deny;
mod dynamic;
mod entries;
mod iam_identity_mapping;
mod members;
mod modes;
mod pins;
mod reserved;
mod typing;

use std::sync::Arc;

pub use access_entry::{access_entry_text, parse_access_entry};
pub use access_entry_file::{AccessEntryFile, AccessEntryFileSettings, access_entries_among, parse_access_entry_file};
pub use accounts::{parse_accounts, warn_of_lost_digits};
pub use append::{AppendError, append_entry};
pub use aws_auth::{AwsAuth, AwsAuthPart, parse_aws_auth};
pub use aws_auth_text::{
    AWS_AUTH_KEYS, AwsAuthText, AwsAuthValue, DYNAMIC_KEYS, Within, aws_auth_of_data, aws_auth_of_document,
    aws_auth_of_node, holds_mappings, is_aws_auth_data,
};
pub use backend_mode::{BackendModeFile, ModeNeeds, parse_backend_mode_file};
pub use deny::parse_deny;
pub use dynamic::{DynamicFile, parse_dynamic_file};
pub use entries::{key_of, parse_entries};
pub use iam_identity_mapping::parse_iam_identity_mapping;
pub use members::entry_text;
pub use modes::{ModeName, UnknownMode, mode_names, parse_mode, stands_behind_aws_auth};
pub use pins::{Pinnable, Pins, Unwritable};
pub use reserved::{ReservedEntry, parse_reserved, reserved_entries};

use crate::diagnostic::Severity;
use crate::document::{Faults, Items, Member, Node, Place, Value, cure_for_unknown};
use crate::iam::Partition;
use crate::mapping::{DenyList, EntryList, MappingTable, ReservedPrefixes, RolePaths, SourceKind, TableSettings};

/// What judging the keys depends on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeySettings {
    /// `server.partition`
    pub partition: Partition,
    /// `server.rolePaths`
    pub role_paths: RolePaths,
    /// Gate `SSORoleMatch`: `false` leaves SSO entries out of the table.
    pub sso_roles: bool,
    /// How an unknown key of a mapping entry counts.
    pub unknown: Severity,
}

/// All of the keys, judged.
#[derive(Debug)]
pub struct Mappings {
    /// `deny`
    pub deny: DenyList,
    /// `reservedPrefixConfig`
    pub reserved: ReservedPrefixes,
    /// `mapRoles`, `mapUsers`, `mapAccounts`
    pub table: MappingTable,
}

/// Reads the keys under `server` of a document's root. Usable only if `faults` holds no error afterwards.
pub fn parse_mappings(root: Node<'_>, settings: KeySettings, faults: &mut Faults) -> Mappings {
    let server = root.member("server");
    let of = |key| server.and_then(|server| server.member(key));
    let file = Arc::clone(faults.file());
    let roles = parse_entries(of("mapRoles"), EntryList::Roles, settings, &file, faults);
    let users = parse_entries(of("mapUsers"), EntryList::Users, settings, &file, faults);
    let accounts = parse_accounts(of("mapAccounts"), &file, faults);
    let deny = parse_deny(of("deny"), &file, faults);
    let reserved = parse_reserved(of("reservedPrefixConfig"), settings.unknown, faults);
    let table = TableSettings { source: SourceKind::MountedFile, partition: settings.partition };
    Mappings { deny, reserved, table: MappingTable::new(table, roles, users, accounts) }
}

/// A list of maps as the reference decodes it.
enum MapList<'d> {
    /// Absent, null, empty, or nothing that could be such a list (a fault).
    None,
    /// The usual.
    Many(Items<'d>),
    /// One map without the list around it.
    One(Node<'d>),
}

/// Judges that `node` is a list of maps; its items are judged by the caller.
fn map_list<'d>(node: Option<Node<'d>>, place: &Place<'_>, faults: &mut Faults) -> MapList<'d> {
    let Some(node) = node else { return MapList::None };
    match node.value() {
        Value::List(items) => MapList::Many(items),
        Value::Map(members) if members.count_left() == 0 => MapList::None,
        Value::Map(_) => {
            let what = "one entry stands without the list around it".to_owned();
            faults.warning(node.at(), place, "not-a-list", what, "begin it with `- `");
            MapList::One(node)
        }
        Value::Scalar(scalar) if scalar.is_null() || scalar.text.is_empty() => MapList::None,
        Value::Scalar(_) => {
            faults.error(node.at(), place, "bad-type", "a text stands where a list of entries belongs".to_owned(), "");
            MapList::None
        }
    }
}

impl<'d> Iterator for MapList<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        match self {
            Self::None => None,
            Self::Many(items) => items.next(),
            Self::One(node) => {
                let node = *node;
                *self = Self::None;
                Some(node)
            }
        }
    }
}

fn report_unknown(
    member: Member<'_>,
    place: &Place<'_>,
    keys: &[&'static str],
    severity: Severity,
    faults: &mut Faults,
) {
    let cure = cure_for_unknown(keys, member.key);
    faults.add(severity, member.at, place, "unknown-key", format!("the key `{}` is not known here", member.key), &cure);
}
