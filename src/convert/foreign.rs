//! Access entries as eksctl and AWS Controllers for Kubernetes write them.
//!
//! An unknown key is an error: what it was to say would be lost.

use std::sync::Arc;

use crate::diagnostic::Severity;
use crate::document::{Faults, Node, Place, Value, cure_for_unknown};
use crate::mapping::{
    AccessEntry, AccessEntryForm, AccessEntryRules, AccessEntryText, ArnReading, AssociationText, Entry, EntryList,
    EntryRules, EntryText, MappedAccount, Origin,
};
use crate::sources::keys::KeySettings;

/// How the members of an entry are called.
struct Names {
    principal: &'static str,
    username: &'static str,
    groups: &'static str,
    policies: &'static str,
    /// All that may stand there.
    keys: &'static [&'static str],
}

const EKSCTL: Names = Names {
    principal: "principalARN",
    username: "kubernetesUsername",
    groups: "kubernetesGroups",
    policies: "accessPolicies",
    keys: &["principalARN", "type", "kubernetesUsername", "kubernetesGroups", "accessPolicies", "tags"],
};
const ACK: Names = Names {
    principal: "principalARN",
    username: "username",
    groups: "kubernetesGroups",
    policies: "accessPolicies",
    keys: &[
        "principalARN",
        "type",
        "username",
        "kubernetesGroups",
        "accessPolicies",
        "tags",
        "clusterName",
        "clusterRef",
        "clientRequestToken",
    ],
};
const MAPPING_KEYS: [&str; 6] = ["arn", "username", "groups", "noDuplicateARNs", "account", "serviceName"];

/// The entry of an ACK object, and the object's name.
pub(super) fn ack(node: Node<'_>, faults: &mut Faults) -> Option<(Box<AccessEntry>, Option<String>)> {
    let place = Place::Key(&Place::Root, "spec");
    let Some(spec) = node.member("spec") else {
        let what = "the access entry has no `spec`".to_owned();
        faults.error(node.at(), &place, "no-spec", what, "write `spec:` with `principalARN:` below it");
        return None;
    };
    let name = node.member("metadata").and_then(|metadata| metadata.text_of("name")).map(str::to_owned);
    Some((Box::new(entry(spec, &ACK, node, &place, faults)?), name))
}

/// What eksctl makes of a cluster config: `accessConfig.accessEntries`, and `iamIdentityMappings`, which it writes into
/// aws-auth.
pub(super) fn eksctl(
    node: Node<'_>,
    settings: KeySettings,
    faults: &mut Faults,
) -> (Vec<AccessEntry>, Vec<Entry>, Vec<MappedAccount>) {
    let config = Place::Key(&Place::Root, "accessConfig");
    let outer = Place::Key(&config, "accessEntries");
    let list = node.member("accessConfig").and_then(|config| config.member("accessEntries"));
    let entries = list_of(list, &outer, faults)
        .into_iter()
        .enumerate()
        .filter_map(|(number, item)| entry(item, &EKSCTL, item, &Place::Item(&outer, number), faults))
        .collect();
    let outer = Place::Key(&Place::Root, "iamIdentityMappings");
    let (mut mappings, mut accounts) = (Vec::new(), Vec::new());
    for (number, item) in list_of(node.member("iamIdentityMappings"), &outer, faults).into_iter().enumerate() {
        let here = Place::Item(&outer, number);
        let origin = Origin { place: Arc::clone(faults.file()), at: item.at() };
        let texts = Texts { keys: &MAPPING_KEYS };
        if !texts.knows(item, &here, faults) {
            continue;
        }
        if let Some(service) = item.text_of("serviceName") {
            let what = format!("`serviceName: {service}` stands for mappings of eksctl's own");
            faults.error(item.at(), &here, "service-mapping", what, "take them from the aws-auth of the cluster");
        } else if let Some(id) = texts.text(item, "account", &here, faults) {
            accounts.push(MappedAccount { id, origin });
        } else {
            mappings.extend(mapping(item, &texts, settings, origin, &here, faults));
        }
    }
    (entries, mappings, accounts)
}

