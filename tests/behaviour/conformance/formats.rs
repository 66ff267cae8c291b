//! Each source's own text of a case, and the parser the source uses, up to a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use iam_bridge::diagnostic::{Diagnostic, Position};
use iam_bridge::document::{self, Faults, Format};
use iam_bridge::iam::Partition;
use iam_bridge::kubernetes::IamIdentityMappingSpec;
use iam_bridge::mapping::{Entry, EntryList, MappingTable, Origin, SourceKind, TableSettings};
use iam_bridge::sources::keys;
use serde_json::{Value, json};

use super::super::config::key_settings;
use super::entries;

/// Who reads a case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reader {
    MountedFile,
    EksConfigMap,
    Crd,
    DynamicFile,
    DynamicFileStrict,
    AccessEntryFile,
    AccessEntry,
    EksAccessEntries,
}

impl Reader {
    pub(super) const ALL: [Self; 8] = [
        Self::MountedFile,
        Self::EksConfigMap,
        Self::Crd,
        Self::DynamicFile,
        Self::DynamicFileStrict,
        Self::AccessEntryFile,
        Self::AccessEntry,
        Self::EksAccessEntries,
    ];

    /// Writes the case as the source has it and reads it back. `Err` when the source keeps what it had.
    pub(super) fn table(self, case: &Value) -> Result<MappingTable, Vec<Diagnostic>> {
        match self {
            Self::MountedFile => mounted_file(case),
            Self::EksConfigMap => config_map(case),
            Self::Crd => Ok(objects(case)),
            Self::DynamicFile => dynamic_file(&case.to_string(), false),
            Self::DynamicFileStrict => dynamic_file(&with_user_ids(case).to_string(), true),
            Self::AccessEntryFile => entries::file(case),
            Self::AccessEntry => Ok(entries::objects(case)),
            Self::EksAccessEntries => Ok(entries::mirrored(case)),
        }
    }
}

pub(super) const fn settings(source: SourceKind) -> TableSettings {
    TableSettings { source, partition: Partition::Aws }
}

fn mounted_file(case: &Value) -> Result<MappingTable, Vec<Diagnostic>> {
    let mut text = "clusterID: c\nserver:\n".to_owned();
    for (key, list) in lists(case) {
        write!(text, "  {key}:\n{}", yaml(list, "  ")).unwrap();
    }
    let document = document::parse("config.yaml", &text, Format::Yaml)?;
    let mut faults = Faults::new("config.yaml".into());
    let read = keys::parse_mappings(document.root(), key_settings(), &mut faults);
    if faults.any_error() { Err(faults.into_list()) } else { Ok(read.table) }
}

fn config_map(case: &Value) -> Result<MappingTable, Vec<Diagnostic>> {
    let data: BTreeMap<String, String> = lists(case).map(|(key, list)| (key.to_owned(), yaml(list, ""))).collect();
    let read = keys::parse_aws_auth(&keys::aws_auth_of_data(&data, "kube-system/aws-auth"), key_settings());
    let [roles, users] = [read.roles, read.users].map(|part| part.items.ok_or(part.faults));
    let accounts = read.accounts.items.ok_or(read.accounts.faults);
    Ok(MappingTable::new(settings(SourceKind::EksConfigMap), roles?, users?, accounts?))
}

/// One object an entry; what an object cannot hold is not there, and one that is bad concerns no other.
fn objects(case: &Value) -> MappingTable {
    let entries = ["mapRoles", "mapUsers"].into_iter().flat_map(|key| case[key].as_array().into_iter().flatten());
    let object = |(number, entry): (usize, &Value)| -> Option<Entry> {
        let mut spec = entry.clone();
        let members = spec.as_object_mut()?;
        let arn = members.remove("rolearn").or_else(|| members.remove("userarn"));
        members.insert("arn".to_owned(), arn.unwrap_or_else(|| json!("")));
        let spec: IamIdentityMappingSpec = serde_json::from_str(&spec.to_string()).ok()?;
        let origin = Origin { place: format!("iamidentitymapping/{number}").into(), at: Position::default() };
        keys::parse_iam_identity_mapping(&spec, key_settings(), origin).ok()
    };
    // The source gives the older of two objects for one ARN the last word.
    let mut entries: Vec<Entry> = entries.enumerate().filter_map(object).collect();
    entries.reverse();
    let (roles, users) = entries.into_iter().partition(|entry| entry.list() == EntryList::Roles);
    MappingTable::new(settings(SourceKind::Crd), roles, users, Vec::new())
}

fn dynamic_file(text: &str, strict: bool) -> Result<MappingTable, Vec<Diagnostic>> {
    let read = keys::parse_dynamic_file("dynamic.json", text.as_bytes(), strict, key_settings())?;
    Ok(MappingTable::new(settings(SourceKind::DynamicFile), read.roles, read.users, read.accounts))
}

/// Each entry that names somebody gets the unique id its principal has.
fn with_user_ids(case: &Value) -> Value {
    let mut case = case.clone();
    for key in ["mapRoles", "mapUsers"] {
        for entry in case[key].as_array_mut().into_iter().flatten() {
            let named = ["rolearn", "userarn", "rolearnLike"].into_iter().find_map(|key| entry[key].as_str());
            let sso = entry["sso"]["permissionSetName"].as_str();
            let id = named.or(sso).map(unique_id);
            if let (Some(id), None) = (id, entry.get("userid")) {
                entry["userid"] = json!(id);
            }
            // Reading must not have put a null where there was nothing.
            entry.as_object_mut().unwrap().retain(|_, member| !member.is_null());
        }
    }
    case
}

/// The unique id of the principal of this name, which AWS never gives to another.
pub(super) fn unique_id(arn: &str) -> &'static str {
    let arn = arn.to_ascii_lowercase();
    let ids = [
        ("dev", "AROADEV000000000000"),
        ("bob", "AIDABOB000000000000"),
        ("view", "AROAVIEW00000000000"),
        (":root", "111122223333"),
        ("federated-user/fed", "111122223333:fed"),
    ];
    ids.into_iter().find(|(name, _)| arn.contains(name)).map_or("AROAOTHER0000000000", |(_, id)| id)
}

fn lists(case: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    keys::AWS_AUTH_KEYS.into_iter().filter_map(|key| Some((key, case.get(key)?)))
}

/// A list in YAML's block style. Texts stand in quotes; numbers and booleans do not.
fn yaml(list: &Value, indent: &str) -> String {
    let mut text = String::new();
    for item in list.as_array().unwrap() {
        match item.as_object() {
            Some(members) => {
                for (number, (key, value)) in members.iter().enumerate() {
                    let dash = if number == 0 { "- " } else { "  " };
                    writeln!(text, "{indent}{dash}{key}: {value}").unwrap();
                }
            }
            None => writeln!(text, "{indent}- {item}").unwrap(),
        }
    }
    text
}
