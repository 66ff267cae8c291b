//! Where access entries come from, which of entries and aws-auth count, and what becomes of access policies.
//!
//! A source that is named needs its settings, settings without their source are told (`--backend-mode` may name it), and
//! no source may contradict `server.authenticationMode`.

use std::path::PathBuf;
use std::time::Duration;

use super::entry_keys::{EksKeys, EntryKeys};
use super::env::Env;
use super::file::{Given, ServerKeys};
use super::judge::{From, Judge};
use super::pick::text_of;
use super::surroundings::surroundings;
use crate::iam::ArnSections;
use crate::mapping::{AuthenticationMode, SourceKind};
use crate::policy::PolicySettings;
use crate::sources::keys::stands_behind_aws_auth;
use crate::sources::{EksMirror, ModeFrom};

/// The shortest and the longest `eksAccessEntries.interval`.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60 * 60));
/// Longest name of an EKS cluster.
const CLUSTER_NAME: usize = 100;
/// Longest name of a region.
const REGION: usize = 32;

const FILE_KEY: &str = "server.accessEntryFile";
const MODE_KEY: &str = "server.authenticationMode";
const NAME_KEY: &str = "server.eksAccessEntries.clusterName";

/// A mode of `server.backendMode`, and where it stands.
pub(super) type Mode = (From, SourceKind);

/// The file of access entries.
pub(super) fn file(server: &ServerKeys, modes: &[Mode], judge: &mut Judge) -> Option<PathBuf> {
    let path = text_of(&server.entries.file);
    match (&path, from_of(&server.entries.file), names(modes, SourceKind::AccessEntryFile)) {
        // A backend-mode file may add it later.
        (Some(_), from, false) if !may_change(server) => {
            let what = "a file of access entries is named, and backendMode has no AccessEntryFile".to_owned();
            let cure = "add AccessEntryFile to backendMode, before EKSConfigMap, or remove the path";
            judge.warning(from, FILE_KEY, "access-entry-file", what, cure);
        }
        (None, from, true) => {
            let what = "backendMode has AccessEntryFile, and no file is named".to_owned();
            judge.error(from, FILE_KEY, "access-entry-file", what, "set accessEntryFile");
        }
        (Some(_) | None, _, _) => {}
    }
    path.map(PathBuf::from)
}

/// The EKS cluster that is mirrored.
pub(super) fn mirror(
    server: &ServerKeys,
    modes: &[Mode],
    env: &Env,
    state_dir: PathBuf,
    judge: &mut Judge,
) -> Option<EksMirror> {
    let keys = &server.entries.eks;
    let wanted = names(modes, SourceKind::EksAccessEntries);
    let (name, region) = (text_of(&keys.cluster_name), text_of(&keys.region));
    if !wanted && name.is_none() && region.is_none() {
        return None;
    }
    if !wanted && !may_change(server) {
        let what = "an EKS cluster is named, and backendMode has no EKSAccessEntries".to_owned();
        let cure = "add EKSAccessEntries to backendMode, before EKSConfigMap, or remove eksAccessEntries";
        judge.warning(from_of(&keys.cluster_name), NAME_KEY, "eks-access-entries", what, cure);
    }
    for (text, given, key) in
        [(&name, &keys.cluster_name, NAME_KEY), (&region, &keys.region, "server.eksAccessEntries.region")]
    {
        if text.is_none() {
            let what = format!("EKSAccessEntries needs the {}", key.rsplit('.').next().unwrap_or_default());
            judge.error(from_of(given), key, "eks-access-entries", what, "say which EKS cluster is mirrored");
        }
    }
    judge_texts(keys, judge);
    let defaults = EksMirror::new(&name?, &region?, state_dir);
    Some(EksMirror {
        role_arn: text_of(&keys.role_arn),
        external_id: text_of(&keys.external_id),
        interval: keys.interval.map_or(defaults.interval, |given| given.value),
        qps: keys.qps.map_or(defaults.qps, |given| given.value),
        endpoint: text_of(&keys.endpoint),
        pin: keys.pin.map_or(defaults.pin, |given| given.value),
        max_stale: keys.max_stale.map_or(defaults.max_stale, |given| given.value),
        surroundings: surroundings(env),
        ..defaults
    })
}

