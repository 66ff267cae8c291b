//! `entries render`: the RoleBindings that the access policies of entries need, for who applies objects by other means.

use serde::Serialize;

use super::files::load;
use crate::cli::{Call, Exit, output, usage};
use crate::clock::Clock;
use crate::config::flags::RenderEntries;
use crate::kubernetes::{KubeconfigFiles, connect_person, namespace_names};
use crate::mapping::Grant;
use crate::policy::{access_policies_yaml, role_bindings};

/// Runs the command.
pub(super) fn run(flags: &RenderEntries, call: &Call) -> Exit {
    let asks_cluster = flags.context.is_some() || flags.kubeconfig.is_some();
    if flags.namespaces.is_empty() && !asks_cluster {
        output::fail("which namespaces there are is not known; give --namespaces a,b or --context NAME");
        usage::show("entries");
        return Exit::Usage;
    }
    let Some(grants) = grants(flags) else {
        return output::fail("nothing is rendered of files with faults");
    };
    let namespaces = if asks_cluster {
        match namespaces(flags, call) {
            Ok(namespaces) => namespaces,
            Err(why) => {
                let exit = output::fail(why);
                output::hint("listing namespaces needs the right to; or name them with --namespaces a,b");
                return exit;
            }
        }
    } else {
        flags.namespaces.clone()
    };
    let bindings = role_bindings(&grants, namespaces.iter().map(String::as_str));
    let rendered = text(flags.with_static, &bindings);
    output::line(format_args!("{} RoleBinding(s) in {} namespace(s)", bindings.len(), namespaces.len()));
    match rendered {
        Ok(text) => output::data(&text),
        Err(error) => output::fail(format_args!("the objects cannot be written: {error}")),
    }
}

/// Grants of all files that are not over; `None` when a file has a fault, which is told.
fn grants(flags: &RenderEntries) -> Option<Vec<Grant>> {
    let now = Clock::system().now();
    let (mut grants, mut is_good) = (Vec::new(), true);
    for path in &flags.files {
        let judged = load(path).map(|sheet| sheet.judge(&sheet.text));
        let Some(Ok(file)) = judged.map(|judged| judged.map_err(|faults| faults.iter().for_each(output::line))) else {
            is_good = false;
            continue;
        };
        file.warnings.iter().for_each(output::warning);
        for entry in file.entries.iter().map(|read| &read.entry) {
            let is_over = entry.expires_at().is_some_and(|end| now >= end);
            if is_over && !entry.grants().is_empty() {
                output::line(format_args!(
                    "{}: left out: the entry of `{}` has expired",
                    entry.origin(),
                    entry.principal_text()
                ));
                continue;
            }
            for grant in entry.grants() {
                if grant.is_over(now) {
                    output::line(format_args!(
                        "{}: left out: {} of `{}` has expired",
                        entry.origin(),
                        grant.policy,
                        entry.principal_text()
                    ));
                } else {
                    if grant.expires_at.is_some() || entry.expires_at().is_some() {
                        output::warning(format_args!(
                            "{}: {} of `{}` ends later: the server takes the person's group away then, the RoleBinding stays until you render again",
                            entry.origin(),
                            grant.policy,
                            entry.principal_text()
                        ));
                    }
                    grants.push(grant.clone());
                }
            }
        }
    }
    is_good.then_some(grants)
}

fn namespaces(flags: &RenderEntries, call: &Call) -> Result<Vec<String>, String> {
    let env = &call.env;
    let files = KubeconfigFiles::choose(flags.kubeconfig.as_deref(), env.kubeconfig.as_deref(), env.home.as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the system gives no event loop: {error}"))?;
    let asked = runtime.block_on(Box::pin(async {
        let client =
            connect_person(&files, flags.context.as_deref(), None).await.map_err(|error| output::chain(&error))?;
        namespace_names(client).await.map_err(|error| output::chain(&error))
    }));
    runtime.shutdown_background();
    asked
}

/// Documents behind each other, each begun by `---`.
fn text(with_static: bool, bindings: &[impl Serialize]) -> Result<String, serde_saphyr::ser::Error> {
    let mut text = if with_static { access_policies_yaml()? } else { String::new() };
    for binding in bindings {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(binding)?);
    }
    Ok(text)
}
