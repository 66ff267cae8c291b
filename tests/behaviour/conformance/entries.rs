//! Cases as access entries: of a file, of objects, and of an EKS cluster; and where their answers differ.

use iam_bridge::diagnostic::{Diagnostic, Position, Severity};
use iam_bridge::document::{self, Faults, Format, Place};
use iam_bridge::mapping::{
    AccessEntry, AccessEntryForm, AccessEntryRules, AccessEntryText, Entry, EntryList, MappingTable, Origin, SourceKind,
};
use iam_bridge::sources::keys::{self, AccessEntryFileSettings};
use serde_json::{Map, Value, json};

use super::formats::{Reader, settings};
use super::{Difference, REFUSED};

/// A case's entries as specs. What an access entry has no word for stays as it is.
fn specs(case: &Value) -> Vec<Value> {
    let entries = ["mapRoles", "mapUsers"].into_iter().flat_map(|key| case[key].as_array().into_iter().flatten());
    let member = |(key, value): (&String, &Value)| {
        let key = match key.as_str() {
            "rolearn" | "userarn" => "principalArn",
            "groups" => "kubernetesGroups",
            "userid" => "principalId",
            "notAfter" => "expiresAt",
            other => other,
        };
        (key.to_owned(), value.clone())
    };
    entries.map(|entry| entry.as_object().unwrap().iter().map(member).collect::<Map<_, _>>().into()).collect()
}

fn table(source: SourceKind, entries: Vec<Entry>) -> MappingTable {
    let (roles, users) = entries.into_iter().partition(|entry| entry.list() == EntryList::Roles);
    MappingTable::new(settings(source), roles, users, Vec::new())
}

/// The whole list, or nothing.
pub(super) fn file(case: &Value) -> Result<MappingTable, Vec<Diagnostic>> {
    let object =
        |(number, spec): (usize, Value)| json!({"metadata": {"name": format!("entry-{number}")}, "spec": spec});
    let items: Vec<Value> = specs(case).into_iter().enumerate().map(object).collect();
    let list = json!({"apiVersion": "iam-bridge.dev/v1alpha1", "kind": "AccessEntryList", "items": items}).to_string();
    let keys = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
    let file = keys::parse_access_entry_file("entries.json", &list, Format::Json, &keys)?;
    Ok(table(SourceKind::AccessEntryFile, file.entries.into_iter().map(|entry| entry.entry).collect()))
}

/// One object an entry; the schema drops what it does not know, and of two for one principal the older stays.
pub(super) fn objects(case: &Value) -> MappingTable {
    let rules = AccessEntryRules { form: AccessEntryForm::Object, cluster_account: None };
    let entry = |spec: &Value| {
        let text = spec.to_string();
        let document = document::parse("object", &text, Format::Json).ok()?;
        let mut faults = Faults::new("object".into());
        let (root, origin) = (document.root(), Origin::default());
        let read = keys::parse_access_entry(root, &rules, origin, &Place::Root, Severity::Warning, &mut faults);
        read.filter(|_| !faults.any_error()).map(|read| read.entry)
    };
    let mut entries: Vec<Entry> = specs(case).iter().filter_map(entry).collect();
    entries.reverse();
    table(SourceKind::AccessEntry, entries)
}

/// What EKS returns holds neither pin nor window, and each member has its type.
pub(super) fn mirrored(case: &Value) -> MappingTable {
    let rules = AccessEntryRules { form: AccessEntryForm::Eks, cluster_account: None };
    let entry = |(number, spec): (u32, Value)| {
        let text = |key: &str| spec[key].as_str().map(str::to_owned);
        let groups = spec["kubernetesGroups"].as_array().into_iter().flatten();
        let text = AccessEntryText {
            principal_arn: text("principalArn").unwrap_or_default(),
            username: text("username"),
            kubernetes_groups: groups.map(|group| group.as_str().unwrap_or_default().to_owned()).collect(),
            ..AccessEntryText::default()
        };
        let origin = Origin { place: "eks".into(), at: Position { line: number, column: 1 } };
        AccessEntry::parse(&text, &rules, origin).ok().map(|read| read.entry)
    };
    table(SourceKind::EksAccessEntries, (1..).zip(specs(case)).filter_map(entry).collect())
}

const MISS: &str = "not mapped";
const PINNED: &str = "pinned to another";
/// The username of an entry that names none.
const DEFAULT: &str = "arn:aws:sts::111122223333:assumed-role/Dev/alice []";
const NO_ENTRY: [&str; 3] = [REFUSED, MISS, MISS];

const WHOLE_FILE: &str = "one fault refuses all of a file, and nothing but the entry elsewhere";
const AS_AWS_SPELLS: &str = "only account, path and name may differ in case: the rest is spelled as AWS spells it";
const NO_PRINCIPAL: &str = "a session is no principal that EKS takes";
const ONE_PRINCIPAL: &str = "an entry names one principal";
const NO_SUCH_KEY: &str = "a file refuses keys that an entry has not; the API server drops them";
const TWICE: &str = "a principal has one entry: two refuse a file, the older object stays, EKS has no two";
const UNGUARDED: &str = "an entry of EKS has neither pin nor window";
const NO_SUCH_ID: &str = "no id of a role is spelled so, and EKS's entries have none";
const BY_ARN: &str = "the username of an entry without one is the ARN";
const LITERAL_GROUPS: &str = "groups of an entry hold no placeholders";
const PLACEHOLDERS: &str = "an entry takes placeholders it knows, those of a session behind a colon alone";
const AT_ONCE: &str = "such names are refused when the entry is read";

