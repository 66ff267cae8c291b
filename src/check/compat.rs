//! What behaves differently from aws-iam-authenticator 0.7 for a file; notes, never faults.
//!
//! Entries are read alike in every source; where one differs there, [`Reader`] tells them apart.

use super::lint::each_entry;
use crate::config::server::Resolved;
use crate::diagnostic::{Position, Severity};
use crate::document::{Faults, Node, Place, Value};
use crate::mapping::{
    Entry, EntryList, EntryText, MappedAccount, RolePaths, SourceKind, is_reserved_group, is_reserved_username,
};
use crate::sources::keys::{self, KeySettings};

/// Keys under `server` that the reference does not know, and so ignores.
const OURS: &[(&str, &str)] = &[
    ("accessEntryFile", "access entries are read from there"),
    ("accessPolicies", "access policies of entries are given by this"),
    ("audiences", "the answer's audiences are limited to these, and a request for others is refused"),
    ("authenticationMode", "it says which of access entries and aws-auth count"),
    ("clientCAFile", "the webhook demands the API server's client certificate"),
    ("cluster", "node roles of another account are refused"),
    ("decisionLog", "each decision is recorded"),
    ("deny", "whoever it names is refused"),
    ("denyStatus", "refusals are answered with this status"),
    ("ec2", "an instance must have one of these profiles to get its node's name"),
    ("eksAccessEntries", "the access entries of an EKS cluster are mirrored"),
    ("healthAddress", "the health listener stands here"),
    ("identityCache", "verified identities are remembered for these times"),
    ("metricsAddress", "metrics are served here"),
    ("nodeName", "nodes get names of this form"),
    ("rolePaths", "role ARNs with a path are judged by this"),
    ("sts", "calls to STS are made by these rules"),
];

/// Who reads an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    pub(super) source: SourceKind,
    pub(super) settings: KeySettings,
    /// `dynamicfileUserIDStrict`
    pub(super) user_id_strict: bool,
}

/// Lists the differences for a server config.
pub(super) fn config(root: Node<'_>, resolved: &Resolved, faults: &mut Faults) {
    let server = Place::Key(&Place::Root, "server");
    let of = |key| root.member("server").and_then(|server| server.member(key));
    for (key, effect) in OURS {
        if let Some(node) = of(key) {
            let what = format!("aws-iam-authenticator ignores this key; here {effect}");
            note(faults, node.at(), &Place::Key(&server, key), "compat-our-key", what);
        }
    }
    let settings = resolved.settings.sources.key_settings();
    let reader = Reader { source: SourceKind::MountedFile, settings, user_id_strict: false };
    let mut any = false;
    each_entry(root, |list, node, text, place| {
        any = true;
        let other = |key: &str| match key {
            "userid" => node.member("principalId"),
            "notAfter" => node.member("expiresAt"),
            _ => None,
        };
        let at = |key: &str| node.member(key).or_else(|| other(key)).unwrap_or(node).at();
        entry((list, text), at, place, reader, faults);
    });
    if let Some(node) = of("mapAccounts").filter(|node| !node.is_null()) {
        any = true;
        accounts_of(node.at(), &Place::Key(&server, "mapAccounts"), settings, faults);
    }
    let is_filled = |node: &Node<'_>| matches!(node.value(), Value::List(items) if items.count_left() > 0);
    if let Some(node) = of("reservedPrefixConfig").filter(is_filled) {
        let what = "the prefixes also hold for names that mapAccounts yields".to_owned();
        note(faults, node.at(), &Place::Key(&server, "reservedPrefixConfig"), "compat-reserved-prefix", what);
    }
    if any || of("deny").is_some() {
        let what = "mappings are read again when the file changes; aws-iam-authenticator reads them at the start only"
            .to_owned();
        note(faults, root.at(), &Place::Root, "compat-reload", what);
    }
    if let Some(node) = of("backendMode") {
        let place = Place::Key(&server, "backendMode");
        resolved.settings.sources.backend_modes.iter().for_each(|kind| source(*kind, node.at(), &place, faults));
    }
    if let Some(node) = of("dynamicBackendModePath").filter(|node| !node.is_null()) {
        backend_mode_file(node.at(), &Place::Key(&server, "dynamicBackendModePath"), faults);
    }
    for key in ["ec2DescribeInstancesQps", "ec2DescribeInstancesBurst"] {
        if let Some(node) = of(key).filter(|node| !node.is_null()) {
            let what =
                "the limit holds for DescribeInstances; in aws-iam-authenticator for AssumeRole alone".to_owned();
            note(faults, node.at(), &Place::Key(&server, key), "compat-ec2-rate", what);
        }
    }
}

/// Lists the differences for the good entries and accounts of another file.
pub(super) fn mappings(lists: &[&[Entry]], accounts: &[MappedAccount], reader: Reader, faults: &mut Faults) {
    for each in lists.iter().copied().flatten() {
        let place = Place::Key(&Place::Root, keys::key_of(each.list()));
        entry((each.list(), &each.text()), |_| each.origin().at, &place, reader, faults);
    }
    if let Some(account) = accounts.first() {
        accounts_of(account.origin.at, &Place::Key(&Place::Root, "mapAccounts"), reader.settings, faults);
    }
}

