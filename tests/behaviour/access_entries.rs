//! Access entries, from the text of a source to the answer of the API server: every case of `access_entries.json`.

use std::collections::BTreeMap;

use iam_bridge::authenticator::Denial;
use iam_bridge::clock::UnixSeconds;
use iam_bridge::diagnostic::{Diagnostic, Position, Severity};
use iam_bridge::document::{self, Faults, Format, Place};
use iam_bridge::iam::{AccountId, Partition, VerifiedIdentity};
use iam_bridge::live::Live;
use iam_bridge::mapping::{
    AccessEntry, AccessEntryForm, AccessEntryRules, AccessEntryText, AccessPolicyMode, AuthenticationMode, Chain,
    Entry, Hint, KubernetesUser, MappingTable, NodeNames, Origin, ReservedPrefixes, ScrubbedAccounts, SourceKind,
    TableSettings, choose, nearest,
};
use iam_bridge::sources::keys::{self, AccessEntryFileSettings};
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::key_settings;
use crate::harness::vectors::{Case, Outcome, for_each};

const FILE: &str = "access_entries.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Input {
    identity: Identity,
    entry: Option<Value>,
    #[serde(default)]
    policies: Vec<Value>,
    #[serde(default)]
    entries: Vec<Item>,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    aws_auth: BTreeMap<String, Value>,
    #[serde(default = "api")]
    mode: String,
    #[serde(default)]
    policy_mode: Option<String>,
    #[serde(default = "beginning")]
    now: String,
    #[serde(default)]
    cluster: Cluster,
    #[serde(default)]
    ec2: BTreeMap<String, String>,
    #[serde(default)]
    scrubbed_accounts: Vec<String>,
}

