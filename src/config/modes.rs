//! `server.backendMode`, and what must go with it.

use super::access_entries::Mode;
use super::file::ServerKeys;
use super::flags;
use super::judge::{From, Judge};
use super::pick::text_of;
use crate::mapping::SourceKind;
use crate::sources::keys;

/// The sources in order, each once and where it stands, and their names as written.
pub(super) fn modes(typed: &flags::Server, server: &ServerKeys, judge: &mut Judge) -> (Vec<Mode>, Vec<String>) {
    const KEY: &str = "server.backendMode";
    let names: Vec<(From, String)> = match (&typed.backend_mode, &server.backend_mode) {
        (typed, _) if !typed.is_empty() => {
            typed.iter().map(|name| (From::Flag("--backend-mode"), name.clone())).collect()
        }
        (_, Some(given)) => given.value.iter().map(|name| (From::File(name.at), name.value.clone())).collect(),
        (_, None) => vec![(From::Nowhere, SourceKind::MountedFile.as_str().to_owned())],
    };
    let uses_dynamic_file = names.iter().any(|(_, name)| name == SourceKind::DynamicFile.as_str());
    let path = server.dynamic_file_path.as_ref().filter(|path| !path.value.is_empty());
    match path {
        // A backend-mode file may add it later.
        Some(path) if !uses_dynamic_file && text_of(&server.dynamic_backend_mode_path).is_none() => {
            let what = "a dynamic file is named, and backendMode has no DynamicFile".to_owned();
            let cure = "add DynamicFile to backendMode, or remove the path";
            judge.error(From::File(path.at), "server.dynamicfilepath", "dynamic-file", what, cure);
        }
        None if uses_dynamic_file => {
            let what = "backendMode has DynamicFile, and no file is named".to_owned();
            judge.error(From::Nowhere, "server.dynamicfilepath", "dynamic-file", what, "set dynamicfilepath");
        }
        Some(_) | None => {}
    }
    let mut kinds: Vec<Mode> = Vec::new();
    for (number, (from, name)) in names.iter().enumerate() {
        match keys::parse_mode(name) {
            Ok(mode) => {
                if mode.deprecated {
                    let what = format!("the backend mode `{name}` is deprecated");
                    judge.warning(*from, KEY, "deprecated-mode", what, &format!("write {}", mode.kind));
                }
                if !kinds.iter().any(|(_, kind)| *kind == mode.kind) {
                    kinds.push((*from, mode.kind));
                }
            }
            Err(error) => {
                let cure = format!("the sources are {}; case counts", keys::mode_names());
                judge.error(*from, KEY, "bad-backend-mode", error.to_string(), &cure);
            }
        }
        if names.iter().take(number).any(|(_, earlier)| earlier == name) {
            judge.error(*from, KEY, "backend-mode-twice", format!("`{name}` stands twice"), "keep one of them");
        }
    }
    if names.is_empty() {
        let from = server.backend_mode.as_ref().map_or(From::Nowhere, |given| From::File(given.at));
        judge.error(
            from,
            KEY,
            "no-backend-mode",
            "the list of backend modes is empty".to_owned(),
            "name one, or remove the key",
        );
    }
    (kinds, names.into_iter().map(|(_, name)| name).collect())
}
