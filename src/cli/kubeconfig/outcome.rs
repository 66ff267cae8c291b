//! What becomes of a wish: files written or shown, and what to do next.

use std::path::Path;

use super::{Failure, Wish};
use crate::cli::{Exit, output};
use crate::config::env::Env;
use crate::config::flags::Kubeconfig;
use crate::doctor::{Ruling, ask_kuberc, find_program};
use crate::kubeconfig::{Change, Files, Kind, Update, preview, update};

/// Writes it, and says so. With `--dry-run` prints it instead.
pub(super) fn write(wish: &Wish, flags: &Kubeconfig, env: &Env, files: &Files) -> Result<Exit, Failure> {
    let Wish { kind, name, changes } = wish;
    let was_there = files.has(*kind, name);
    let command = changes.iter().find_map(|change| match change {
        Change::Convert { exec, .. } | Change::User { exec, .. } => Some(exec.command.clone()),
        Change::Cluster { .. } | Change::Context { .. } | Change::Revert { .. } | Change::UseContext(_) => None,
    });
    let make = if flags.dry_run { preview } else { update };
    let mut updates = Vec::new();
    for (path, changes) in files.assign(changes.clone()) {
        updates.push(make(&path, &changes).map_err(Failure::of)?);
    }
    let done = match (updates.iter().any(|update| update.is_changed), was_there) {
        (false, _) => "Unchanged",
        (true, false) => "Added",
        (true, true) => "Updated",
    };
    let word = kind.word();
    let told = format!("{done} {word} {name} in {}", files_of(&updates));
    if flags.dry_run {
        output::line(format_args!("{told} (--dry-run: nothing is written)"));
        return Ok(output::data(&shown(&updates)));
    }
    let exit = output::data(&format!("{told}\n"));
    if let Some(command) = command {
        advise(*kind, name, &command, flags, env);
    }
    Ok(exit)
}

/// What to do next.
fn advise(kind: Kind, name: &str, command: &str, flags: &Kubeconfig, env: &Env) {
    let program = find_program(command, env.path.as_deref());
    if let Ruling::Denied { file, why } = ask_kuberc(env, command, program.as_deref()) {
        output::warning(format_args!("`{}` forbids kubectl to run it: {why}", file.display()));
        output::hint(format_args!(
            "add to credentialPluginAllowlist there: `- command: {command}` (Kubernetes 1.35: `- name: {command}`)"
        ));
    }
    if kind == Kind::Context {
        let file = flags.kubeconfig.as_deref().map(|file| format!(" --kubeconfig {}", file.display()));
        output::hint(format_args!("try it: kubectl{} --context {name} get ns", file.unwrap_or_default()));
    } else {
        output::hint(format_args!(
            "give it a context: kubectl config set-context NAME --cluster CLUSTER --user {name}"
        ));
    }
}

/// The files that changed, or all of them when none did.
fn files_of(updates: &[Update]) -> String {
    let changed: Vec<&Path> =
        updates.iter().filter(|update| update.is_changed).map(|update| update.file.as_path()).collect();
    let all = updates.iter().map(|update| update.file.as_path());
    let files = if changed.is_empty() { all.collect() } else { changed };
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What the files would hold; each under its name when there are several.
fn shown(updates: &[Update]) -> String {
    match updates {
        [one] => one.text.clone(),
        several => {
            let file = |update: &Update| format!("# {}\n{}", update.file.display(), update.text);
            several.iter().map(file).collect::<Vec<_>>().join("\n---\n")
        }
    }
}