fn mapping(
    item: Node<'_>,
    texts: &Texts,
    settings: KeySettings,
    origin: Origin,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<Entry> {
    let arn = texts.text(item, "arn", place, faults).unwrap_or_default();
    let list = if arn.contains(":user/") { EntryList::Users } else { EntryList::Roles };
    let mut text = EntryText {
        username: texts.text(item, "username", place, faults).unwrap_or_default(),
        groups: texts.texts(item, "groups", place, faults),
        ..EntryText::default()
    };
    match list {
        EntryList::Roles => text.role_arn = Some(arn),
        EntryList::Users => text.user_arn = Some(arn),
    }
    let rules = EntryRules { arn: ArnReading::AsWritten, paths: settings.role_paths };
    match Entry::parse(list, &text, rules, origin) {
        Ok(entry) => Some(entry),
        Err(errors) => {
            for error in errors {
                faults.error(item.at(), place, error.code(), error.to_string(), &error.cure());
            }
            None
        }
    }
}

/// One entry; what cannot be read of it makes it none.
fn entry(
    node: Node<'_>,
    names: &Names,
    object: Node<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<AccessEntry> {
    let mut own = Faults::new(Arc::clone(faults.file()));
    let entry = judged(node, names, object, place, &mut own).filter(|_| !own.any_error());
    own.into_list().into_iter().for_each(|fault| faults.push(fault));
    entry
}

fn judged(
    node: Node<'_>,
    names: &Names,
    object: Node<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<AccessEntry> {
    let texts = Texts { keys: names.keys };
    if !texts.knows(node, place, faults) {
        return None;
    }
    let outer = Place::Key(place, names.policies);
    let policies = list_of(node.member(names.policies), &outer, faults);
    let associations = policies
        .into_iter()
        .enumerate()
        .map(|(number, item)| association(item, &Place::Item(&outer, number), faults))
        .collect::<Option<Vec<_>>>()?;
    let text = AccessEntryText {
        principal_arn: texts.text(node, names.principal, place, faults).unwrap_or_default(),
        entry_type: texts.text(node, "type", place, faults).filter(|entry_type| !entry_type.is_empty()),
        username: texts.text(node, names.username, place, faults).filter(|username| !username.is_empty()),
        kubernetes_groups: texts.texts(node, names.groups, place, faults),
        associations,
        ..AccessEntryText::default()
    };
    let rules = AccessEntryRules { form: AccessEntryForm::File, cluster_account: None };
    let origin = Origin { place: Arc::clone(faults.file()), at: object.at() };
    match AccessEntry::parse(&text, &rules, origin) {
        Ok(entry) => Some(entry),
        Err(errors) => {
            for error in errors {
                let cure = error.cure();
                faults.error(node.at(), place, error.class(), format!("{}: {error}", error.key()), &cure);
            }
            None
        }
    }
}

fn association(node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<AssociationText> {
    let texts = Texts { keys: &["policyARN", "accessScope"] };
    let inner = Texts { keys: &["type", "namespaces"] };
    let outer = Place::Key(place, "accessScope");
    let scope = node.member("accessScope");
    if !texts.knows(node, place, faults) || !scope.is_none_or(|scope| inner.knows(scope, &outer, faults)) {
        return None;
    }
    Some(AssociationText {
        policy: texts.text(node, "policyARN", place, faults).unwrap_or_default(),
        scope_type: scope.and_then(|scope| inner.text(scope, "type", &outer, faults)).unwrap_or_default(),
        namespaces: scope.map(|scope| inner.texts(scope, "namespaces", &outer, faults)).unwrap_or_default(),
        expires_at: None,
    })
}

/// The members of a map, which are texts and lists of texts.
struct Texts {
    keys: &'static [&'static str],
}

impl Texts {
    /// Whether every key is known.
    fn knows(&self, node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> bool {
        let Value::Map(members) = node.value() else {
            faults.error(node.at(), place, "bad-type", format!("{} stands where a map belongs", node.kind()), "");
            return false;
        };
        let mut good = true;
        for member in members.filter(|member| !self.keys.contains(&member.key)) {
            let what = format!("the key `{}` is not known here", member.key);
            let cure = cure_for_unknown(self.keys, member.key);
            faults.add(Severity::Error, member.at, &Place::Key(place, member.key), "unknown-key", what, &cure);
            good = false;
        }
        good
    }

    fn text(&self, node: Node<'_>, key: &str, place: &Place<'_>, faults: &mut Faults) -> Option<String> {
        let node = node.member(key).filter(|node| !node.is_null())?;
        self.scalar(node, &Place::Key(place, key), faults)
    }

    fn texts(&self, node: Node<'_>, key: &str, place: &Place<'_>, faults: &mut Faults) -> Vec<String> {
        let outer = Place::Key(place, key);
        let items = list_of(node.member(key), &outer, faults).into_iter().enumerate();
        items.filter_map(|(number, item)| self.scalar(item, &Place::Item(&outer, number), faults)).collect()
    }

    /// A number or boolean without quotes is none: what was written may not be what is read.
    fn scalar(&self, node: Node<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<String> {
        use crate::document::Plain;
        match node.scalar().map(|scalar| (scalar, scalar.yaml_1_1())) {
            Some((scalar, Plain::Text(_))) => Some(scalar.text.to_owned()),
            _ => {
                let what = format!("{} stands where a text belongs", node.kind());
                faults.error(node.at(), place, "bad-type", what, "write a text, in quotes");
                None
            }
        }
    }
}

fn list_of<'d>(node: Option<Node<'d>>, place: &Place<'_>, faults: &mut Faults) -> Vec<Node<'d>> {
    let Some(node) = node.filter(|node| !node.is_null()) else { return Vec::new() };
    match node.value() {
        Value::List(items) => items.collect(),
        Value::Map(_) | Value::Scalar(_) => {
            let what = format!("{} stands where a list belongs", node.kind());
            faults.error(node.at(), place, "bad-type", what, "begin each item with `- `");
            Vec::new()
        }
    }
}