/// Case; what a file, an object and a mirrored entry make of it; why.
type OfEntries = (&'static str, [&'static str; 3], &'static str);

const DIFFERENCES: [OfEntries; 48] = [
    ("role ARN in capitals", NO_ENTRY, AS_AWS_SPELLS),
    ("user ARN in capitals", NO_ENTRY, AS_AWS_SPELLS),
    ("assumed-role ARN as written", NO_ENTRY, NO_PRINCIPAL),
    ("federated user", NO_ENTRY, NO_PRINCIPAL),
    ("role ARN with a path", ["dev []"; 3], "a path is taken, and not compared"),
    ("what is no ARN", NO_ENTRY, WHOLE_FILE),
    ("IAM group", NO_ENTRY, WHOLE_FILE),
    ("wildcard in rolearn", NO_ENTRY, WHOLE_FILE),
    ("no ARN", NO_ENTRY, WHOLE_FILE),
    ("a bad entry before a good one", [REFUSED, "dev []", "dev []"], WHOLE_FILE),
    ("duplicate ARN", [REFUSED, "first []", "last []"], TWICE),
    ("role before user", [REFUSED, "role []", "user []"], TWICE),
    ("sso", NO_ENTRY, ONE_PRINCIPAL),
    ("sso in its partition", NO_ENTRY, ONE_PRINCIPAL),
    ("sso in another partition", NO_ENTRY, ONE_PRINCIPAL),
    ("sso with another suffix", NO_ENTRY, ONE_PRINCIPAL),
    ("sso beside rolearn", [REFUSED, "dev []", "dev []"], NO_SUCH_KEY),
    ("rolearnLike", NO_ENTRY, ONE_PRINCIPAL),
    ("rolearnLike of another name", NO_ENTRY, ONE_PRINCIPAL),
    ("exact before rolearnLike", [REFUSED, "exact []", "exact []"], ONE_PRINCIPAL),
    ("account list", [MISS; 3], super::NO_LIST),
    ("id of the caller, ARN of another, account listed", [MISS; 3], super::NO_LIST),
    ("pin to another", [PINNED, PINNED, "dev []"], UNGUARDED),
    ("pin to another, account listed", [PINNED, PINNED, "dev []"], UNGUARDED),
    ("pin in another case", [REFUSED, MISS, "dev []"], NO_SUCH_ID),
    ("before the window", ["not valid yet", "not valid yet", "dev []"], UNGUARDED),
    ("after the window", ["expired", "expired", "dev []"], UNGUARDED),
    ("expired, and a good entry behind it", [REFUSED, "expired", "user []"], TWICE),
    ("misspelt guard", [REFUSED, MISS, "dev []"], UNGUARDED),
    ("empty pin", [REFUSED, MISS, "dev []"], UNGUARDED),
    ("time that is none", [REFUSED, MISS, "dev []"], UNGUARDED),
    ("window of no length", [REFUSED, MISS, "dev []"], UNGUARDED),
    ("unknown key", [REFUSED, "dev []", "dev []"], NO_SUCH_KEY),
    ("empty username", [DEFAULT; 3], BY_ARN),
    ("no username", [DEFAULT; 3], BY_ARN),
    ("username a number", [REFUSED, MISS, DEFAULT], BY_ARN),
    ("username a boolean", [REFUSED, MISS, DEFAULT], BY_ARN),
    ("account and key", NO_ENTRY, LITERAL_GROUPS),
    ("unknown placeholder", NO_ENTRY, PLACEHOLDERS),
    ("node that is none", NO_ENTRY, PLACEHOLDERS),
    ("node whose name is not known", NO_ENTRY, PLACEHOLDERS),
    ("system: brought in by a session", NO_ENTRY, PLACEHOLDERS),
    ("reserved username", NO_ENTRY, AT_ONCE),
    ("reserved group", NO_ENTRY, AT_ONCE),
    ("empty group", NO_ENTRY, AT_ONCE),
    ("system:masters", NO_ENTRY, AT_ONCE),
    ("groups a text", [REFUSED, MISS, "dev []"], WHOLE_FILE),
    ("a number among the groups", NO_ENTRY, WHOLE_FILE),
];

/// The cases in which access entries differ.
pub(super) fn cases() -> impl Iterator<Item = &'static str> {
    DIFFERENCES.into_iter().map(|(name, ..)| name)
}

/// Where access entries differ in a case from what is expected of everybody.
pub(super) fn differences(case: &str, expected: &str) -> Vec<Difference> {
    let readers = [Reader::AccessEntryFile, Reader::AccessEntry, Reader::EksAccessEntries];
    let of_case = DIFFERENCES.into_iter().filter(|(name, ..)| *name == case);
    let of_readers = of_case.flat_map(|(_, outcomes, why)| {
        readers.into_iter().zip(outcomes).map(move |(reader, outcome)| (reader, outcome, why))
    });
    of_readers.filter(|(_, outcome, _)| *outcome != expected).collect()
}
