//! Files of mappings: `aws-auth`, the dynamic file, and the file that chooses the sources.

use std::path::Path;
use std::sync::Arc;

use super::compat::{self, Reader};
use super::{Found, Sheet, Table, lint};
use crate::diagnostic::Severity;
use crate::document::{Faults, Format, Node, Place, Value, known, nearest};
use crate::mapping::{Entry, MappedAccount, SourceKind};
use crate::sources::keys::{
    AWS_AUTH_KEYS, DynamicFile, ModeNeeds, aws_auth_of_node, parse_aws_auth, parse_backend_mode_file,
    parse_dynamic_file,
};

/// Judges the ConfigMap `aws-auth`, another one that holds its keys, or its data alone.
pub(super) fn aws_auth(sheet: &Sheet<'_>, node: Node<'_>, found: &mut Found) {
    let mut faults = Faults::new(Arc::clone(&sheet.file.name));
    metadata(node, &mut faults);
    data_keys(node, &mut faults);
    if let Some(first) = found.aws_auth {
        let what = format!("an aws-auth stands at line {} too", first.line);
        faults.warning(node.at(), &Place::Root, "aws-auth-twice", what, "the one that is applied last is in force");
    }
    found.aws_auth.get_or_insert_with(|| node.at());
    let settings = sheet.neighbours.key_settings(sheet.options);
    match aws_auth_of_node(&sheet.file.name, sheet.text, node) {
        Ok(text) => {
            let judged = parse_aws_auth(&text, settings);
            let parts = (&judged.roles.items, &judged.users.items, &judged.accounts.items);
            if let (Some(roles), Some(users), Some(accounts)) = parts {
                let reader = Reader { source: SourceKind::EksConfigMap, settings, user_id_strict: false };
                in_force(sheet, &[roles, users], accounts, reader, found);
            }
            if sheet.options.compat {
                compat::source(SourceKind::EksConfigMap, node.at(), &Place::Root, &mut faults);
            }
            let told = [judged.roles.faults, judged.users.faults, judged.accounts.faults];
            found.faults.extend(told.into_iter().flatten());
        }
        Err(bad) => found.faults.extend(bad),
    }
    found.faults.extend(faults.into_list());
}

/// What the object must be called to be read.
fn metadata(node: Node<'_>, faults: &mut Faults) {
    let Some(metadata) = node.member("metadata") else { return };
    let place = Place::Key(&Place::Root, "metadata");
    for (key, expected) in [("name", "aws-auth"), ("namespace", "kube-system")] {
        let Some(value) = metadata.member(key) else { continue };
        if metadata.text_of(key).is_some_and(|value| value != expected) {
            let what = "the server reads the ConfigMap `aws-auth` of namespace `kube-system`, and this is another";
            let cure = format!("write `{key}: {expected}`");
            faults.warning(value.at(), &Place::Key(&place, key), "other-config-map", what.to_owned(), &cure);
        }
    }
}

/// Keys of the data that look like ours; others are other people's.
fn data_keys(node: Node<'_>, faults: &mut Faults) {
    let data = Place::Key(&Place::Root, "data");
    let (members, place) = match (node.member("data"), node.member("kind")) {
        (Some(inner), _) => (inner.value(), data),
        (None, None) => (node.value(), Place::Root),
        (None, Some(_)) => return,
    };
    let Value::Map(members) = members else { return };
    for member in members.filter(|member| !AWS_AUTH_KEYS.contains(&member.key)) {
        let meant = known(&AWS_AUTH_KEYS, member.key).or_else(|| nearest(&AWS_AUTH_KEYS, member.key));
        if let Some(meant) = meant {
            let what = format!("the key `{}` is not read: case counts here", member.key);
            let cure = format!("did you mean `{meant}`?");
            faults.error(member.at, &Place::Key(&place, member.key), "unknown-key", what, &cure);
        }
    }
}

/// Judges the file of `dynamicfilepath`.
pub(super) fn dynamic_file(sheet: &Sheet<'_>, node: Node<'_>, found: &mut Found) {
    let what = "this looks like a dynamic file, which must be JSON";
    let cure = "write it as JSON; in a server config these keys stand under `server`";
    if !is_json(sheet, node, what, cure, found) {
        return;
    }
    let settings = sheet.neighbours.key_settings(sheet.options);
    let name = &sheet.file.name;
    let by_config = sheet.neighbours.user_id_strict(Path::new(&**name));
    let strict = by_config.unwrap_or(sheet.options.user_id_strict);
    let read = |strict| parse_dynamic_file(name, &sheet.file.bytes, strict, settings);
    match read(strict) {
        Ok(DynamicFile { roles, users, accounts, warnings, .. }) => {
            found.faults.extend(warnings);
            let reader = Reader { source: SourceKind::DynamicFile, settings, user_id_strict: strict };
            in_force(sheet, &[&roles, &users], &accounts, reader, found);
        }
        Err(faults) => {
            let is_for_strict = by_config.is_none() && !strict && read(true).is_ok();
            if is_for_strict {
                let what = "with server.dynamicfileUserIDStrict the file is good".to_owned();
                let cure = "check it with --user-id-strict, or together with the server config";
                found.faults.push(sheet.fault(Severity::Note, node.at(), "user-id-strict", what, cure));
            }
            found.faults.extend(faults);
        }
    }
}

/// Judges the file of `dynamicBackendModePath`.
pub(super) fn backend_mode_file(sheet: &Sheet<'_>, node: Node<'_>, found: &mut Found) {
    let what = "this looks like a backend-mode file, which must be JSON";
    let cure = "write it as JSON; in a server config `backendMode` stands under `server`";
    if !is_json(sheet, node, what, cure, found) {
        return;
    }
    let name = &sheet.file.name;
    let needs = sheet.neighbours.mode_needs(Path::new(&**name)).unwrap_or(ModeNeeds::ALL);
    match parse_backend_mode_file(name, &sheet.file.bytes, needs) {
        Ok(file) => found.faults.extend(file.warnings),
        Err(faults) => found.faults.extend(faults),
    }
    if sheet.options.compat {
        let mut faults = Faults::new(Arc::clone(name));
        compat::backend_mode_file(node.at(), &Place::Root, &mut faults);
        found.faults.extend(faults.into_list());
    }
}

/// Tells a file that is YAML, whose reader would only say that it is no JSON.
fn is_json(sheet: &Sheet<'_>, node: Node<'_>, what: &str, cure: &str, found: &mut Found) -> bool {
    let good = sheet.file.format == Format::Json || sheet.text.trim_ascii_start().starts_with('{');
    if !good {
        found.faults.push(sheet.fault(Severity::Error, node.at(), "not-json", what.to_owned(), cure));
    }
    good
}

/// Doubts about what is good, and the table of it.
fn in_force(sheet: &Sheet<'_>, lists: &[&[Entry]], accounts: &[MappedAccount], reader: Reader, found: &mut Found) {
    let mut faults = Faults::new(Arc::clone(&sheet.file.name));
    lint::mappings(lists, accounts, &mut faults);
    if sheet.options.compat {
        compat::mappings(lists, accounts, reader, &mut faults);
    }
    found.faults.extend(faults.into_list());
    found.tables.push(Table::new(&sheet.file.name, reader.source, lists, accounts));
}