/// Judges what a look-up would find out much later.
fn judge_texts(keys: &EksKeys, judge: &mut Judge) {
    let mut bad = |given: &Option<Given<String>>, key: &str, code, what: &str, cure: &str| {
        let text = text_of(given).unwrap_or_default();
        judge.error(from_of(given), &format!("server.eksAccessEntries.{key}"), code, format!("`{text}` {what}"), cure);
    };
    let unless =
        |given: &Option<Given<String>>, good: fn(&str) -> bool| text_of(given).is_some_and(|text| !good(&text));
    if unless(&keys.cluster_name, is_cluster_name) {
        let cure = "write 1 to 100 letters, digits, `-` and `_`, the first a letter or digit";
        bad(&keys.cluster_name, "clusterName", "bad-value", "is no name of an EKS cluster", cure);
    }
    if unless(&keys.region, is_region) {
        bad(&keys.region, "region", "bad-value", "is no region", "write it as eu-central-1");
    }
    if unless(&keys.role_arn, is_role) {
        bad(&keys.role_arn, "roleArn", "bad-arn", "is not the ARN of a role", "write arn:aws:iam::ACCOUNT:role/NAME");
    }
    if unless(&keys.endpoint, is_url) {
        bad(&keys.endpoint, "endpoint", "bad-value", "is no URL", "write https://HOST or https://HOST:PORT");
    }
    if text_of(&keys.external_id).is_some() && text_of(&keys.role_arn).is_none() {
        let what = "an external id is given, and no role that would ask for it".to_owned();
        let key = "server.eksAccessEntries.externalId";
        judge.error(from_of(&keys.external_id), key, "external-id", what, "set roleArn, or remove it");
    }
    if let Some(interval) = keys.interval.filter(|given| given.value < INTERVALS.0 || given.value > INTERVALS.1) {
        let what = format!("`{:?}` is not from 1s to 1h", interval.value);
        let key = "server.eksAccessEntries.interval";
        judge.error(From::File(interval.at), key, "bad-value", what, "");
    }
}

/// Which of entries and aws-auth count; what contradicts it is told, and what stands in an order that EKS has not.
pub(super) fn mode(server: &ServerKeys, modes: &[Mode], judge: &mut Judge) -> ModeFrom {
    let given = server.entries.mode;
    let mode = given.map(|given| given.value).unwrap_or_default();
    let from = given.map_or(From::Nowhere, |given| From::File(given.at));
    match mode {
        ModeFrom::Config(mode) => {
            for (_, kind) in modes.iter().filter(|(_, kind)| !mode.asks(*kind)) {
                let what = format!("authenticationMode {} does not ask {kind}, which backendMode has", mode.as_str());
                let cure = format!("take {kind} out of backendMode, or write API_AND_CONFIG_MAP");
                judge.error(from, MODE_KEY, "authentication-mode", what, &cure);
            }
        }
        ModeFrom::Mirror if !names(modes, SourceKind::EksAccessEntries) && !may_change(server) => {
            let what = "authenticationMode mirror needs the mirrored cluster, and backendMode has no EKSAccessEntries";
            let cure = "add EKSAccessEntries to backendMode, or write a mode";
            judge.error(from, MODE_KEY, "authentication-mode", what.to_owned(), cure);
        }
        ModeFrom::Mirror => {}
    }
    if matches!(mode, ModeFrom::Mirror | ModeFrom::Config(AuthenticationMode::ApiAndConfigMap)) {
        let kinds: Vec<SourceKind> = modes.iter().map(|(_, kind)| *kind).collect();
        for (from, kind) in modes.iter().filter(|(_, kind)| stands_behind_aws_auth(*kind, &kinds)) {
            let what = format!(
                "{kind} stands behind EKSConfigMap: whoever is in both gets what aws-auth says, and on EKS the entry alone counts"
            );
            let cure = format!("write {kind} before EKSConfigMap");
            judge.warning(*from, "server.backendMode", "entries-behind-aws-auth", what, &cure);
        }
    }
    mode
}

/// What becomes of access policies.
pub(super) fn policies(keys: &EntryKeys) -> PolicySettings {
    let defaults = PolicySettings::default();
    PolicySettings {
        mode: keys.policies.map_or(defaults.mode, |given| given.value),
        namespace_scope: keys.namespace_scope.map_or(defaults.namespace_scope, |given| given.value),
    }
}

fn names(modes: &[Mode], wanted: SourceKind) -> bool {
    modes.iter().any(|(_, kind)| *kind == wanted)
}

fn may_change(server: &ServerKeys) -> bool {
    text_of(&server.dynamic_backend_mode_path).is_some()
}

fn from_of(given: &Option<Given<String>>) -> From {
    given.as_ref().map_or(From::Nowhere, |given| From::File(given.at))
}

fn is_cluster_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    first && text.len() <= CLUSTER_NAME && text.bytes().all(known)
}

fn is_region(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= REGION && text.contains('-') && text.bytes().all(known)
}

fn is_role(text: &str) -> bool {
    ArnSections::split(text).is_ok_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/"))
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace) && !rest.contains('@'))
}
