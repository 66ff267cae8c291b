//! `whoami`: both ends side by side.

use super::{Call, Exit, again, output, usage};
use crate::clock::Clock;
use crate::config::context::{self, ContextPlanError};
use crate::config::flags::Whoami;
use crate::config::get_token::{PlanError, keys};
use crate::get_token::GetTokenError;
use crate::kubernetes::KubeconfigFiles;
use crate::whoami::whoami;

/// Runs the command.
pub(super) fn run(flags: &Whoami, call: &Call) -> Exit {
    let answer = match (flags.context.as_deref(), &flags.kubeconfig) {
        (None, None) => match keys(&call.global, &flags.keys, &call.env) {
            Ok(settings) => whoami(&settings, None, &Clock::system()),
            Err(error) => return misplanned(&error),
        },
        // A kubeconfig alone stands for its current context.
        (name, _) => {
            let env = &call.env;
            let files =
                KubeconfigFiles::choose(flags.kubeconfig.as_deref(), env.kubeconfig.as_deref(), env.home.as_deref());
            let context = match files.context(name) {
                Ok(context) => context,
                Err(error) => return output::fail(error),
            };
            if let Some(exit) = context.exec.as_ref().and_then(again::with_variables_of) {
                return exit;
            }
            let settings = match context::settings(&context, &call.global, &flags.keys, env) {
                Ok(settings) => settings,
                Err(ContextPlanError::Plan(error)) => return misplanned(&error),
                Err(error) => {
                    let exit = output::fail(error);
                    output::hint(format_args!(
                        "say which cluster tokens are for: whoami --context {} --cluster-id ID",
                        context.name
                    ));
                    return exit;
                }
            };
            whoami(&settings.keys, Some((&context, &settings.cluster_id)), &Clock::system())
        }
    };
    match answer {
        Ok(answer) => print(&answer, flags),
        Err(error) => no_keys(&error),
    }
}

fn print(answer: &crate::whoami::Whoami, flags: &Whoami) -> Exit {
    for note in &answer.notes {
        output::line(format_args!("note: {note}"));
    }
    let printed = output::shown(answer, flags.output, || answer.render());
    if let Some(refusal) = &answer.aws.refusal {
        output::fail(refusal);
        output::hint(answer.aws.remedy.as_deref().unwrap_or_default());
    }
    if let Some(cluster) = &answer.cluster
        && let Some(refusal) = &cluster.refusal
    {
        output::fail(refusal);
        if let Some(cause) = &cluster.likely_cause {
            output::hint(format_args!("most likely {cause}; `iam-bridge doctor {}` looks closer", cluster.context));
        }
    }
    if answer.is_complete() { printed } else { Exit::Failed }
}

fn no_keys(error: &GetTokenError) -> Exit {
    let exit = output::fail(output::chain(error));
    output::hint(error.remedy());
    exit
}

fn misplanned(error: &PlanError) -> Exit {
    if let PlanError::File(faults) = error {
        faults.iter().for_each(output::line);
    }
    output::fail(error);
    if error.is_usage() {
        usage::show("whoami");
        return Exit::Usage;
    }
    Exit::Failed
}
