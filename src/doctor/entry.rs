//! Check 1: the kubeconfig entry is one that kubectl can run, and we understand it.

use super::Check;
use super::finding::Finding;
use super::kuberc::{self, Ruling};
use super::programs;
use super::scene::Scene;
use crate::config::context::ContextPlanError;
use crate::config::exec_entry::{ExecEntryError, Plugin};
use crate::config::get_token::PlanError;
use crate::kubernetes::{Context, ContextError, ExecEntry};

const NAME: &str = "kubeconfig";

/// Versions of the exec protocol that clients accept today.
pub(super) const ACCEPTED: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// The one that Kubernetes 1.24 dropped.
const DROPPED: &str = "client.authentication.k8s.io/v1alpha1";

/// The check.
pub(super) fn check(scene: &Scene<'_>) -> Check {
    let mut finding = Finding::new(NAME);
    let context = match &scene.kubeconfig {
        Ok(context) => context,
        Err(_) if scene.has_no_kubeconfig() => {
            return Check::skipped(NAME, "there is no kubeconfig; AWS's side is looked at with this environment");
        }
        Err(error) => {
            finding.bad(error.to_string(), cure_of(error));
            return finding.end();
        }
    };
    finding.good(format!("context `{}`, cluster `{}`, user `{}`", context.name, context.cluster.name, context.user));
    match &context.exec {
        Some(entry) => {
            judge_entry(&mut finding, scene, context, entry);
            judge_call(&mut finding, scene, context);
        }
        None => {
            let other = match context.other_credentials.as_slice() {
                [] => "nothing else either".to_owned(),
                kinds => format!("a {} instead", kinds.join(" and a ")),
            };
            finding.warn(
                format!("the user has no exec plugin, {other}: AWS is not asked when kubectl uses it"),
                "write one: `iam-bridge kubeconfig --user-only --cluster-id ID --user NAME`",
            );
        }
    }
    finding.end()
}

fn cure_of(error: &ContextError) -> &'static str {
    match error {
        ContextError::Unreadable { .. } => "mend the file; `kubectl config view` must be able to read it",
        ContextError::NoFile(_) => "set KUBECONFIG, or write one: `iam-bridge kubeconfig --eks NAME --region REGION`",
        ContextError::NoneCurrent { .. } => {
            "name one: `iam-bridge doctor CONTEXT`, or `kubectl config use-context CONTEXT`"
        }
        ContextError::NotFound { .. } => "see what there is: `kubectl config get-contexts`",
    }
}

fn judge_entry(finding: &mut Finding, scene: &Scene<'_>, context: &Context, entry: &ExecEntry) {
    let convert = format!("iam-bridge kubeconfig --convert {}", context.name);
    match entry.api_version.as_str() {
        version if ACCEPTED.contains(&version) => {}
        "" => finding.bad("the exec entry has no apiVersion", format!("write `apiVersion: {}`", ACCEPTED[0])),
        DROPPED => finding.bad(
            "the exec entry's apiVersion is v1alpha1, which no client takes since Kubernetes 1.24",
            format!("run `{convert}`, or write `apiVersion: {}`", ACCEPTED[1]),
        ),
        other => finding.bad(
            format!("the exec entry's apiVersion `{other}` is none that clients know"),
            format!("write `apiVersion: {}`", ACCEPTED[0]),
        ),
    }
    match (entry.interactive_mode.as_deref(), entry.api_version == ACCEPTED[0]) {
        (None, true) => finding
            .bad("the exec entry has no interactiveMode, which v1 demands", "write `interactiveMode: IfAvailable`"),
        (Some("Always"), _) => finding.warn(
            "interactiveMode is Always: programs without a terminal cannot run the plugin",
            "write `interactiveMode: IfAvailable`",
        ),
        _ => {}
    }
    match &scene.program {
        _ if entry.command.is_empty() => finding.bad("the exec entry has no command", format!("run `{convert}`")),
        Some(program) if programs::is_path(&entry.command) => finding.good(format!("runs `{}`", program.display())),
        Some(program) => finding.good(format!("runs `{}`, which is `{}`", entry.command, program.display())),
        None if programs::is_path(&entry.command) => finding.bad(
            format!("`{}` is no program that can be run", entry.command),
            hint(entry, "install it there, or name another command in the exec entry"),
        ),
        None => finding.bad(
            format!("`{}` is not on PATH", entry.command),
            hint(entry, "install it, or write its full path: `iam-bridge kubeconfig … --absolute-path`"),
        ),
    }
    match kuberc::ask(&scene.options.env, &entry.command, scene.program.as_deref()) {
        Ruling::Silent => {}
        Ruling::Allowed(file) => finding.good(format!("`{}` allows it", file.display())),
        Ruling::Denied { file, why } => finding.bad(
            format!("`{}` forbids kubectl to run it: {why}", file.display()),
            format!(
                "run `kubectl kuberc set --section credentialplugin --policy Allowlist --allowlist-entry command={}`",
                entry.command
            ),
        ),
        Ruling::Unreadable(file) => finding.warn(
            format!("`{}` cannot be read, so kubectl passes over it", file.display()),
            "mend it: `kubectl kuberc view`",
        ),
    }
}

fn judge_call(finding: &mut Finding, scene: &Scene<'_>, context: &Context) {
    let call = match &scene.call {
        Some(Ok(call)) => call,
        Some(Err(ContextPlanError::Entry(error @ ExecEntryError::UnknownPlugin(_)))) => {
            return finding.warn(
                format!("{error}: what it would do is not known, this environment's keys are looked at instead"),
                "if the cluster is on AWS, point the exec entry at `iam-bridge get-token`, and name the cluster here: --cluster-id ID",
            );
        }
        Some(Err(error)) => {
            return finding.bad(error.to_string(), "compare the exec entry with `iam-bridge get-token --help`");
        }
        None => return,
    };
    match &scene.plan_fault {
        None => {}
        Some(PlanError::NoClusterId) => {
            finding.bad("the plugin's arguments name no cluster", "add `--cluster-id ID` to the args of the exec entry")
        }
        Some(fault) => finding.bad(
            format!("the plugin's arguments cannot be used: {fault}"),
            "mend the args of the exec entry; `iam-bridge get-token --help` lists them",
        ),
    }
    let plugin = match call.plugin {
        Plugin::AwsCli => "the AWS CLI's plugin",
        Plugin::Ours => "our plugin",
        Plugin::Reference => "aws-iam-authenticator's plugin",
    };
    let cluster_id = scene.cluster_id.as_ref().map(|id| format!(" for cluster id `{id}`")).unwrap_or_default();
    finding.good(format!("{plugin}{cluster_id}"));
    for note in &call.notes {
        finding.good(note.clone());
    }
    if call.plugin == Plugin::AwsCli && scene.program.is_none() {
        finding.good(format!("`iam-bridge kubeconfig --convert {}` would need no AWS CLI", context.name));
    }
}

fn hint(entry: &ExecEntry, ours: &str) -> String {
    let hint = entry.install_hint.as_deref().map(|hint| hint.split_whitespace().collect::<Vec<_>>().join(" "));
    hint.unwrap_or_else(|| ours.to_owned())
}