/// Lists the difference of a source as a whole.
pub(super) fn source(kind: SourceKind, at: Position, place: &Place<'_>, faults: &mut Faults) {
    let (code, what) = match kind {
        SourceKind::EksConfigMap => (
            "compat-broken-document",
            "a value of aws-auth that is no YAML leaves in force what it said before; aws-iam-authenticator empties it",
        ),
        SourceKind::Crd => (
            "compat-crd-index",
            "objects are found by spec.arn; aws-iam-authenticator goes by status.canonicalARN, which may be absent or old",
        ),
        SourceKind::AccessEntry
        | SourceKind::AccessEntryFile
        | SourceKind::DynamicFile
        | SourceKind::EksAccessEntries
        | SourceKind::MountedFile => return,
    };
    note(faults, at, place, code, what.to_owned());
}

/// Lists the difference of the backend-mode file.
pub(super) fn backend_mode_file(at: Position, place: &Place<'_>, faults: &mut Faults) {
    let what = "new sources are asked once they have read their input; aws-iam-authenticator asks them at once, empty";
    note(faults, at, place, "compat-backend-mode", what.to_owned());
}

fn accounts_of(at: Position, place: &Place<'_>, settings: KeySettings, faults: &mut Faults) {
    let what = format!(
        "accounts match in partition {} only, and the names they yield pass the reserved names and prefixes; aws-iam-authenticator checks neither",
        settings.partition
    );
    note(faults, at, place, "compat-accounts", what);
}

/// Lists the differences for one entry; `at` tells where a member stands.
pub(super) fn entry(
    (list, text): (EntryList, &EntryText),
    at: impl Fn(&str) -> Position,
    place: &Place<'_>,
    reader: Reader,
    faults: &mut Faults,
) {
    let is_object = reader.source == SourceKind::Crd;
    let mut tell = |key: &'static str, code: &'static str, what: String| {
        let key = if is_object && key == "rolearn" { "arn" } else { key };
        note(faults, at(key), &Place::Key(place, key), code, what);
    };
    if let Some(sso) = text.sso.as_ref().filter(|_| reader.settings.sso_roles) {
        let what = "SSO entries match by default; aws-iam-authenticator needs the gate SSORoleMatch".to_owned();
        tell("sso", "compat-sso", what);
        let what =
            "the set's name must be followed by `_` and 16 hex digits; aws-iam-authenticator takes any text there"
                .to_owned();
        tell("sso", "compat-sso-suffix", what);
        if !sso.partition.is_empty() {
            let what = "the partition is honoured; in aws-iam-authenticator an entry with one never matches".to_owned();
            tell("sso", "compat-sso-partition", what);
        }
    }
    let arn = text.role_arn.as_deref().or(text.user_arn.as_deref()).unwrap_or_default();
    let has_path = list == EntryList::Roles && arn.contains(":role/") && arn.matches('/').count() > 1;
    if has_path && reader.settings.role_paths == RolePaths::Ignore && !reader.user_id_strict {
        let what =
            "the role's path is ignored, so the entry matches; in aws-iam-authenticator it never does".to_owned();
        tell("rolearn", "compat-role-path", what);
    }
    if text.role_arn_like.is_some() {
        let what = match reader.source {
            SourceKind::DynamicFile => "aws-iam-authenticator refuses a file with an entry that lacks rolearn",
            SourceKind::EksConfigMap => "aws-iam-authenticator drops an entry without rolearn or sso",
            _ => "aws-iam-authenticator refuses an entry without rolearn or sso",
        };
        tell("rolearnLike", "compat-our-key", what.to_owned());
    }
    if text.user_id.is_some() && !reader.user_id_strict {
        let what = "the entry is pinned to the unique id; aws-iam-authenticator ignores the key here".to_owned();
        tell("userid", "compat-pin", what);
    }
    let limits = [("notBefore", &text.not_before), ("notAfter", &text.not_after)];
    for (key, _) in limits.into_iter().filter(|(_, limit)| limit.is_some()) {
        tell(key, "compat-window", "the entry is limited in time; aws-iam-authenticator ignores the key".to_owned());
    }
    if text.username.is_empty() {
        tell(
            "username",
            "compat-empty-username",
            "the caller is refused; aws-iam-authenticator answers with an empty username".to_owned(),
        );
    }
    let names = || std::iter::once(&text.username).chain(&text.groups);
    if names().any(|name| name.contains("{{EC2PrivateDNSName}}")) {
        let what = "the instance must be the caller's account's, pending or running, with a name; aws-iam-authenticator takes what EC2 tells of any id".to_owned();
        tell("username", "compat-node-names", what);
    }
    if is_reserved_username(&text.username) {
        tell("username", "compat-reserved-name", format!("`{}` is always refused", text.username));
    }
    if let Some(group) = text.groups.iter().find(|group| is_reserved_group(group)) {
        tell("groups", "compat-reserved-name", format!("the group `{group}` is always refused"));
    }
}

fn note(faults: &mut Faults, at: Position, place: &Place<'_>, code: &'static str, what: String) {
    faults.add(Severity::Note, at, place, code, what, "");
}
