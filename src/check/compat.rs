//! What behaves differently from aws-iam-authenticator 0.7 for a file; notes, never faults.

use super::lint::each_entry;
use crate::config::server::Resolved;
use crate::diagnostic::Severity;
use crate::document::{Faults, Node, Place, Value};
use crate::mapping::{EntryList, EntryText, RolePaths, is_reserved_group, is_reserved_username};

/// Keys under `server` that the reference does not know, and so ignores.
const OURS: &[(&str, &str)] = &[
    ("audiences", "the answer's audiences are limited to these, and a request for others is refused"),
    ("clientCAFile", "the webhook demands the API server's client certificate"),
    ("decisionLog", "each decision is recorded"),
    ("deny", "whoever it names is refused"),
    ("denyStatus", "refusals are answered with this status"),
    ("healthAddress", "the health listener stands here"),
    ("identityCache", "verified identities are remembered for these times"),
    ("metricsAddress", "metrics are served here"),
    ("rolePaths", "role ARNs with a path are judged by this"),
    ("sts", "calls to STS are made by these rules"),
];

/// Lists the differences.
pub(super) fn compat(root: Node<'_>, resolved: &Resolved, faults: &mut Faults) {
    let server = Place::Key(&Place::Root, "server");
    let of = |key| root.member("server").and_then(|server| server.member(key));
    for (key, effect) in OURS {
        if let Some(node) = of(key) {
            note(
                faults,
                node,
                &Place::Key(&server, key),
                "compat-our-key",
                format!("aws-iam-authenticator ignores this key; here {effect}"),
            );
        }
    }
    let sso_on = resolved.gates.sso_role_match;
    let paths = resolved.settings.sources.role_paths;
    let mut any = false;
    each_entry(root, |list, node, text, place| {
        any = true;
        entry(list, node, text, place, sso_on, paths, faults);
    });
    if let Some(node) = of("mapAccounts").filter(|node| !node.is_null()) {
        any = true;
        let partition = resolved.settings.rules.partition;
        let what = format!(
            "accounts match in partition {partition} only, and the names they yield pass the reserved names and prefixes; aws-iam-authenticator checks neither"
        );
        note(faults, node, &Place::Key(&server, "mapAccounts"), "compat-accounts", what);
    }
    let is_filled = |node: &Node<'_>| matches!(node.value(), Value::List(items) if items.count_left() > 0);
    if let Some(node) = of("reservedPrefixConfig").filter(is_filled) {
        let what = "the prefixes also hold for names that mapAccounts yields".to_owned();
        note(faults, node, &Place::Key(&server, "reservedPrefixConfig"), "compat-reserved-prefix", what);
    }
    if any || of("deny").is_some() {
        let what = "mappings are read again when the file changes; aws-iam-authenticator reads them at the start only"
            .to_owned();
        note(faults, root, &Place::Root, "compat-reload", what);
    }
}

fn entry(
    list: EntryList,
    node: Node<'_>,
    text: &EntryText,
    place: &Place<'_>,
    sso_on: bool,
    paths: RolePaths,
    faults: &mut Faults,
) {
    let at = |key| node.member(key).unwrap_or(node);
    let mut tell = |key: &'static str, code: &'static str, what: String| {
        note(faults, at(key), &Place::Key(place, key), code, what)
    };
    if let Some(sso) = text.sso.as_ref().filter(|_| sso_on) {
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
    if has_path && paths == RolePaths::Ignore {
        let what =
            "the role's path is ignored, so the entry matches; in aws-iam-authenticator it never does".to_owned();
        tell("rolearn", "compat-role-path", what);
    }
    if text.role_arn_like.is_some() {
        tell(
            "rolearnLike",
            "compat-our-key",
            "aws-iam-authenticator refuses an entry without rolearn or sso".to_owned(),
        );
    }
    if text.user_id.is_some() {
        let key = if node.member("userid").is_some() { "userid" } else { "principalId" };
        tell(
            key,
            "compat-pin",
            "the entry is pinned to the unique id; aws-iam-authenticator ignores the key in this file".to_owned(),
        );
    }
    for key in ["notBefore", "notAfter", "expiresAt"].into_iter().filter(|key| node.member(key).is_some()) {
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
        let what = "the instance must be pending or running and of the caller's account; aws-iam-authenticator asks for neither";
        let what = what.to_owned();
        tell("username", "compat-node-names", what);
    }
    if is_reserved_username(&text.username) {
        tell("username", "compat-reserved-name", format!("`{}` is always refused", text.username));
    }
    if let Some(group) = text.groups.iter().find(|group| is_reserved_group(group)) {
        tell("groups", "compat-reserved-name", format!("the group `{group}` is always refused"));
    }
}

fn note(faults: &mut Faults, node: Node<'_>, place: &Place<'_>, code: &'static str, what: String) {
    faults.add(Severity::Note, node.at(), place, code, what, "");
}