#[derive(Deserialize)]
struct Item {
    entry: Value,
    #[serde(default)]
    policies: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    arn: String,
    canonical_arn: String,
    account_id: String,
    user_id: String,
    session_name: String,
    access_key_id: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    account_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Source {
    #[default]
    Eks,
    File,
    Crd,
}

impl Input {
    /// The entry and its policies in the shape in which EKS sends them; `None` for cases of other sources.
    pub(crate) fn of_eks(&self) -> Option<(&Value, &[Value])> {
        let entry = self.entry.as_ref().filter(|_| self.source == Source::Eks)?;
        Some((entry, &self.policies))
    }
}

fn api() -> String {
    "API".to_owned()
}

fn beginning() -> String {
    "2026-01-01T00:00:00Z".to_owned()
}

#[test]
fn access_entries_answer_as_the_vectors_say() {
    for_each(FILE, 127, |case| {
        let mut input: Input = case.input();
        let items = match input.entry.take() {
            Some(entry) => vec![Item { entry, policies: std::mem::take(&mut input.policies) }],
            None => std::mem::take(&mut input.entries),
        };
        match input.source {
            Source::File => ran(case, &input, &[as_list(&items, Format::Json, &input), as_manifests(&items, &input)]),
            Source::Crd => ran(case, &input, &[as_objects(&items, &input)]),
            Source::Eks => ran(case, &input, &[as_mirrored(&items, &input), as_printed(&items, &input)]),
        }
    });
}

type Read = Result<Vec<Entry>, Vec<Diagnostic>>;

/// The entries of one source, read in each of its ways: all must come to what the case expects.
fn ran(case: &Case, input: &Input, ways: &[Read]) -> Outcome {
    let expected = case.expect.clone();
    ways.iter()
        .map(|read| match read {
            Ok(entries) => Outcome::equal(&expected, &answered(input, entries.clone())),
            Err(faults) => {
                let first = faults.iter().find(|fault| fault.severity == Severity::Error).expect("a fault");
                Outcome::equal(&expected, &json!({"invalid": first.code.replace('-', "_")}))
            }
        })
        .find(|outcome| matches!(outcome, Outcome::Broken(_)))
        .unwrap_or(Outcome::Kept)
}

fn cluster_account(input: &Input) -> Option<AccountId> {
    input.cluster.account_id.as_deref().map(|account| account.parse().expect("an account"))
}

/// The spec of an object of ours.
fn spec(item: &Item) -> Value {
    let mut spec = item.entry.clone();
    let members = spec.as_object_mut().expect("a map");
    members.remove("createdAt");
    if !item.policies.is_empty() {
        members.insert("policyAssociations".to_owned(), item.policies.clone().into());
    }
    spec
}

fn read_file(text: &str, format: Format, input: &Input) -> Read {
    let settings = AccessEntryFileSettings { cluster_account: cluster_account(input), unknown: Severity::Error };
    let file = keys::parse_access_entry_file("access-entries", text, format, &settings)?;
    Ok(file.entries.into_iter().map(|entry| entry.entry).collect())
}

fn as_list(items: &[Item], format: Format, input: &Input) -> Read {
    let object = |(number, item)| json!({"metadata": {"name": format!("e{number}")}, "spec": spec(item)});
    let objects: Vec<Value> = items.iter().enumerate().map(object).collect();
    let list = json!({"apiVersion": "iam-bridge.dev/v1alpha1", "kind": "AccessEntryList", "items": objects});
    read_file(&list.to_string(), format, input)
}

fn as_manifests(items: &[Item], input: &Input) -> Read {
    let object = |(number, item)| {
        let metadata = json!({"name": format!("e{number}")});
        let kind = "AccessEntry";
        json!({"apiVersion": "iam-bridge.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec(item)})
    };
    let documents: Vec<String> = items.iter().enumerate().map(|item| format!("---\n{}\n", object(item))).collect();
    read_file(&documents.concat(), Format::Yaml, input)
}

/// What `describe-access-entry` prints, and what `list-associated-access-policies` prints beside it.
fn printed(item: &Item) -> Value {
    json!({"accessEntry": item.entry, "associatedAccessPolicies": item.policies})
}

fn as_printed(items: &[Item], input: &Input) -> Read {
    let list: Vec<Value> = items.iter().map(printed).collect();
    read_file(&json!({"accessEntries": list}).to_string(), Format::Json, input)
}

fn read_one(spec: &Value, form: AccessEntryForm, input: &Input) -> Result<Entry, Vec<Diagnostic>> {
    let text = spec.to_string();
    let document = document::parse("accessentry/e", &text, Format::Json)?;
    let mut faults = Faults::new("accessentry/e".into());
    let rules = AccessEntryRules { form, cluster_account: cluster_account(input) };
    let origin = Origin { place: "accessentry/e".into(), at: Position::default() };
    let entry = keys::parse_access_entry(document.root(), &rules, origin, &Place::Root, Severity::Warning, &mut faults);
    entry.map(|entry| entry.entry).ok_or_else(|| faults.into_list())
}

fn as_mirrored(items: &[Item], input: &Input) -> Read {
    items.iter().map(|item| read_one(&printed(item), AccessEntryForm::Eks, input)).collect()
}

/// The oldest object of a principal speaks for it.
fn as_objects(items: &[Item], input: &Input) -> Read {
    let mut items: Vec<&Item> = items.iter().collect();
    items.sort_by_key(|item| item.entry["createdAt"].as_str().map(str::to_owned));
    items.reverse();
    items.into_iter().map(|item| read_one(&spec(item), AccessEntryForm::Object, input)).collect()
}

pub(crate) fn answered(input: &Input, entries: Vec<Entry>) -> Value {
    let kind = match input.source {
        Source::Eks => SourceKind::EksAccessEntries,
        Source::File => SourceKind::AccessEntryFile,
        Source::Crd => SourceKind::AccessEntry,
    };
    let tables = vec![MappingTable::of_access_entries(kind, entries), aws_auth(&input.aws_auth)];
    let mode = match input.mode.as_str() {
        "API" => AuthenticationMode::Api,
        "API_AND_CONFIG_MAP" => AuthenticationMode::ApiAndConfigMap,
        "CONFIG_MAP" => AuthenticationMode::ConfigMap,
        other => panic!("unknown mode `{other}`"),
    };
    let policies = match input.policy_mode.as_deref() {
        None | Some("rbac") => AccessPolicyMode::Rbac,
        Some("off") => AccessPolicyMode::Off,
        Some(other) => panic!("unknown mode of policies `{other}`"),
    };
    let chain = Chain {
        tables: tables.into_iter().map(Live::fixed).collect(),
        scrubbed: ScrubbedAccounts(input.scrubbed_accounts.iter().cloned().collect()),
        policies,
        mode: Live::fixed(mode),
        ..Chain::default()
    };
    let caller = &input.identity;
    let [id, session, key] = [&caller.user_id, &caller.session_name, &caller.access_key_id].map(|text| Some(&**text));
    let identity = VerifiedIdentity::from_arn(&caller.arn, id, session, key).expect("a caller");
    assert_eq!(
        (identity.canonical_arn().as_str(), identity.account_id()),
        (&*caller.canonical_arn, &*caller.account_id)
    );
    let now: jiff::Timestamp = input.now.parse().expect("an instant");
    let chosen = choose(&chain, &identity, UnixSeconds(now.as_second()));
    let user = chosen.and_then(|choice| choice.render(&identity, &NodeNames::Known(input.ec2.clone())));
    match user {
        Ok(user) => json!({"user": on_the_wire(&user)}),
        Err(error) => json!({"refuse": Denial::from(error).reason().as_str()}),
    }
}

/// An aws-auth ConfigMap, each value a text as it stands in one.
fn aws_auth(lists: &BTreeMap<String, Value>) -> MappingTable {
    let data = lists.iter().map(|(key, list)| (key.clone(), list.to_string())).collect();
    let read = keys::parse_aws_auth(&keys::aws_auth_of_data(&data, "kube-system/aws-auth"), key_settings());
    let settings = TableSettings { source: SourceKind::EksConfigMap, partition: Partition::Aws };
    let [roles, users] = [read.roles, read.users].map(|part| part.items.unwrap_or_default());
    MappingTable::new(settings, roles, users, Vec::new())
}

fn on_the_wire(user: &KubernetesUser) -> Value {
    let mut shown = json!({"username": user.username, "groups": user.groups, "uid": user.uid});
    let extra: BTreeMap<&str, [&str; 1]> = user.extra.iter().map(|(key, value)| (*key, [value.as_str()])).collect();
    if !extra.is_empty() {
        shown["extra"] = json!(extra);
    }
    shown
}

fn judged(text: &str) -> Vec<(String, String, u32)> {
    let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
    let faults = match keys::parse_access_entry_file("e.yaml", text, Format::Yaml, &settings) {
        Ok(_) => Vec::new(),
        Err(faults) => faults,
    };
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error);
    errors.map(|fault| (fault.code.to_owned(), fault.key.clone(), fault.at.map_or(0, |at| at.line))).collect()
}

/// An object whose spec begins at line 5.
fn object(spec: &str) -> String {
    let lines: Vec<String> = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: iam-bridge.dev/v1alpha1\nkind: AccessEntry\nmetadata: {{name: e}}\nspec:\n{}", lines.concat())
}

#[test]
fn every_fault_of_an_entry_stands_where_its_member_does() {
    let arn = "principalArn: arn:aws:iam::111122223333:role/dev";
    for (spec, code, key, line) in [
        (format!("{arn}\nexpireAt: 2027-01-01T00:00:00Z"), "misspelt-guard", "spec.expireAt", 6),
        (format!("{arn}\nprincipalID2: x"), "misspelt-guard", "spec.principalID2", 6),
        (format!("{arn}\nkubernetesGroup: [a]"), "unknown-key", "spec.kubernetesGroup", 6),
        (format!("{arn}\nprincipalId: 111122223333"), "bad-type", "spec.principalId", 6),
        (format!("{arn}\nprincipalId:"), "principal-id", "spec.principalId", 6),
        (format!("{arn}\nuserid: AROA1"), "principal-id", "spec.userid", 6),
        (format!("{arn}\nexpiresAt: \"\""), "timestamp", "spec.expiresAt", 6),
        (format!("{arn}\nnotAfter: soon"), "timestamp", "spec.notAfter", 6),
        (
            format!("{arn}\nexpiresAt: 2027-01-01T00:00:00Z\nnotAfter: 2028-01-01T00:00:00Z"),
            "guard-twice",
            "spec.notAfter",
            7,
        ),
        (format!("{arn}\nkubernetesGroups:\n- ok\n- system:masters"), "group-name", "spec.kubernetesGroups[1]", 8),
        (format!("{arn}\nkubernetesGroups: dev"), "bad-type", "spec.kubernetesGroups", 6),
        (
            format!(
                "{arn}\npolicyAssociations:\n- policy: AmazonEKSViewPolicy\n  accessScope:\n    type: namespace\n    namespaces: [Dev]"
            ),
            "access-scope",
            "spec.policyAssociations[0].accessScope.namespaces",
            10,
        ),
        (
            format!(
                "{arn}\npolicyAssociations:\n- policy: AmazonEKSViewPolicy\n  accessScope: {{type: cluster}}\n  expiresAd: x"
            ),
            "misspelt-guard",
            "spec.policyAssociations[0].expiresAd",
            9,
        ),
        (
            format!("{arn}\npolicyAssociations:\n- policyArn: AmazonNoPolicy\n  accessScope: {{type: cluster}}"),
            "policy",
            "spec.policyAssociations[0].policyArn",
            7,
        ),
    ] {
        assert_eq!(judged(&object(&spec)), [(code.to_owned(), key.to_owned(), line)], "{spec}");
    }
    for good in [
        format!("{arn}\nuserid: AROA1234567890EXAMPLE\nnotAfter: 2027-01-01T00:00:00Z"),
        format!("{arn}\nkubernetesGroups:\nusername: null"),
        format!("{arn}\nnotBefore: 2026-01-01T00:00:00Z\nexpiresAt: 2027-01-01T00:00:00Z\nreason: on call"),
    ] {
        assert_eq!(judged(&object(&good)), [], "{good}");
    }
}

#[test]
fn a_misspelt_guard_makes_an_entry_of_eks_bad_too_and_other_news_does_not() {
    let entry = |more: &str| {
        format!("accessEntry:\n  principalArn: arn:aws:iam::111122223333:role/dev\n  accessEntryArn: a\n  {more}\n")
    };
    assert_eq!(judged(&entry("somethingNew: {a: 1}")), []);
    assert_eq!(
        judged(&entry("principalIdd: AROA1")),
        [("misspelt-guard".into(), "accessEntry.principalIdd".into(), 4)]
    );
    let text = entry("username: system:admin") + "associatedAccessPolicies:\n- {policyArn: x, accessScope: 1}\n";
    assert_eq!(judged(&text), [("bad-type".into(), "associatedAccessPolicies[0].accessScope".into(), 6)]);
}

#[test]
fn a_node_is_exempt_from_the_prefix_of_nodes_alone() {
    let spec = json!({"principalArn": "arn:aws:iam::111122223333:role/node", "type": "FARGATE_LINUX"});
    let standard = json!({"principalArn": "arn:aws:iam::111122223333:role/node", "username": "a:system:node:x"});
    let arn = "arn:aws:sts::111122223333:assumed-role/node/fargate-x";
    let caller = VerifiedIdentity::from_arn(arn, Some("AROA1234567890EXAMPLE"), Some("fargate-x"), Some("")).unwrap();
    let reserved = |spec: &Value, prefix: &str| {
        let list = json!({"kind": "AccessEntry", "apiVersion": "iam-bridge.dev/v1alpha1", "metadata": {"name": "n"}, "spec": spec});
        let settings = AccessEntryFileSettings { cluster_account: None, unknown: Severity::Error };
        let file = keys::parse_access_entry_file("e", &list.to_string(), Format::Json, &settings).unwrap();
        let entries = file.entries.into_iter().map(|entry| entry.entry).collect();
        let prefixes = [(SourceKind::AccessEntryFile, vec![prefix.to_owned()])].into();
        let chain = Chain {
            tables: vec![Live::fixed(MappingTable::of_access_entries(SourceKind::AccessEntryFile, entries))],
            reserved: Live::fixed(ReservedPrefixes(prefixes)),
            ..Chain::default()
        };
        let user = choose(&chain, &caller, UnixSeconds(0)).unwrap().render(&caller, &NodeNames::Unavailable);
        user.map_err(|error| Denial::from(error).reason().as_str()).map(|user| user.username)
    };
    assert_eq!(reserved(&spec, "system:node:").as_deref(), Ok("system:node:fargate-x"));
    assert_eq!(reserved(&spec, "system:"), Err("reserved_name"));
    assert_eq!(reserved(&spec, "system:node:f"), Err("reserved_name"));
    assert_eq!(reserved(&standard, "a:"), Err("reserved_name"));
}

#[test]
fn what_nearly_names_a_caller_is_told_in_the_words_of_access_entries() {
    let near = |principal: &str, caller: &str| {
        let text = AccessEntryText { principal_arn: principal.to_owned(), ..AccessEntryText::default() };
        let rules = AccessEntryRules { form: AccessEntryForm::File, cluster_account: None };
        let entry = AccessEntry::parse(&text, &rules, Origin::default()).unwrap().entry;
        let table = MappingTable::of_access_entries(SourceKind::AccessEntryFile, vec![entry]);
        let caller = VerifiedIdentity::from_arn(caller, Some("x"), Some("s"), Some("")).unwrap();
        nearest(&table, &caller, 3).into_iter().map(|near| (near.hint.map(Hint::as_str), near.cure)).next()
    };
    let role = "arn:aws:sts::111122223333:assumed-role/developer/s";
    let sso = |suffix: &str| format!("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_{suffix}/s");
    assert_eq!(near("arn:aws:iam::111122223333:role/some/path/other-role", role), None);
    for (principal, caller, hint) in [
        ("arn:aws:iam::444455556666:role/path/developer", role, Some("account_differs")),
        ("arn:aws-cn:iam::111122223333:role/developer", role, Some("partition_differs")),
        ("arn:aws:iam::111122223333:root", role, Some("root_only")),
        ("arn:aws:iam::111122223333:role/path/develper", role, None),
        ("arn:aws:iam::111122223333:user/team/developer", "arn:aws:iam::111122223333:user/developer", None),
        (
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0123456789abcdef",
            &sso("fedcba9876543210"),
            Some("sso_suffix"),
        ),
    ] {
        let (seen, cure) = near(principal, caller).unwrap_or_else(|| panic!("{principal} is near {caller}"));
        assert_eq!(seen, hint, "{principal}");
        assert!(cure.contains("principalArn: arn:aws") && !cure.contains("mapAccounts"), "{cure}");
    }
}
